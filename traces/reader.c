/* The rules of every format: positions and wording of messages, absolute times, skipped requests,
 * ids that must be unique. Formats call it for each line, trace.c before the first and after the
 * last.
 *
 * Times of production traces count from 1970 and do not fit a count of picoseconds, so they are
 * kept relative to the first request's second until the earliest is known. All that fits is read;
 * whether a run can hold it is checked once --limit and --time-scale have been applied.
 */
#include "config.h"

#include "reader.h"

#include "sim/units.h"

#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

enum { QUOTE_MAX_CHARACTERS = 60, LARGE_PAGE_BYTES = 2 << 20 };

void
reader_init(TraceReader *reader, const char *name, const TraceFormat *format)
{
  memset(reader, 0, sizeof *reader);
  reader->zero_ns = -1;
  reader->name = name;
  reader->format = format;
  reader->workload = workload_new();
  reader->earliest_ps = G_MAXINT64;
  reader->latest_ps = reader->previous_ps = G_MININT64;
  reader->id_lines = g_array_new(FALSE, FALSE, sizeof(guint64));
  reader->id = g_string_new(NULL);
  reader->hashes = g_array_new(FALSE, FALSE, sizeof(guint64));
}

void
reader_clear(TraceReader *reader)
{
  g_clear_pointer(&reader->sessions, g_hash_table_unref);
  g_clear_pointer(&reader->workload, workload_free);
  g_free(reader->remark);
  g_array_unref(reader->id_lines);
  g_array_unref(reader->hashes);
  g_string_free(reader->id, TRUE);
}

/* Page faults on small pages take a third of the time in which a trace is read. */
void
reader_reserve(TraceReader *reader, guint64 requests)
{
  guint32 n = (guint32)MIN(requests, G_MAXINT32 / sizeof(Request));
  GArray *array = reader->workload->requests;

  if (n == 0)
    return;
  workload_extend(reader->workload, n);
  array->len = 0;
  reader->room = n;
#ifdef MADV_HUGEPAGE
  gsize start = GPOINTER_TO_SIZE(array->data), mask = LARGE_PAGE_BYTES - 1;
  gsize begin = (start + mask) & ~mask, end = (start + n * sizeof(Request)) & ~mask;
  if (begin < end)
    (void)madvise(GSIZE_TO_POINTER(begin), end - begin, MADV_HUGEPAGE); /* it may be refused */
#endif
}

char *
reader_quote(const char *text, const char *end)
{
  GString *quoted = g_string_new("'");
  guint characters = 0;

  for (; text < end && characters < QUOTE_MAX_CHARACTERS; characters++) {
    gunichar c = g_utf8_get_char_validated(text, end - text);
    if (c == (gunichar)-1 || c == (gunichar)-2 || !g_unichar_isprint(c)) {
      g_string_append_printf(quoted, "\\x%02x", (guchar)*text);
      characters += 3;
      text++;
    } else {
      g_string_append_unichar(quoted, c);
      text = g_utf8_next_char(text);
    }
  }
  g_string_append(quoted, text < end ? "…'" : "'");
  return g_string_free(quoted, FALSE);
}

gboolean
reader_fail(const TraceReader *reader, const char *at, const char *end, const char *field,
            GError **error, const char *expected, ...)
{
  g_autofree char *found = at < end ? reader_quote(at, end) : g_strdup("nothing");
  g_autofree char *text = NULL;
  va_list args;

  va_start(args, expected);
  text = g_strdup_vprintf(expected, args);
  va_end(args);
  g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
              "%s:%" G_GUINT64_FORMAT ":%td: found %s%s%s, expected %s", reader->name,
              reader->line_number, at - reader->line + 1, found, field != NULL ? " in " : "",
              field != NULL ? field : "", text);
  return FALSE;
}

guint32
reader_tokens_min(const TraceReader *reader)
{
  return reader->format->flags & TRACE_SKIPS_EMPTY ? 0 : 1;
}

gboolean
reader_fail_tokens(const TraceReader *reader, const char *at, const char *end, const char *field,
                   GError **error)
{
  return reader_fail(reader, at, end, field, error, "a whole number from %u to %d",
                     reader_tokens_min(reader), TRACE_TOKENS_MAX);
}

