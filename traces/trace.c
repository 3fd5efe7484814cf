/* The table of formats, and reading and writing through it. A file has the first format that knows
 * its first line of content; no format looks at the file's name.
 */
#include "config.h"

#include "trace.h"

#include "traces/formats/columns.h"
#include "csv.h"
#include "document.h"
#include "jsonl.h"
#include "refusal.h"

#include "reader.h"
#include "sim/units.h"
#include "source.h"

#include <string.h>

/* LINE_BYTES: a short line's, to reserve room for requests by; unused room takes no memory. */
enum { SPILLWAY_FORMAT_NUMBER = 1, LINE_BYTES = 16, RESERVE_MAX = 1 << 22 };

#define FORMAT_MARK "# spillway-trace "

#define FORMAT_ENTRY(name) &name,

const TraceFormat *const trace_formats[] = {TRACE_FORMATS(FORMAT_ENTRY) NULL};

TraceNotes *
trace_notes_new(void)
{
  TraceNotes *notes = g_new0(TraceNotes, 1);
  notes->texts = g_ptr_array_new_with_free_func(g_free);
  return notes;
}

void
trace_notes_free(TraceNotes *notes)
{
  if (notes == NULL)
    return;
  g_ptr_array_unref(notes->texts);
  g_free(notes);
}

const TraceFormat *
trace_format_find(const char *name)
{
  if (columns_are_named(name))
    return columns_find(name, NULL, NULL);
  for (const TraceFormat *const *format = trace_formats; *format != NULL; format++)
    if (g_str_equal((*format)->name, name))
      return *format;
  return NULL;
}

/* A comment that carries a format number must carry one that we know. */
static gboolean
check_comment(const TraceReader *reader, const char *line, const char *end, GError **error)
{
  const char *number = line + strlen(FORMAT_MARK);

  if (number > end || memcmp(line, FORMAT_MARK, strlen(FORMAT_MARK)) != 0)
    return TRUE;
  if (end - number != 1 || *number != '0' + SPILLWAY_FORMAT_NUMBER)
    return reader_fail(reader, number, end, "the trace's format number", error,
                       "%d; a later version of spillway wrote this", SPILLWAY_FORMAT_NUMBER);
  return TRUE;
}

#define OF_JSON_LINES                                                                              \
  "If they have these by other names, jq makes a CSV: (echo "                                      \
  "arrival_s,prompt_tokens,output_tokens; "                                                        \
  "jq -r '[.TIME, .IN, .OUT] | @csv' FILE) >OTHER"

/* Reads the header; an error says the advice, too (NULL: none). */
static gboolean
take_header(const TraceFormat *format, TraceReader *reader, const char *line, const char *end,
            const char *advice, GError **error)
{
  g_autoptr(GError) cause = NULL;

  if (csv_header(format, reader, line, end, &cause))
    return TRUE;
  g_set_error(error, cause->domain, cause->code, "%s%s%s", cause->message,
              advice != NULL ? ".\n" : "", advice != NULL ? advice : "");
  return FALSE;
}

/* No format knows this line: says what the file is, what the nearest format lacks, or what formats
 * there are. */
