/* The form "aiperf": AIPerf's profile_export.jsonl, a record a request: when it was sent (ns since
 * 1970) and how many tokens went in and came out. Requests that failed, were cancelled or belong to
 * a warm-up are skipped and counted.
 */
#include "traces/jsonl.h"
#include "traces/results.h"

static gboolean
read_members(TraceReader *reader, const char *end, const json_t *object, GError **error)
{
  g_autoptr(GError) why = NULL;
  ResultRequest result;
  Request request = {0};
  const char *id;
  ResultFate fate;

  if (!results_is_aiperf(object))
    return reader_fail(reader, reader->line, end, NULL, error,
                       "a record with metadata.request_start_ns and metrics");
  if (!results_read_aiperf(object, &reader->zero_ns, &result, &id, &fate, &why)) {
    g_propagate_prefixed_error(error, g_steal_pointer(&why), "%s:%" G_GUINT64_FORMAT ": ",
                               reader->name, reader->line_number);
    return FALSE;
  }
  if (fate != RESULT_TAKEN) {
    reader->skipped_failed++;
    return TRUE;
  }
  /* Counted from a second of the first's, from which others may be behind. */
  request.arrival_ps = result.start_ps;
  request.prompt_tokens = result.prompt_tokens;
  request.output_tokens = result.output_tokens;
  return reader_add(reader, &request, id, error);
}

static const JsonlSchema schema = {
    .keys = {{"metadata", "metrics", "request_start_ns"}},
    .members = read_members,
};

const TraceFormat trace_format_aiperf = {
    .name = "aiperf",
    .help = "JSON lines of AIPerf's profile_export.jsonl (read only)",
    .shape = "JSON lines with metadata.request_start_ns and metrics",
    .time_unit = "ns",
    .flags = TRACE_TIME_ABSOLUTE | TRACE_SKIPS_EMPTY | TRACE_KEEPS_IDS,
    .jsonl = &schema,
};
