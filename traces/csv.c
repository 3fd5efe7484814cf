/* Reads a line of CSV in one pass: each field is parsed in place, by the role of its column, and
 * must end at a comma or the line's end. A field that does not (quotes, spaces, "12.0", or a
 * mistake) takes a slower path that finds its bounds first. Called by trace.c.
 */
#include "csv.h"

#include "digits.h"
#include "number.h"
#include "sim/units.h"

#include <string.h>

typedef struct {
  const char *text, *end; /* without quotes and spaces around */
  const char *next;       /* the comma after it, or the line's end */
  gboolean is_quoted;     /* a doubled quote inside stands for one */
  gboolean is_broken;     /* the quotes do not pair */
} Field;

static Field
find_field(const char *text, const char *line_end)
{
  Field field = {.text = text};
  const char *c = text;

  while (c < line_end && (*c == ' ' || *c == '\t'))
    c++;
  if (c < line_end && *c == '"') {
    field.is_quoted = TRUE;
    field.text = ++c;
    while (c < line_end && (*c != '"' || (c + 1 < line_end && c[1] == '"')))
      c += *c == '"' ? 2 : 1;
    field.end = c;
    field.is_broken = c == line_end;
    c += !field.is_broken;
    while (c < line_end && (*c == ' ' || *c == '\t'))
      c++;
    field.is_broken |= c < line_end && *c != ',';
  }
  if (!field.is_quoted || field.is_broken) {
    field.text = c = field.is_broken ? text : c;
    while (c < line_end && *c != ',')
      c++;
    for (field.end = c; field.end > field.text; field.end--)
      if (field.end[-1] != ' ' && field.end[-1] != '\t')
        break;
  }
  field.next = c;
  return field;
}

static gboolean
field_is(const Field *field, const char *name)
{
  gsize bytes = strlen(name);

  return (gsize)(field->end - field->text) == bytes && memcmp(field->text, name, bytes) == 0;
}

/* The name of the column with that role in the file. NULL: it has no such column. */
static const char *
column_name(const CsvSchema *schema, char *const *own, CsvRole role)
{
  return own != NULL ? own[role] : schema->columns[role].name;
}

static CsvRole
find_role(const CsvSchema *schema, char *const *own, const Field *field)
{
  for (guint role = CSV_ARRIVAL; role < CSV_ROLES; role++) {
    const char *name = column_name(schema, own, role);
    if (name != NULL && field_is(field, name))
      return role;
  }
  return CSV_IGNORED;
}

static guint
match(const TraceFormat *self, char *const *own, const char *line, const char *end, char **lacking)
{
  gboolean seen[CSV_ROLES] = {FALSE};
  g_autoptr(GString) missing = g_string_new(NULL);
  guint count = 0;

  for (const char *c = line; c <= end;) {
    Field field = find_field(c, end);
    seen[find_role(self->csv, own, &field)] = TRUE;
    c = field.next + 1;
  }
  for (guint role = CSV_ARRIVAL; role < CSV_ROLES; role++) {
    const char *name = column_name(self->csv, own, role);
    gboolean is_optional = own == NULL && self->csv->columns[role].is_optional;
    count += seen[role];
    if (name != NULL && !is_optional && !seen[role])
      g_string_append_printf(missing, "%s%s", missing->len > 0 ? ", " : "", name);
  }
  *lacking = missing->len > 0 ? g_string_free(g_steal_pointer(&missing), FALSE) : NULL;
  return count;
}

guint
csv_match(const TraceFormat *self, const char *line, const char *end, char **lacking)
{
  return match(self, NULL, line, end, lacking);
}

gboolean
csv_sniff(const TraceFormat *self, const char *line, const char *end)
{
  g_autofree char *lacking = NULL;

  csv_match(self, line, end, &lacking);
  return lacking == NULL && !self->csv->are_called_otherwise;
}

gboolean
csv_header(const TraceFormat *self, TraceReader *reader, const char *line, const char *end,
           GError **error)
{
  g_autofree char *lacking = NULL;

  if (self->csv->are_called_otherwise && reader->own_columns == NULL)
    return reader_fail(reader, line, end, NULL, error,
                       "the form %s to have its columns, --trace-format '%s:%s'", self->name,
                       self->name, self->shape);
  match(self, reader->own_columns, line, end, &lacking);
  if (lacking != NULL && reader->own_columns != NULL)
    return reader_fail(reader, line, end, NULL, error,
                       "a header with the columns that --trace-format names; it lacks %s", lacking);
  if (lacking != NULL)
    return reader_fail(reader, line, end, NULL, error, "the header %s (%s); it lacks %s",
                       self->shape, self->name, lacking);
  for (const char *c = line; c <= end;) {
    Field field = find_field(c, end);
    CsvRole role = find_role(self->csv, reader->own_columns, &field);
    if (reader->column_count == TRACE_COLUMNS_MAX)
      return reader_fail(reader, c, field.end, "the header", error, "at most %d columns",
                         TRACE_COLUMNS_MAX);
    if (role == CSV_IGNORED && !self->csv->takes_more_columns)
      return reader_fail(reader, field.text, field.end, "the header", error,
                         "only the columns %s (%s)%s", self->shape, self->name,
                         field.text == field.end
                             ? "; a column without a name is what pandas writes unless "
                               "told index=False"
                             : "");
    if (role != CSV_IGNORED && memchr(reader->roles, (int)role, reader->column_count) != NULL)
      return reader_fail(reader, field.text, field.end, "the header", error,
                         "this column only once");
    reader->roles[reader->column_count++] = (guint8)role;
    c = field.next + 1;
  }
  return TRUE;
}