static gboolean
fail_unknown(TraceReader *reader, const char *line, const char *end, GError **error)
{
  const char *refusal = trace_refusal(line, end);
  g_autofree char *advice = *line == '{' ? g_strdup(OF_JSON_LINES) : columns_advice(line, end);
  g_autoptr(GString) names = g_string_new("");
  const TraceFormat *nearest = NULL;
  guint most = 0;

  if (refusal != NULL) {
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s:%" G_GUINT64_FORMAT ": found %s",
                reader->name, reader->line_number, refusal);
    return FALSE;
  }

  for (const TraceFormat *const *format = trace_formats; *format != NULL; format++) {
    g_autofree char *lacking = NULL;
    guint count = (*format)->csv != NULL ? csv_match(*format, line, end, &lacking) : 0;
    if (count > most && (advice == NULL || lacking == NULL || strchr(lacking, ',') == NULL)) {
      most = count;
      nearest = *format;
    }
    g_string_append_printf(names, "%s%s", names->len > 0 ? ", " : "", (*format)->name);
  }
  if (nearest != NULL)
    return take_header(nearest, reader, line, end, advice, error);
  return reader_fail(reader, line, end, "the first line", error,
                     "the start of a trace, such as %s.\n%s%s; 'spillway list trace-formats' says "
                     "what %s.",
                     *line == '{' ? "JSON lines with timestamp (ms), input_length, output_length"
                                  : "a line arrival_s,prompt_tokens,output_tokens",
                     advice != NULL ? advice : "Forms: ", advice != NULL ? "" : names->str,
                     advice != NULL ? "is read as it is" : "they are");
}

static const TraceFormat *
sniff(const char *line, const char *end)
{
  for (const TraceFormat *const *format = trace_formats; *format != NULL; format++)
    if (((*format)->csv != NULL && csv_sniff(*format, line, end)) ||
        ((*format)->jsonl != NULL && jsonl_sniff(*format, line, end)))
      return *format;
  return NULL;
}

/* Takes the first line of content: chooses the format and reads the header. *is_row: the format has
 * no header, and the line is a row. */
static gboolean
begin(TraceReader *reader, const char *line, const char *end, gboolean *is_row, GError **error)
{
  g_autofree char *advice = NULL;

  if (reader->format == NULL)
    reader->format = sniff(line, end);
  if (reader->format == NULL)
    return fail_unknown(reader, line, end, error);
  *is_row = reader->format->csv == NULL;
  if (*is_row)
    return TRUE;
  advice = reader->own_columns != NULL ? columns_separator_advice(line, end) : NULL;
  return take_header(reader->format, reader, line, end, advice, error);
}

static gboolean
read_row(TraceReader *reader, const char *line, const char *end, GError **error)
{
  return reader->format->csv != NULL ? csv_row(reader->format, reader, line, end, error)
                                     : jsonl_row(reader->format, reader, line, end, error);
}

static gboolean
is_blank(const char *line, const char *end)
{
  while (line < end && (*line == ' ' || *line == '\t'))
    line++;
  return line == end;
}

/* How far a file's lines were read. */
typedef struct {
  gboolean has_begun;    /* the first line of content was taken */
  gboolean has_comments; /* lines that begin with '#' are comments */
} Lines;

/* Takes a line that is neither blank nor a comment: the first, or a row. */
static gboolean
take_line(TraceReader *reader, Lines *lines, const char *line, const char *end, GError **error)
{
  gboolean is_row = TRUE;

  if (!lines->has_begun) {
    if (!begin(reader, line, end, &is_row, error))
      return FALSE;
    lines->has_begun = TRUE; /* and an id may begin with '#' */
    lines->has_comments = reader->format->csv != NULL && reader->roles[0] != CSV_ID;
  }
  return !is_row || read_row(reader, line, end, error);
}

/* The objects of one JSON document, as lines. */
static gboolean
read_document(TraceReader *reader, Lines *lines, Source *source, const char *line, const char *end,
              GError **error)
{
  json_t *array = document_read(source, line, end, error), *object;
  gboolean ok = array != NULL;
  gsize i;

  json_array_foreach(array, i, object)
  {
    char *text = ok ? json_dumps(object, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    if (text == NULL)
      break;
    reader->line = text;
    reader->line_number = i + 1;
    ok = take_line(reader, lines, text, text + strlen(text), error);
    free(text);
  }
  json_decref(array);
  return ok;
}

static gboolean
read_lines(TraceReader *reader, Source *source, GError **error)
{
  Lines lines = {.has_comments = TRUE};
  const char *line, *end;
  SourceStatus status;

  while ((status = source_line(source, &line, &end, error)) == SOURCE_LINE) {
    reader->line = line;
    reader->line_number++;
    if ((*line == ' ' || *line == '\t' || line == end) && is_blank(line, end))
      continue;
    if (*line == '#' && lines.has_comments) {
      if (!check_comment(reader, line, end, error))
        return FALSE;
      continue;
    }
    if (!lines.has_begun && document_begins(line, end))
      return read_document(reader, &lines, source, line, end, error);
    if (!take_line(reader, &lines, line, end, error))
      return FALSE;
  }
  if (status == SOURCE_END && !lines.has_begun) {
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: the file is empty, expected a trace",
                reader->name);
    return FALSE;
  }
  return status == SOURCE_END;
}

