/* The forms of a measured file: JSON lines of a benchmark, what benchmarks write of a run
 * (traces/results.h), and our own CSV of requests. They give times as they stand; read.c makes
 * latencies of them. */
#include "rows.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "report/text/format.h"
#include "sim/units.h"
#include "traces/document.h"
#include "traces/results.h"

#define TOKENS_MAX 1000000000

gboolean
measured_fail(const MeasuredReader *reader, GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start(args, format);
  message = g_strdup_vprintf(format, args);
  va_end(args);
  g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s:%" G_GUINT64_FORMAT ": %s",
              reader->measured->file, reader->line, message);
  return FALSE;
}

/* For messages: cut, and nothing that a terminal would act on. */
static char *
quote(const char *text, gsize bytes)
{
  g_autofree char *cut = g_strndup(text, MIN(bytes, 60));
  g_autofree char *valid = g_utf8_make_valid(cut, -1);
  g_autofree char *escaped = g_strescape(valid, "\"");

  return g_strdup_printf("'%s%s'", escaped, bytes > 60 ? "…" : "");
}

/* Takes request->id. */
static gboolean
add_request(MeasuredReader *reader, MeasuredRequest *request, const MeasuredClocks *clocks,
            GError **error)
{
  gpointer line;

  request->line = reader->line;
  if (request->id == NULL)
    request->id = g_strdup_printf("%u", reader->measured->requests->len);
  if (g_hash_table_lookup_extended(reader->ids, request->id, NULL, &line)) {
    g_autofree char *id = quote(request->id, strlen(request->id));
    g_free(request->id);
    return measured_fail(reader, error, "found the id %s, expected each once; line %u has it too",
                         id, GPOINTER_TO_UINT(line));
  }
  if (isfinite(clocks->first_s) && isfinite(clocks->last_s) && clocks->last_s < clocks->first_s) {
    g_free(request->id);
    return measured_fail(reader, error, "found a last token before the first, expected it after");
  }
  g_hash_table_insert(reader->ids, request->id, GUINT_TO_POINTER((guint)reader->line));
  g_array_append_val(reader->measured->requests, *request);
  g_array_append_val(reader->clocks, *clocks);
  return TRUE;
}

/* JSON lines. */

static gboolean
json_tokens(const MeasuredReader *reader, json_t *object, const char *key, guint32 *tokens,
            GError **error)
{
  json_t *value = json_object_get(object, key);
  json_int_t number = json_integer_value(value);

  if (!json_is_integer(value) || number < 0 || number > TOKENS_MAX)
    return measured_fail(reader, error, "found %s %s, expected a whole number from 0 to %d",
                         value == NULL ? "no" : "a bad", key, TOKENS_MAX);
  *tokens = (guint32)number;
  return TRUE;
}

/* NAN where it may be missing, and is. */
static gboolean
json_time(const MeasuredReader *reader, json_t *object, const char *key, gboolean may_lack,
          double *time_s, GError **error)
{
  json_t *value = json_object_get(object, key);

  *time_s = json_is_number(value) ? json_number_value(value) : NAN;
  if (json_is_number(value) || (may_lack && (value == NULL || json_is_null(value))))
    return TRUE;
  return measured_fail(reader, error, "found %s %s, expected seconds",
                       value == NULL ? "no" : "a bad", key);
}

static gboolean
json_id(const MeasuredReader *reader, json_t *object, char **id, GError **error)
{
  json_t *value = json_object_get(object, "request_id");

  if (json_is_integer(value))
    *id = g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
  else if (json_is_string(value))
    *id = g_strdup(json_string_value(value));
  else if (value != NULL)
    return measured_fail(reader, error, "found a bad request_id, expected text or a whole number");
  return TRUE;
}

