/* The form "mooncake": JSON lines of the Mooncake traces, times in ms, with the prefix hashes of
 * each prompt. A hash stands for 512 prompt tokens, or for hash_block_tokens of them where a line
 * has that member; equal hashes mean equal prompts up to and including that block, and the last
 * block may be partial. The one text form that keeps hashes.
 */
#include "jsonl.h"

#include "number.h"

enum { HASH_BLOCK_TOKENS = 512 };

static gboolean
sniff(const TraceFormat *self, const char *line, const char *end)
{
  static const char *const keys[] = {"timestamp", "input_length", "output_length", NULL};

  (void)self;
  return jsonl_sniff(line, end, keys);
}

static gboolean
read_hashes(TraceReader *reader, const char *end, const json_t *object, Request *request,
            GError **error)
{
  const json_t *hashes = json_object_get(object, "hash_ids");
  guint32 block_tokens = HASH_BLOCK_TOKENS;
  guint64 blocks_max;

  g_array_set_size(reader->hashes, 0);
  if (json_object_get(object, "hash_block_tokens") != NULL) {
    if (!jsonl_tokens(reader, end, object, "hash_block_tokens", &block_tokens, error))
      return FALSE;
    if (block_tokens == 0)
      return jsonl_fail(reader, end, object, "hash_block_tokens", error,
                        "a whole number from 1 to 1000000000");
  }
  if (hashes == NULL || json_is_null(hashes) || json_array_size(hashes) == 0) {
    if (hashes != NULL && !json_is_null(hashes) && !json_is_array(hashes))
      return jsonl_fail(reader, end, object, "hash_ids", error, "a list of whole numbers");
    return TRUE;
  }
  for (size_t i = 0; i < json_array_size(hashes); i++) {
    const json_t *value = json_array_get(hashes, i);
    guint64 hash = (guint64)json_integer_value(value);
    if (!json_is_integer(value))
      return jsonl_fail(reader, end, object, "hash_ids", error, "a list of whole numbers");
    g_array_append_val(reader->hashes, hash);
  }
  blocks_max = ((guint64)request->prompt_tokens + block_tokens - 1) / block_tokens;
  if (reader->hashes->len > blocks_max) {
    g_autofree char *expected =
        g_strdup_printf("at most %" G_GUINT64_FORMAT " hashes for a prompt of %u tokens (one per "
                        "%u; hash_block_tokens changes that), not %u",
                        blocks_max, request->prompt_tokens, block_tokens, reader->hashes->len);
    return jsonl_fail(reader, end, object, "hash_ids", error, expected);
  }
  request->hash_count = reader->hashes->len;
  request->hash_block_tokens = block_tokens;
  return TRUE;
}

static gboolean
read_members(TraceReader *reader, const char *end, const json_t *object, GError **error)
{
  Request request = {0};
  const char *id;

  return jsonl_id(reader, end, object, "id", &id, error) &&
         jsonl_arrival(reader, end, object, "timestamp", 3, &request, error) &&
         jsonl_tokens(reader, end, object, "input_length", &request.prompt_tokens, error) &&
         jsonl_tokens(reader, end, object, "output_length", &request.output_tokens, error) &&
         jsonl_max_tokens(reader, end, object, &request, error) &&
         read_hashes(reader, end, object, &request, error) &&
         reader_add(reader, &request, id, error);
}

static gboolean
read_row(const TraceFormat *self, TraceReader *reader, const char *line, const char *end,
         GError **error)
{
  (void)self;
  return jsonl_row(reader, line, end, read_members, error);
}

static gboolean
write_all(const TraceFormat *self, TraceOutput *out, const Workload *workload, GError **error)
{
  GString *text = out->text;
  char buffer[NUMBER_BUFFER_BYTES];

  (void)self;
  for (guint32 i = 0; i < workload_count(workload); i++) {
    const Request *request = workload_request(workload, i);
    g_string_append(text, "{");
    if (workload->ids != NULL || workload->names != NULL) {
      g_autofree char *id = workload_id_json(workload, i);
      g_string_append_printf(text, "\"id\": %s, ", id);
    }
    g_string_append_printf(
        text, "\"timestamp\": %s, \"input_length\": %u, \"output_length\": %u, \"hash_ids\": [",
        number_print(request->arrival_ps, DECIMALS_MAX - 3, 0, buffer), request->prompt_tokens,
        request->output_tokens);
    for (guint32 h = 0; h < request->hash_count; h++)
      g_string_append_printf(
          text, "%s%" G_GINT64_FORMAT, h > 0 ? ", " : "",
          (gint64)g_array_index(workload->hashes, guint64, request->hash_first + h));
    g_string_append_c(text, ']');
    if (request->hash_count > 0 && request->hash_block_tokens != HASH_BLOCK_TOKENS)
      g_string_append_printf(text, ", \"hash_block_tokens\": %u", request->hash_block_tokens);
    if (request_max_tokens(request) > request->output_tokens)
      g_string_append_printf(text, ", \"max_tokens\": %u", request->max_tokens);
    g_string_append(text, "}\n");
    if (!trace_output_spill(out, error))
      return FALSE;
  }
  return TRUE;
}

const TraceFormat trace_format_mooncake = {
    .name = "mooncake",
    .help = "JSON lines of the Mooncake traces: ms, lengths, prefix hashes",
    .shape = "JSON lines with timestamp, input_length, output_length[, hash_ids, max_tokens]",
    .flags = TRACE_SKIPS_EMPTY | TRACE_KEEPS_IDS | TRACE_KEEPS_HASHES | TRACE_KEEPS_MAX_TOKENS,
    .sniff = sniff,
    .row = read_row,
    .write = write_all,
};