gboolean
csv_time_seconds(const char *text, const char *end, gint64 *seconds, gint64 *ps, const char **stop)
{
  return number_decimal(text, end, DECIMALS_MAX, seconds, ps, stop);
}

static gboolean
read_tokens(const TraceReader *reader, const Field *field, const char *name, guint32 *tokens,
            GError **error)
{
  const char *stop;
  gint64 value, fraction;

  /* pandas writes whole numbers as 12.0 once a column has a gap */
  if (!number_decimal(field->text, field->end, DECIMALS_MAX, &value, &fraction, &stop) ||
      stop != field->end || fraction != 0 || value > TRACE_TOKENS_MAX ||
      value < reader_tokens_min(reader))
    return reader_fail_tokens(reader, field->text, field->end, name, error);
  *tokens = (guint32)value;
  return TRUE;
}

/* An empty field leaves *tokens as it is. */
static gboolean
read_max_tokens(const TraceReader *reader, const Field *field, const char *name, guint32 *tokens,
                GError **error)
{
  return field->text == field->end || read_tokens(reader, field, name, tokens, error);
}

static gboolean
read_id(TraceReader *reader, const Field *field, const char *name, GError **error)
{
  gsize bytes = (gsize)(field->end - field->text);

  if (bytes == 0 || bytes > TRACE_ID_MAX_BYTES || !g_utf8_validate_len(field->text, bytes, NULL))
    return reader_fail(reader, field->text, field->end, name, error, "UTF-8 text of 1 to %d bytes",
                       TRACE_ID_MAX_BYTES);
  g_string_truncate(reader->id, 0);
  for (const char *c = field->text; c < field->end; c++) {
    g_string_append_c(reader->id, *c);
    c += field->is_quoted && *c == '"'; /* the second of a pair */
  }
  return TRUE;
}

static gboolean
read_priority(const TraceReader *reader, const Field *field, const char *name, gint32 *priority,
              GError **error)
{
  gboolean is_negative = field->text < field->end && *field->text == '-';
  const char *stop;
  gint64 value;

  if (!number_whole(field->text + is_negative, field->end, &value, &stop) || stop != field->end ||
      value > G_MAXINT32)
    return reader_fail(reader, field->text, field->end, name, error,
                       "a whole number from -2147483647 to 2147483647");
  *priority = (gint32)(is_negative ? -value : value);
  return TRUE;
}

static gboolean
read_arrival(TraceReader *reader, const CsvSchema *schema, const Field *field, const char *name,
             Request *request, GError **error)
{
  const char *stop;
  gint64 seconds, ps;

  if (!schema->time(field->text, field->end, &seconds, &ps, &stop) || stop != field->end)
    return reader_fail(reader, field->text, field->end, name, error, "%s", schema->time_expected);
  return reader_set_arrival(reader, request, seconds, ps, field->text, field->end, name, error);
}

static gboolean
read_field(TraceReader *reader, const CsvSchema *schema, CsvRole role, const Field *field,
           Request *request, GError **error)
{
  const char *name = column_name(schema, reader->own_columns, role);

  if (field->is_broken)
    return reader_fail(reader, field->text, field->end, name, error, "quotes that pair");
  switch (role) {
  case CSV_ARRIVAL:
    return read_arrival(reader, schema, field, name, request, error);
  case CSV_PROMPT:
    return read_tokens(reader, field, name, &request->prompt_tokens, error);
  case CSV_OUTPUT:
    return read_tokens(reader, field, name, &request->output_tokens, error);
  case CSV_ID:
    return read_id(reader, field, name, error);
  case CSV_PRIORITY:
    return read_priority(reader, field, name, &reader->priority, error);
  case CSV_MAX_TOKENS:
    return read_max_tokens(reader, field, name, &request->max_tokens, error);
  case CSV_IGNORED:
  case CSV_ROLES:
    break;
  }
  if (!g_utf8_validate_len(field->text, (gsize)(field->end - field->text), NULL))
    return reader_fail(reader, field->text, field->end, NULL, error, "UTF-8 text");
  return TRUE;
}

/* Reads the usual field, a few digits up to a comma; returns its end. NULL: take the slower path.
 */