gboolean
reader_set_arrival(TraceReader *reader, Request *request, gint64 seconds, gint64 ps, const char *at,
                   const char *end, const char *field, GError **error)
{
  const gint64 seconds_max = G_MAXINT64 / PS_PER_S - 1;

  if (reader->format->flags & TRACE_TIME_ABSOLUTE) {
    if (!reader->has_base)
      reader->base_s = seconds;
    reader->has_base = TRUE;
    if (ABS(seconds - reader->base_s) >= seconds_max)
      return reader_fail(reader, at, end, field, error,
                         "a time within %" G_GINT64_FORMAT " s (106 days) of the first request's",
                         seconds_max);
    seconds -= reader->base_s;
  } else if (seconds >= seconds_max) {
    return reader_fail(reader, at, end, field, error,
                       "a time before %" G_GINT64_FORMAT " s (106 days)", seconds_max);
  }
  request->arrival_ps = seconds * PS_PER_S + ps;
  return TRUE;
}

static void
note_time(TraceReader *reader, gint64 arrival_ps)
{
  if (arrival_ps < reader->previous_ps && reader->backward_line == 0)
    reader->backward_line = reader->line_number;
  reader->previous_ps = arrival_ps;
  reader->earliest_ps = MIN(reader->earliest_ps, arrival_ps);
  reader->latest_ps = MAX(reader->latest_ps, arrival_ps);
}

static gboolean
add(TraceReader *reader, const Request *request, const char *id, gboolean has_time, GError **error)
{
  Workload *workload = reader->workload;

  if (G_UNLIKELY(request->prompt_tokens == 0 || request->output_tokens == 0)) {
    reader->priority = 0;
    if (request->prompt_tokens == 0)
      reader->skipped_no_prompt++;
    else
      reader->skipped_no_output++;
    return TRUE;
  }
  if (G_UNLIKELY(request->max_tokens != 0 && request->max_tokens < request->output_tokens)) {
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "%s:%" G_GUINT64_FORMAT
                ": found %u in max_tokens, expected at least the %u tokens of "
                "the output",
                reader->name, reader->line_number, request->max_tokens, request->output_tokens);
    return FALSE;
  }
  if (workload->requests->len == (guint)G_MAXINT32 ||
      workload->hashes->len > G_MAXUINT32 - request->hash_count)
    return reader_fail(reader, reader->line, reader->line, NULL, error,
                       "no more than 2147483647 requests and 4294967295 prefix hashes");
  if (has_time)
    note_time(reader, request->arrival_ps);
  if (id != NULL)
    g_array_append_val(reader->id_lines, reader->line_number);
  /* The usual request is written where there is room for it. */
  if (workload->requests->len < reader->room && id == NULL && workload->ids == NULL &&
      workload->names == NULL && workload->hashes->len == 0 && request->hash_count == 0 &&
      request->max_tokens == 0 && reader->priority == 0 && workload->priorities == NULL &&
      workload->turns == NULL)
    ((Request *)(gpointer)workload->requests->data)[workload->requests->len++] = *request;
  else
    workload_add(workload, request, id, (const guint64 *)(gpointer)reader->hashes->data);
  workload_set_priority(workload, reader->priority);
  reader->priority = 0;
  return TRUE;
}

gboolean
reader_add(TraceReader *reader, const Request *request, const char *id, GError **error)
{
  return add(reader, request, id, TRUE, error);
}

gboolean
reader_knows_session(const TraceReader *reader, const char *session)
{
  return reader->sessions != NULL && g_hash_table_contains(reader->sessions, session);
}

gboolean
reader_add_turn(TraceReader *reader, const char *session, gint64 delay_ps, const Request *request,
                const char *id, GError **error)
{
  guint32 before = workload_count(reader->workload);
  gsize last = 0;

  if (reader->sessions == NULL)
    reader->sessions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  last = GPOINTER_TO_SIZE(g_hash_table_lookup(reader->sessions, session));
  if (delay_ps >= 0 && last == 0) {
    g_autofree char *quoted = reader_quote(session, session + strlen(session));
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "%s:%" G_GUINT64_FORMAT ": found the first turn of session %s without a time, "
                "expected one: only later turns wait for an answer",
                reader->name, reader->line_number, quoted);
    return FALSE;
  }
  if (!add(reader, request, id, delay_ps < 0, error))
    return FALSE;
  if (workload_count(reader->workload) == before) /* skipped */
    return TRUE;
  if (delay_ps >= 0 && !workload_set_turn(reader->workload, (guint32)last - 1, delay_ps)) {
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "%s:%" G_GUINT64_FORMAT ": found a turn that cannot come before %.0f days, "
                "expected less",
                reader->name, reader->line_number, ps_to_s(TIME_MAX_PS) / 86400);
    return FALSE;
  }
  reader->turns += delay_ps >= 0;
  g_hash_table_insert(reader->sessions, g_strdup(session), GSIZE_TO_POINTER((gsize)before + 1));
  return TRUE;
}

