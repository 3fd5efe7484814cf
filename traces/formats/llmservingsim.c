/* The form "llmservingsim": JSON lines of the LLMServingSim simulator, times in ns: a request, or a
 * session of sub_requests, each of which comes tool_duration_ns of the one before it after that
 * one's answer. Source: its serving/README.md, "Agentic session support".
 */
#include "traces/jsonl.h"

static gboolean
read_lengths(TraceReader *reader, const char *end, const json_t *object, Request *request,
             GError **error)
{
  return jsonl_tokens(reader, end, object, "input_toks", &request->prompt_tokens, error) &&
         jsonl_tokens(reader, end, object, "output_toks", &request->output_tokens, error);
}

/* A line is a session of its own, whatever its name. */
static gboolean
read_session(TraceReader *reader, const char *end, const json_t *turns, Request *first,
             GError **error)
{
  g_autofree char *session = g_strdup_printf("line %" G_GUINT64_FORMAT, reader->line_number);
  gint64 delay_ps = -1;

  for (gsize i = 0; i < json_array_size(turns); i++) {
    const json_t *turn = json_array_get(turns, i);
    Request request = {.arrival_ps = first->arrival_ps}, later = {0};
    if (!json_is_object(turn))
      return reader_fail(reader, reader->line, end, "sub_requests", error, "a list of objects");
    if (!read_lengths(reader, end, turn, &request, error) ||
        !reader_add_turn(reader, session, delay_ps, &request, NULL, error) ||
        (json_object_get(turn, "tool_duration_ns") != NULL &&
         !jsonl_arrival(reader, end, turn, "tool_duration_ns", 9, &later, error)))
      return FALSE;
    delay_ps = later.arrival_ps;
  }
  return TRUE;
}

static gboolean
read_members(TraceReader *reader, const char *end, const json_t *object, GError **error)
{
  const json_t *turns = json_object_get(object, "sub_requests");
  Request request = {0};

  if (!jsonl_arrival(reader, end, object, "arrival_time_ns", 9, &request, error))
    return FALSE;
  if (turns != NULL)
    return json_array_size(turns) > 0
               ? read_session(reader, end, turns, &request, error)
               : jsonl_fail(reader, end, object, "sub_requests", error, "a list of requests");
  return read_lengths(reader, end, object, &request, error) &&
         reader_add(reader, &request, NULL, error);
}

static const JsonlSchema schema = {
    .keys = {{"input_toks", "output_toks", "arrival_time_ns"}},
    .members = read_members,
};

const TraceFormat trace_format_llmservingsim = {
    .name = "llmservingsim",
    .help = "JSON lines of the LLMServingSim simulator: ns (read only)",
    .shape = "JSON lines with arrival_time_ns, input_toks, output_toks, or sub_requests",
    .time_unit = "ns",
    .jsonl = &schema,
};
