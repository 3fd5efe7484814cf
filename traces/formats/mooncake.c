/* The form "mooncake": JSON lines of the Mooncake traces, times in ms, with the prefix hashes of
 * each prompt. A hash stands for 512 prompt tokens, or for hash_block_tokens of them where a line
 * has that member; equal hashes mean equal prompts up to and including that block, and the last
 * block may be partial. The one text form that keeps hashes, and that is written with them.
 *
 * Dynamo's replay traces are of this form, with sessions: turns that have a timestamp arrive then,
 * others `delay` ms (0 where it is left out) after the answer to the session's row before.
 */
#include "traces/jsonl.h"

#include "traces/number.h"

enum { HASH_BLOCK_TOKENS = 512 };

/* The one of a member's two names that the object has. */
static const char *
either(const json_t *object, const char *name, const char *alias)
{
  return json_object_get(object, name) == NULL && json_object_get(object, alias) != NULL ? alias
                                                                                         : name;
}

static const char *
session_of(const json_t *object, char number[24])
{
  const json_t *session = json_object_get(object, "session_id");

  if (!json_is_integer(session))
    return json_string_value(session);
  g_snprintf(number, 24, "%" JSON_INTEGER_FORMAT, json_integer_value(session));
  return number;
}

/* When it arrives: at its time, or, *delay_ps not negative, so long after an answer. */
static gboolean
read_time(TraceReader *reader, const char *end, const json_t *object, const char *session,
          Request *request, gint64 *delay_ps, GError **error)
{
  const char *time = either(object, "timestamp", "created_time");
  const char *delay = either(object, "delay", "delay_ms");
  Request later = {0};

  *delay_ps = -1;
  if (session == NULL || json_object_get(object, time) != NULL) {
    if (session != NULL && reader->remark == NULL && reader_knows_session(reader, session))
      reader->remark = g_strdup("turns of a session that have timestamps arrive then, whether or "
                                "not the answer before has come");
    return jsonl_arrival(reader, end, object, time, 3, request, error);
  }
  if (json_object_get(object, delay) != NULL &&
      !jsonl_arrival(reader, end, object, delay, 3, &later, error))
    return FALSE;
  *delay_ps = later.arrival_ps;
  return TRUE;
}

static gboolean
read_members(TraceReader *reader, const char *end, const json_t *object, GError **error)
{
  const char *prompt = either(object, "input_length", "input_tokens");
  const char *output = either(object, "output_length", "output_tokens");
  char number[24];
  const char *session = session_of(object, number);
  Request request = {0};
  gint64 delay_ps;
  const char *id;

  if (!jsonl_id(reader, end, object, "id", &id, error) ||
      !read_time(reader, end, object, session, &request, &delay_ps, error) ||
      !jsonl_tokens(reader, end, object, prompt, &request.prompt_tokens, error) ||
      !jsonl_tokens(reader, end, object, output, &request.output_tokens, error) ||
      !jsonl_max_tokens(reader, end, object, &request, error) ||
      !jsonl_hashes(reader, end, object, HASH_BLOCK_TOKENS, &request, error))
    return FALSE;
  return session != NULL ? reader_add_turn(reader, session, delay_ps, &request, id, error)
                         : reader_add(reader, &request, id, error);
}

static const JsonlSchema schema = {
    .keys =
        {
            {"timestamp", "input_length", "output_length"},
            /* By other names only with hashes: such times alone are in any unit. */
            {"timestamp", "input_tokens", "hash_ids"},
            {"created_time", "input_length", "hash_ids"},
            {"created_time", "input_tokens", "hash_ids"},
        },
    .members = read_members,
};

/* The session of each request, named by its first turn; NO_TURN: none. The caller frees the array.
 */
static guint32 *
find_sessions(const Workload *workload)
{
  guint32 n = workload_count(workload), *sessions = g_new(guint32, n);

  for (guint32 i = 0; i < n; i++) {
    guint32 after = workload->turns != NULL ? workload_turn(workload, i)->after : NO_TURN;
    sessions[i] = NO_TURN;
    if (after == NO_TURN)
      continue;
    if (sessions[after] == NO_TURN)
      sessions[after] = after;
    sessions[i] = sessions[after];
  }
  return sessions;
}

static void
write_time(GString *text, const Workload *workload, guint32 i)
{
  const Turn *turn = workload->turns != NULL ? workload_turn(workload, i) : NULL;
  gboolean waits = turn != NULL && turn->after != NO_TURN;
  gint64 ps = waits ? turn->delay_ps : workload_request(workload, i)->arrival_ps;
  char buffer[NUMBER_BUFFER_BYTES];

  g_string_append_printf(text, "\"%s\": %s, ", waits ? "delay" : "timestamp",
                         number_print(ps, DECIMALS_MAX - 3, 0, buffer));
}

static gboolean
write_all(const TraceFormat *self G_GNUC_UNUSED, TraceOutput *out, const Workload *workload,
          GError **error)
{
  g_autofree guint32 *sessions = find_sessions(workload);
  GString *text = out->text;

  for (guint32 i = 0; i < workload_count(workload); i++) {
    const Request *request = workload_request(workload, i);
    g_string_append(text, "{");
    if (workload->ids != NULL || workload->names != NULL) {
      g_autofree char *id = workload_id_json(workload, i);
      g_string_append_printf(text, "\"id\": %s, ", id);
    }
    if (sessions[i] != NO_TURN)
      g_string_append_printf(text, "\"session_id\": \"s%u\", ", sessions[i]);
    write_time(text, workload, i);
    g_string_append_printf(text, "\"input_length\": %u, \"output_length\": %u, \"hash_ids\": [",
                           request->prompt_tokens, request->output_tokens);
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
    .shape = "JSON lines with timestamp, input_length, output_length[, hash_ids, max_tokens, "
             "session_id, delay]",
    .time_unit = "ms",
    .ending = ".jsonl",
    .flags = TRACE_SKIPS_EMPTY | TRACE_KEEPS_IDS | TRACE_KEEPS_HASHES | TRACE_KEEPS_MAX_TOKENS |
             TRACE_KEEPS_TURNS,
    .jsonl = &schema,
    .write = write_all,
};