/* The client's clock is the engine's: first and last token are counted from the sending. */
static gboolean
add_result(MeasuredReader *reader, const ResultRequest *result, gint64 arrival_ps, const char *id,
           GError **error)
{
  double arrival_s = ps_to_s(arrival_ps);
  MeasuredRequest request = {.id = g_strdup(id),
                             .prompt_tokens = result->prompt_tokens,
                             .output_tokens = result->output_tokens};
  const MeasuredClocks clocks = {.arrival_s = arrival_s,
                                 .queued_s = NAN,
                                 .first_s = arrival_s + result->ttft_s,
                                 .last_s = arrival_s + result->e2e_s};

  return add_request(reader, &request, &clocks, error);
}

/* Ids are places in the arrays, as in the trace of the same file. */
static gboolean
read_run(MeasuredReader *reader, const json_t *object, GError **error)
{
  g_auto(ResultRun) run = {0};
  g_autoptr(GError) why = NULL;

  if (reader->runs++ > 0)
    return measured_fail(reader, error, "found a second run, expected one in a file");
  if (!results_read_run(object, &run, &why))
    return measured_fail(reader, error, "found %s", why->message);
  result_doubts(object, run.requests, reader->measured->doubts);
  for (guint i = 0; i < run.requests->len; i++) {
    const ResultRequest *result = &g_array_index(run.requests, ResultRequest, i);
    char id[16];
    g_snprintf(id, sizeof id, "%u", i);
    if (result->output_tokens > 0 && result->prompt_tokens > 0 &&
        !add_result(reader, result, results_arrival_ps(&run, i), id, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
read_aiperf(MeasuredReader *reader, const json_t *object, GError **error)
{
  g_autoptr(GError) why = NULL;
  ResultRequest result;
  const char *id;
  ResultFate fate;

  if (!results_read_aiperf(object, &reader->zero_ns, &result, &id, &fate, &why))
    return measured_fail(reader, error, "found a bad record: %s", why->message);
  reader->records.failed += fate == RESULT_FAILED;
  if (fate != RESULT_TAKEN)
    return TRUE;
  request_doubts_take(&reader->records, &result, reader->line);
  return add_result(reader, &result, result.start_ps, id, error);
}

static gboolean
read_object(MeasuredReader *reader, json_t *object, GError **error)
{
  MeasuredRequest request = {0};
  MeasuredClocks clocks;

  if (results_is_run(object))
    return read_run(reader, object, error);
  if (results_is_aiperf(object))
    return read_aiperf(reader, object, error);
  if (!json_tokens(reader, object, "input_toks", &request.prompt_tokens, error) ||
      !json_tokens(reader, object, "output_toks", &request.output_tokens, error) ||
      !json_time(reader, object, "arrival_time", FALSE, &clocks.arrival_s, error) ||
      !json_time(reader, object, "queued_ts", TRUE, &clocks.queued_s, error) ||
      !json_time(reader, object, "first_token_ts", TRUE, &clocks.first_s, error) ||
      !json_time(reader, object, "last_token_ts", TRUE, &clocks.last_s, error) ||
      !json_id(reader, object, &request.id, error))
    return FALSE;
  return add_request(reader, &request, &clocks, error);
}

static json_t *
load(const char *text, gsize bytes, json_error_t *why)
{
  g_autofree char *mended = g_strndup(text, bytes);

  results_mend_json(mended, bytes);
  return json_loadb(mended, bytes, JSON_REJECT_DUPLICATES, why);
}

/* One object over several lines, or an array of them. */
static gboolean
read_whole_document(MeasuredReader *reader, GError **error)
{
  json_error_t why;
  json_auto_t *root = load(reader->at, (gsize)(reader->end - reader->at), &why);
  json_t *object;
  gsize i;

  if (json_is_object(root))
    return read_object(reader, root, error);
  if (!json_is_array(root)) {
    reader->line = (guint64)MAX(why.line, 1);
    return measured_fail(reader, error, "found no JSON, expected a benchmark's result");
  }
  json_array_foreach(root, i, object)
  {
    reader->line = i + 1;
    if (!json_is_object(object))
      return measured_fail(reader, error, "found another value, expected an array of objects");
    if (!read_object(reader, object, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
read_json_line(MeasuredReader *reader, const char *text, gsize bytes, GError **error)
{
  json_error_t why;
  json_auto_t *object = load(text, bytes, &why);

  if (!json_is_object(object)) {
    g_autofree char *found = quote(text, bytes);
    g_autofree char *reason = g_strescape(object == NULL ? why.text : "another value", "\"\\");
    return measured_fail(reader, error, "found %s, expected a JSON object on one line (%s)", found,
                         reason);
  }
  return read_object(reader, object, error);
}

gboolean
measured_read_json(MeasuredReader *reader, GError **error)
{
  const char *first = reader->at + strspn(reader->at, " \t\r\n");

  if (document_begins(first, first + strcspn(first, "\r\n")))
    return read_whole_document(reader, error);
  for (reader->line = 1; reader->at < reader->end; reader->line++) {
    const char *text = reader->at;
    const char *stop = memchr(text, '\n', (gsize)(reader->end - text));
    if (stop == NULL)
      stop = reader->end;
    reader->at = stop + (stop < reader->end);
    while (text < stop && g_ascii_isspace(*text))
      text++;
    if (text < stop && !read_json_line(reader, text, (gsize)(stop - text), error))
      return FALSE;
  }
  return TRUE;
}

/* CSV. */

enum {
  COLUMN_ID,
  COLUMN_ARRIVAL,
  COLUMN_PROMPT,
  COLUMN_OUTPUT,
  COLUMN_FIRST,
  COLUMN_FINISH,
  COLUMNS
};

static const char *const columns[COLUMNS] = {
    "id", "arrival_s", "prompt_tokens", "output_tokens", "first_token_s", "finish_s"};

/* One cell, which ends before a comma, a line break or the end. Quoted ones may hold line breaks,
 * which `*breaks` counts. */
static char *
take_cell(MeasuredReader *reader, guint *breaks)
{
  GString *cell = g_string_new(NULL);
  gboolean is_quoted = reader->at < reader->end && *reader->at == '"';

  reader->at += is_quoted;
  for (; reader->at < reader->end; reader->at++) {
    char c = *reader->at;
    if (is_quoted && c == '"') {
      if (reader->at + 1 == reader->end || reader->at[1] != '"') {
        is_quoted = FALSE;
        continue;
      }
      reader->at++;
    } else if (!is_quoted && (c == ',' || c == '\n')) {
      break;
    } else if (!is_quoted && c == '\r' &&
               (reader->at + 1 == reader->end || reader->at[1] == '\n')) {
      continue;
    }
    *breaks += c == '\n';
    g_string_append_c(cell, c);
  }
  return g_string_free(cell, FALSE);
}

static GPtrArray *
take_row(MeasuredReader *reader, guint *breaks)
{
  GPtrArray *cells = g_ptr_array_new_with_free_func(g_free);

  for (*breaks = 0;; reader->at++) {
    g_ptr_array_add(cells, take_cell(reader, breaks));
    if (reader->at >= reader->end || *reader->at == '\n')
      break;
  }
  reader->at += reader->at < reader->end;
  return cells;
}

static gboolean
cell_tokens(const MeasuredReader *reader, const char *name, const char *cell, guint32 *tokens,
            GError **error)
{
  g_autofree char *found = NULL;
  guint64 number;

  if (g_ascii_string_to_unsigned(cell, 10, 0, TOKENS_MAX, &number, NULL)) {
    *tokens = (guint32)number;
    return TRUE;
  }
  found = quote(cell, strlen(cell));
  return measured_fail(reader, error, "found %s in %s, expected a whole number from 0 to %d", found,
                       name, TOKENS_MAX);
}

static gboolean
cell_time(const MeasuredReader *reader, const char *name, const char *cell, gboolean may_lack,
          double *time_s, GError **error)
{
  g_autofree char *found = NULL;
  char *stop;

  *time_s = NAN;
  if (*cell == '\0' && may_lack)
    return TRUE;
  if (*cell != '\0' && strspn(cell, "0123456789.e+-") == strlen(cell)) {
    *time_s = g_ascii_strtod(cell, &stop);
    if (*stop == '\0' && *time_s >= 0 && *time_s < MEASURED_SPAN_MAX_S)
      return TRUE;
  }
  found = quote(cell, strlen(cell));
  return measured_fail(reader, error, "found %s in %s, expected seconds from 0 to %g", found, name,
                       MEASURED_SPAN_MAX_S);
}

/* status: NULL where the file has no such column. */
static gboolean
read_row(MeasuredReader *reader, const GPtrArray *row, const guint *place, const char *status,
         GError **error)
{
  MeasuredRequest request = {.may_be_cut = TRUE};
  MeasuredClocks clocks = {.queued_s = NAN};
  const char *cells[COLUMNS];

  for (guint i = 0; i < COLUMNS; i++)
    cells[i] = g_ptr_array_index(row, place[i]);
  if (*cells[COLUMN_ID] == '\0' || !g_utf8_validate(cells[COLUMN_ID], -1, NULL))
    return measured_fail(reader, error, "found no id, expected UTF-8 text");
  if (!cell_time(reader, "arrival_s", cells[COLUMN_ARRIVAL], FALSE, &clocks.arrival_s, error) ||
      !cell_tokens(reader, "prompt_tokens", cells[COLUMN_PROMPT], &request.prompt_tokens, error) ||
      !cell_tokens(reader, "output_tokens", cells[COLUMN_OUTPUT], &request.output_tokens, error) ||
      !cell_time(reader, "first_token_s", cells[COLUMN_FIRST], TRUE, &clocks.first_s, error) ||
      !cell_time(reader, "finish_s", cells[COLUMN_FINISH], TRUE, &clocks.last_s, error))
    return FALSE;
  /* times of an unfinished request say how far it came, and are no latencies */
  if (status != NULL && !g_str_equal(status, "finished"))
    clocks.first_s = clocks.last_s = NAN;
  /* As --requests wrote it. */
  request.id = g_strdup(cells[COLUMN_ID] +
                        (*cells[COLUMN_ID] == '\'' && format_is_formula(cells[COLUMN_ID] + 1)));
  return add_request(reader, &request, &clocks, error);
}

static gboolean
read_header(MeasuredReader *reader, const GPtrArray *row, guint *place, GError **error)
{
  for (guint i = 0; i < COLUMNS; i++)
    if (!g_ptr_array_find_with_equal_func((GPtrArray *)row, columns[i], g_str_equal, &place[i])) {
      const char *first = g_ptr_array_index(row, 0);
      g_autofree char *found = quote(first, strlen(first));
      return measured_fail(
          reader, error,
          "found %s …, expected JSON lines of a benchmark, or the header of --requests; "
          "there is no column %s",
          found, columns[i]);
    }
  return TRUE;
}

gboolean
measured_read_csv(MeasuredReader *reader, GError **error)
{
  guint place[COLUMNS], n_columns = 0, breaks, status = G_MAXUINT;

  for (reader->line = 1; reader->at < reader->end; reader->line += breaks + 1) {
    g_autoptr(GPtrArray) row = take_row(reader, &breaks);
    if (row->len == 1 && *(const char *)g_ptr_array_index(row, 0) == '\0')
      continue;
    if (n_columns == 0) {
      n_columns = row->len;
      if (!read_header(reader, row, place, error))
        return FALSE;
      if (!g_ptr_array_find_with_equal_func(row, "status", g_str_equal, &status))
        status = G_MAXUINT;
    } else if (row->len != n_columns) {
      return measured_fail(reader, error, "found %u fields, expected %u as in the header", row->len,
                           n_columns);
    } else if (!read_row(reader, row, place,
                         status < row->len ? g_ptr_array_index(row, status) : NULL, error)) {
      return FALSE;
    }
  }
  return TRUE;
}