/* workload_seal() finds ids that occur twice but knows no lines; this names both. */
static gboolean
check_ids(const TraceReader *reader, GError **error)
{
  const Workload *workload = reader->workload;
  g_autofree char *quoted = NULL;
  guint32 again, before;
  char buffer[24];
  const char *id;

  if (reader->id_lines->len != workload_count(workload) ||
      !workload_repeats_id(workload, &again, &before))
    return TRUE;
  id = workload_id(workload, again, buffer);
  quoted = reader_quote(id, id + strlen(id));
  g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
              "%s:%" G_GUINT64_FORMAT ": found the id %s again (it is on line %" G_GUINT64_FORMAT
              "), expected ids that are unique",
              reader->name, g_array_index(reader->id_lines, guint64, again), quoted,
              g_array_index(reader->id_lines, guint64, before));
  return FALSE;
}

/* The earliest arrival becomes 0. */
static gboolean
rebase(TraceReader *reader, GError **error)
{
  GArray *requests = reader->workload->requests;
  guint64 span_ps = (guint64)reader->latest_ps - (guint64)reader->earliest_ps;

  if (span_ps > G_MAXINT64) {
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "%s: found requests %.1f days apart, expected at most 106 days", reader->name,
                (double)span_ps / (double)PS_PER_S / 86400);
    return FALSE;
  }
  for (guint i = 0; i < requests->len; i++) {
    Request *request = &g_array_index(requests, Request, i);
    request->arrival_ps = (gint64)((guint64)request->arrival_ps - (guint64)reader->earliest_ps);
  }
  return TRUE;
}

static void
add_note(TraceNotes *notes, char *text)
{
  g_ptr_array_add(notes->texts, text);
}

void
reader_fill_notes(const TraceReader *reader, TraceNotes *notes)
{
  const char *name = reader->name;

  notes->format = reader->format;
  if (reader->skipped_no_output > 0)
    add_note(notes,
             g_strdup_printf("%s: %" G_GUINT64_FORMAT " requests with no output tokens skipped",
                             name, reader->skipped_no_output));
  if (reader->skipped_no_prompt > 0)
    add_note(notes,
             g_strdup_printf("%s: %" G_GUINT64_FORMAT " requests with no prompt tokens skipped",
                             name, reader->skipped_no_prompt));
  if (reader->skipped_failed > 0)
    add_note(notes, g_strdup_printf("%s: %" G_GUINT64_FORMAT
                                    " requests that failed, were cancelled or warmed up skipped",
                                    name, reader->skipped_failed));
  if (reader->turns > 0)
    add_note(notes, g_strdup_printf("%s: %" G_GUINT64_FORMAT
                                    " of the requests wait for the answer before them; until a run "
                                    "knows it, their times are the earliest that there can be",
                                    name, reader->turns));
  if (reader->short_hashes > 0)
    add_note(notes, g_strdup_printf("%s: %" G_GUINT64_FORMAT
                                    " requests have prefix hashes of less than their whole prompt: "
                                    "the rest of it is shared with none (hash_block_tokens says "
                                    "what one stands for)",
                                    name, reader->short_hashes));
  if (reader->remark != NULL)
    add_note(notes, g_strdup_printf("%s: %s", name, reader->remark));
  if (reader->backward_line > 0)
    add_note(notes,
             g_strdup_printf("%s: arrivals went backward at line %" G_GUINT64_FORMAT "; sorted",
                             name, reader->backward_line));
}

gboolean
reader_finish(TraceReader *reader, GError **error)
{
  g_autoptr(GError) id_error = NULL;

  if (workload_count(reader->workload) == 0) {
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                reader->skipped_no_output + reader->skipped_no_prompt > 0
                    ? "%s: found only requests without tokens, expected one with a prompt and an "
                      "output"
                    : "%s: found no requests, expected at least one",
                reader->name);
    return FALSE;
  }
  if ((reader->format->flags & TRACE_TIME_ABSOLUTE) && !rebase(reader, error))
    return FALSE;
  if (!workload_seal(reader->workload, &id_error)) {
    if (check_ids(reader, error))
      g_propagate_prefixed_error(error, g_steal_pointer(&id_error), "%s: ", reader->name);
    return FALSE;
  }
  return TRUE;
}
