/* The form "llmservingsim": JSON lines of the LLMServingSim simulator, one request each, times in
 * ns. Its sessions, whose later requests wait for the ones before, are told apart (refusal.c).
 */
#include "jsonl.h"

static gboolean
sniff(const TraceFormat *self, const char *line, const char *end)
{
  static const char *const keys[] = {"input_toks", "output_toks", "arrival_time_ns", NULL};

  static const char *const sessions[] = {"sub_requests", NULL};

  (void)self;
  return jsonl_sniff(line, end, keys) && !jsonl_sniff(line, end, sessions);
}

static gboolean
read_members(TraceReader *reader, const char *end, const json_t *object, GError **error)
{
  Request request = {0};

  return jsonl_arrival(reader, end, object, "arrival_time_ns", 9, &request, error) &&
         jsonl_tokens(reader, end, object, "input_toks", &request.prompt_tokens, error) &&
         jsonl_tokens(reader, end, object, "output_toks", &request.output_tokens, error) &&
         reader_add(reader, &request, NULL, error);
}

static gboolean
read_row(const TraceFormat *self, TraceReader *reader, const char *line, const char *end,
         GError **error)
{
  (void)self;
  return jsonl_row(reader, line, end, read_members, error);
}

const TraceFormat trace_format_llmservingsim = {
    .name = "llmservingsim",
    .help = "JSON lines of the LLMServingSim simulator: ns (read only)",
    .shape = "JSON lines with arrival_time_ns, input_toks, output_toks",
    .time_unit = "ns",
    .sniff = sniff,
    .row = read_row,
};