static inline const char *
quick_tokens(const char *text, const char *end, guint32 min, guint32 *tokens)
{
  guint count;
  guint64 value = digits_read(text, &count);

  text += count;
  if (count == 0 || (text != end && *text != ',') || value < min)
    return NULL;
  *tokens = (guint32)value;
  return text;
}

/* Reads the usual decimal: digits, and up to 12 after a point. FALSE: take the slower path. */
static inline gboolean
quick_seconds(const char *text, gint64 *seconds, gint64 *ps, const char **stop)
{
  static const gint64 unit_ps[] = {
      1000000000000, 100000000000, 10000000000, 1000000000, 100000000, 10000000, 1000000,
      100000,        10000,        1000,        100,        10,        1};
  guint count, more = 0;

  G_STATIC_ASSERT(PS_PER_S == 1000000000000);
  *seconds = (gint64)digits_read(text, &count);
  text += count;
  *ps = 0;
  *stop = text;
  if (count == 0 || *text != '.')
    return count > 0;
  *ps = (gint64)digits_read(++text, &count);
  text += count;
  if (count == 8) {
    gint64 rest = (gint64)digits_read(text, &more);
    if (more > 4)
      return FALSE;
    *ps = *ps * (unit_ps[12 - more]) + rest;
    count += more;
    text += more;
  }
  *ps *= unit_ps[count];
  *stop = text;
  return count > 0;
}

/* Reads the usual arrival; returns the field's end. NULL: take the slower path. */
static inline const char *
quick_arrival(TraceReader *reader, const CsvSchema *schema, const char *text, const char *end,
              Request *request)
{
  const char *stop;
  gint64 seconds, ps;

  if ((schema->time != csv_time_seconds || !quick_seconds(text, &seconds, &ps, &stop) ||
       (stop != end && *stop != ',')) &&
      (!schema->time(text, end, &seconds, &ps, &stop) || (stop != end && *stop != ',')))
    return NULL;
  return reader_set_arrival(reader, request, seconds, ps, text, stop, "", NULL) ? stop : NULL;
}

static gboolean
fail_columns(const TraceReader *reader, const CsvSchema *schema, const char *line, const char *end,
             guint found, GError **error)
{
  const char *missing = NULL;

  if (found < reader->column_count)
    missing = column_name(schema, reader->own_columns, reader->roles[found]);
  return reader_fail(reader, line, end, NULL, error,
                     "%u fields as in the header; there are %s%u%s%s", reader->column_count,
                     missing != NULL ? "only " : "", found, missing != NULL ? ", none for " : "",
                     missing != NULL ? missing : "");
}

gboolean
csv_row(const TraceFormat *self, TraceReader *reader, const char *line, const char *end,
        GError **error)
{
  const CsvSchema *schema = self->csv;
  Request request = {0};
  guint32 tokens_min = reader_tokens_min(reader);
  const char *text = line;
  guint column = 0;
  gboolean has_id = FALSE;

  for (;; text++, column++) {
    const char *next = NULL;
    if (column == reader->column_count) {
      guint found = column + 1;
      for (const char *c = text; (c = find_field(c, end).next) < end; c++)
        found++;
      return fail_columns(reader, schema, line, end, found, error);
    }
    CsvRole role = reader->roles[column];
    if (role == CSV_ARRIVAL)
      next = quick_arrival(reader, schema, text, end, &request);
    else if (role == CSV_PROMPT)
      next = quick_tokens(text, end, tokens_min, &request.prompt_tokens);
    else if (role == CSV_OUTPUT)
      next = quick_tokens(text, end, tokens_min, &request.output_tokens);
    else if (role == CSV_MAX_TOKENS)
      next = quick_tokens(text, end, tokens_min, &request.max_tokens);
    has_id |= role == CSV_ID;
    if (next == NULL) {
      Field field = find_field(text, end);
      if (!read_field(reader, schema, role, &field, &request, error))
        return FALSE;
      next = field.next;
    }
    text = next;
    if (text == end)
      break;
  }
  if (column + 1 < reader->column_count)
    return fail_columns(reader, schema, line, end, column + 1, error);
  return reader_add(reader, &request, has_id ? reader->id->str : NULL, error);
}

gboolean
csv_write_id(GString *out, const Workload *workload, guint32 index, GError **error)
{
  char buffer[24];
  const char *id = workload_id(workload, index, buffer);

  for (const guchar *c = (const guchar *)id; *c != '\0'; c++)
    if (*c < 0x20) {
      g_autofree char *quoted = reader_quote(id, id + strlen(id));
      g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                  "the id %s has a control character, which CSV cannot hold; use the form mooncake",
                  quoted);
      return FALSE;
    }
  if (strpbrk(id, ",\"#") == NULL && id[0] != ' ' && !g_str_has_suffix(id, " ")) {
    g_string_append(out, id);
    return TRUE;
  }
  g_string_append_c(out, '"');
  for (const char *c = id; *c != '\0'; c++)
    g_string_append_len(out, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1);
  g_string_append_c(out, '"');
  return TRUE;
}