/* The format, of those that are no text, whose first bytes the file has. */
static const TraceFormat *
sniff_bytes(Source *source)
{
  for (const TraceFormat *const *format = trace_formats; *format != NULL; format++)
    if ((*format)->mark_bytes > 0 &&
        source_begins_with(source, (*format)->mark, (*format)->mark_bytes))
      return *format;
  return NULL;
}

static gboolean
read_content(TraceReader *reader, Source *source, GError **error)
{
  if (reader->format == NULL)
    reader->format = sniff_bytes(source);
  if (reader->format != NULL && reader->format->read != NULL)
    return reader->format->read(reader->format, reader, source, error);
  if (source_length_bytes(source) > 0)
    reader_reserve(reader, MIN((guint64)source_length_bytes(source) / LINE_BYTES, RESERVE_MAX));
  return read_lines(reader, source, error) && reader_finish(reader, error);
}

/* Rates that no service has had: mostly one unit was taken for another. Mooncake's "timestamp" is
 * in seconds elsewhere, so it is doubted sooner. */
#define RATE_MOST 10000.0
#define RATE_DOUBTED 500.0
#define RATE_LEAST (1.0 / 86400)

static void
note_absurd_rate(const TraceReader *reader, const Workload *workload, TraceNotes *notes)
{
  guint32 n = workload_count(workload);
  double span_s = ps_to_s(workload_request(workload, n - 1)->arrival_ps -
                          workload_request(workload, 0)->arrival_ps);
  double rate = span_s > 0 ? (n - 1) / span_s : 1;
  double most = reader->format == &trace_format_mooncake ? RATE_DOUBTED : RATE_MOST;

  if (workload->turns != NULL) /* the rate depends on the server */
    return;
  if (rate > most || rate < RATE_LEAST)
    g_ptr_array_add(notes->texts,
                    g_strdup_printf("%s: %u requests over %.6g s, %.4g %s: is that meant? The form "
                                    "%s has its times in %s; --time-scale changes them",
                                    reader->name, n, span_s, rate > 1 ? rate : rate * 86400,
                                    rate > 1 ? "a second" : "a day", reader->format->name,
                                    reader->format->time_unit));
}

static Workload *
read_whole(const char *path, const char *format, TraceNotes *notes, GError **error)
{
  g_autoptr(Source) source = NULL;
  const TraceFormat *chosen = NULL;
  TraceReader reader;
  Workload *workload = NULL;
  char **own_columns = NULL;

  if (format != NULL && !g_str_equal(format, "auto")) {
    if (columns_are_named(format)) {
      chosen = columns_find(format, &own_columns, error);
      if (chosen == NULL)
        return NULL;
    } else
      chosen = trace_format_find(format);
    if (chosen == NULL) {
      g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "no trace format is called '%s'",
                  format);
      return NULL;
    }
  }
  source = source_open(path, error);
  if (source == NULL) {
    columns_free(own_columns);
    return NULL;
  }
  reader_init(&reader, source_name(source), chosen);
  reader.own_columns = own_columns;
  if (read_content(&reader, source, error)) {
    workload = g_steal_pointer(&reader.workload);
    if (notes != NULL) {
      reader_fill_notes(&reader, notes);
      note_absurd_rate(&reader, workload, notes);
    }
  }
  reader_clear(&reader);
  columns_free(own_columns);
  return workload;
}

