/* The form "benchmark": JSON lines of a serving benchmark's records, one a request, of which the
 * arrival (seconds since 1970) and the lengths are the trace and the rest are measurements, ignored
 * here. The earliest arrival becomes 0.
 */
#include "traces/jsonl.h"

#include "traces/number.h"

static gboolean
read_members(TraceReader *reader, const char *end, const json_t *object, GError **error)
{
  Request request = {0};
  const char *id;

  return jsonl_id(reader, end, object, "request_id", &id, error) &&
         jsonl_arrival(reader, end, object, "arrival_time", 0, &request, error) &&
         jsonl_tokens(reader, end, object, "input_toks", &request.prompt_tokens, error) &&
         jsonl_tokens(reader, end, object, "output_toks", &request.output_tokens, error) &&
         jsonl_max_tokens(reader, end, object, &request, error) &&
         reader_add(reader, &request, id, error);
}

static const JsonlSchema schema = {
    .keys = {{"input_toks", "output_toks", "arrival_time"}},
    .members = read_members,
};

static gboolean
write_all(const TraceFormat *self G_GNUC_UNUSED, TraceOutput *out, const Workload *workload,
          GError **error)
{
  GString *text = out->text;
  char buffer[NUMBER_BUFFER_BYTES];

  for (guint32 i = 0; i < workload_count(workload); i++) {
    const Request *request = workload_request(workload, i);
    g_autofree char *id = workload_id_json(workload, i);
    g_string_append_printf(
        text, "{\"request_id\": %s, \"input_toks\": %u, \"output_toks\": %u, \"arrival_time\": %s",
        id, request->prompt_tokens, request->output_tokens,
        number_print(request->arrival_ps, DECIMALS_MAX, 0, buffer));
    if (request_max_tokens(request) > request->output_tokens)
      g_string_append_printf(text, ", \"max_tokens\": %u", request->max_tokens);
    g_string_append(text, "}\n");
    if (!trace_output_spill(out, error))
      return FALSE;
  }
  return TRUE;
}

const TraceFormat trace_format_benchmark = {
    .name = "benchmark",
    .help = "JSON lines of a serving benchmark's records",
    .shape = "JSON lines with input_toks, output_toks, arrival_time[, request_id, max_tokens]",
    .time_unit = "seconds since 1970",
    .flags = TRACE_TIME_ABSOLUTE | TRACE_KEEPS_IDS | TRACE_KEEPS_MAX_TOKENS,
    .jsonl = &schema,
    .write = write_all,
};
