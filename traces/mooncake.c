/* The form "mooncake": JSON lines of the Mooncake traces, times in ms, with the prefix hashes of
 * each prompt. A hash stands for 512 prompt tokens, or for hash_block_tokens of them where a line
 * has that member; equal hashes mean equal prompts up to and including that block, and the last
 * block may be partial. The one text form that keeps hashes, and that is written with them.
 *
 * Dynamo's replay traces are of this form, with sessions: turns that have a timestamp arrive then,
 * and turns with a delay after the answer before are refused, since only a run knows that answer.
 */
#include "jsonl.h"

#include "number.h"

enum { HASH_BLOCK_TOKENS = 512 };

static gboolean
sniff(const TraceFormat *self, const char *line, const char *end)
{
  static const char *const own[] = {"timestamp", "input_length", "output_length", NULL};
  static const char *const aliases[][4] = {{"timestamp", "input_tokens", "hash_ids", NULL},
                                           {"created_time", "input_length", "hash_ids", NULL},
                                           {"created_time", "input_tokens", "hash_ids", NULL}};
  gboolean is_ours = jsonl_sniff(line, end, own);

  (void)self;
  /* By other names only with hashes: such times alone are in any unit. */
  for (guint i = 0; i < G_N_ELEMENTS(aliases); i++)
    is_ours |= jsonl_sniff(line, end, aliases[i]);
  return is_ours;
}

/* Of a member's two names the one that the object has. */
static const char *
either(const json_t *object, const char *name, const char *alias)
{
  return json_object_get(object, name) == NULL && json_object_get(object, alias) != NULL ? alias
                                                                                         : name;
}

/* A turn that comes a while after the answer before it. */
static gboolean
check_turn(TraceReader *reader, const json_t *object, const char *time, GError **error)
{
  gboolean has_time = json_object_get(object, time) != NULL;

  if (!has_time && json_object_get(object, either(object, "delay", "delay_ms")) != NULL) {
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "%s:%" G_GUINT64_FORMAT ": found a turn with a delay and no timestamp: when it "
                "arrives depends on the answer before, which a replay does not follow yet.\nGive "
                "each turn a timestamp (ms), or keep the rows that have one.",
                reader->name, reader->line_number);
    return FALSE;
  }
  if (has_time && json_object_get(object, "session_id") != NULL && reader->remark == NULL)
    reader->remark = g_strdup("turns of a session arrive at their timestamps, whether or not the "
                              "answer before has come");
  return TRUE;
}

static gboolean
read_members(TraceReader *reader, const char *end, const json_t *object, GError **error)
{
  const char *time = either(object, "timestamp", "created_time");
  const char *prompt = either(object, "input_length", "input_tokens");
  const char *output = either(object, "output_length", "output_tokens");
  Request request = {0};
  const char *id;

  return check_turn(reader, object, time, error) &&
         jsonl_id(reader, end, object, "id", &id, error) &&
         jsonl_arrival(reader, end, object, time, 3, &request, error) &&
         jsonl_tokens(reader, end, object, prompt, &request.prompt_tokens, error) &&
         jsonl_tokens(reader, end, object, output, &request.output_tokens, error) &&
         jsonl_max_tokens(reader, end, object, &request, error) &&
         jsonl_hashes(reader, end, object, HASH_BLOCK_TOKENS, &request, error) &&
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
    .time_unit = "ms",
    .flags = TRACE_SKIPS_EMPTY | TRACE_KEEPS_IDS | TRACE_KEEPS_HASHES | TRACE_KEEPS_MAX_TOKENS,
    .sniff = sniff,
    .row = read_row,
    .write = write_all,
};