Workload *
trace_read(const char *path, const char *format, TraceNotes *notes, GError **error)
{
  return trace_read_part(path, format, 0, 1, notes, error);
}

Workload *
trace_read_part(const char *path, const char *format, guint32 limit, double time_scale,
                TraceNotes *notes, GError **error)
{
  g_autoptr(Workload) workload = read_whole(path, format, notes, error);
  gint64 last_ps;

  if (workload == NULL || !workload_trim(workload, limit, time_scale, error))
    return NULL;
  last_ps = workload_request(workload, workload_count(workload) - 1)->arrival_ps;
  if (last_ps > TIME_MAX_PS) {
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "%s: found a request after %.1f days, expected none after %.1f; take fewer "
                "requests (--limit) or scale the times (--time-scale)",
                path, ps_to_s(last_ps) / 86400, ps_to_s(TIME_MAX_PS) / 86400);
    return NULL;
  }
  return g_steal_pointer(&workload);
}

static gboolean
write_whole(TraceOutput *output, const TraceFormat *format, const Workload *workload,
            GError **error)
{
  if (format->write == NULL) {
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "the form %s can only be read",
                format->name);
    return FALSE;
  }
  if (workload->turns != NULL && !(format->flags & TRACE_KEEPS_TURNS)) {
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "the form %s cannot hold turns that wait for an answer; write mooncake",
                format->name);
    return FALSE;
  }
  if (format->flags & TRACE_HAS_COMMENTS) {
    g_string_append_printf(output->text, FORMAT_MARK "%d\n", SPILLWAY_FORMAT_NUMBER);
    if (output->comment != NULL)
      g_string_append_printf(output->text, "# %s\n", output->comment);
  }
  return format->write(format, output, workload, error);
}

GString *
trace_print(const TraceFormat *format, const Workload *workload, const char *comment,
            GError **error)
{
  TraceOutput output;

  trace_output_init(&output, NULL, comment);
  if (write_whole(&output, format, workload, error))
    return output.text;
  g_string_free(output.text, TRUE);
  return NULL;
}

static void
note_losses(const TraceFormat *format, const Workload *workload, TraceNotes *notes)
{
  const struct {
    guint flag;
    gboolean has;
    const char *what;
  } losses[] = {
      {TRACE_KEEPS_HASHES, workload->hashes->len > 0, "prefix hashes"},
      {TRACE_KEEPS_IDS, workload->ids != NULL || workload->names != NULL, "ids"},
      {TRACE_KEEPS_PRIORITY, workload->priorities != NULL, "priorities"},
      {TRACE_KEEPS_MAX_TOKENS, workload->has_max_tokens, "max_tokens"},
  };
  gboolean starts_late = workload_request(workload, 0)->arrival_ps > 0;

  for (guint i = 0; i < G_N_ELEMENTS(losses); i++)
    if (losses[i].has && !(format->flags & losses[i].flag))
      g_ptr_array_add(notes->texts, g_strdup_printf("the form %s does not hold the trace's %s",
                                                    format->name, losses[i].what));
  if (starts_late && (format->flags & TRACE_TIME_ABSOLUTE))
    g_ptr_array_add(notes->texts,
                    g_strdup_printf("the first request arrives after 0 s; read again, the form %s "
                                    "starts with it",
                                    format->name));
}

gboolean
trace_write(const char *path, const TraceFormat *format, const Workload *workload,
            const char *comment, TraceNotes *notes, GError **error)
{
  TraceOutput output;
  gboolean ok;

  trace_output_init(&output, path, comment);
  ok = write_whole(&output, format, workload, error);
  ok = trace_output_finish(&output, ok, error);
  if (ok && notes != NULL)
    note_losses(format, workload, notes);
  return ok;
}
