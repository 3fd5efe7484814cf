/* The form "bailian": JSON lines of the Qwen-Bailian traces. Times are seconds since the trace's
 * start, a hash stands for 16 tokens, chat_id is a request's own and parent_chat_id that of the
 * turn before it (-1: none). Turns arrive when they did: what a client waited for is in their
 * times.
 */
#include "traces/jsonl.h"

enum { HASH_BLOCK_TOKENS = 16 };

static gboolean
read_members(TraceReader *reader, const char *end, const json_t *object, GError **error)
{
  Request request = {0};
  const char *id;

  return jsonl_id(reader, end, object, "chat_id", &id, error) &&
         jsonl_arrival(reader, end, object, "timestamp", 0, &request, error) &&
         jsonl_tokens(reader, end, object, "input_length", &request.prompt_tokens, error) &&
         jsonl_tokens(reader, end, object, "output_length", &request.output_tokens, error) &&
         jsonl_hashes(reader, end, object, HASH_BLOCK_TOKENS, &request, error) &&
         reader_add(reader, &request, id, error);
}

static const JsonlSchema schema = {
    .keys = {{"chat_id", "timestamp", "input_length", "output_length"}},
    .members = read_members,
};

const TraceFormat trace_format_bailian = {
    .name = "bailian",
    .help = "JSON lines of the Qwen-Bailian traces: s, hashes of 16 tokens (read only)",
    .shape = "JSON lines with chat_id, timestamp, input_length, output_length[, hash_ids]",
    .time_unit = "seconds",
    .flags = TRACE_SKIPS_EMPTY | TRACE_KEEPS_IDS | TRACE_KEEPS_HASHES,
    .jsonl = &schema,
};
