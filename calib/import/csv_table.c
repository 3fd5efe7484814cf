/* The whole file is in memory and cut in place: a cell is a pointer to text that ends in NUL, so
 * its position gives its column in the line. Tables have a few megabytes. */
#include "csv_table.h"

#include "files/input.h"

#include <math.h>
#include <string.h>

enum { FOUND_MAX = 40 };

struct CsvTable {
  char *path;
  char *content, *next, *end; /* the text, the next line, the text's end */
  const char *line;           /* the present one */
  guint line_number;
  GPtrArray *columns; /* their names, in `content` */
  GPtrArray *cells;   /* of the present row, in `content` */
  guint rows;
  GError *error;
};

G_DEFINE_QUARK(spillway - csv - table - error - quark, csv_table_error)

/* Keeps the first error. `at` is its place in the line, NULL if it is not in a line. */
static void G_GNUC_PRINTF(4, 0)
    fail(CsvTable *table, CsvTableError code, const char *at, const char *format, va_list args)
{
  g_autofree char *text = g_strdup_vprintf(format, args);

  if (table->error != NULL)
    return;
  if (at != NULL)
    g_set_error(&table->error, CSV_TABLE_ERROR, (int)code, "%s:%u:%d: %s", table->path,
                table->line_number, (int)(at - table->line) + 1, text);
  else
    g_set_error(&table->error, CSV_TABLE_ERROR, (int)code, "%s: %s", table->path, text);
}

static void G_GNUC_PRINTF(4, 5)
    fail_at(CsvTable *table, CsvTableError code, const char *at, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  fail(table, code, at, format, args);
  va_end(args);
}

void
csv_table_fail(CsvTable *table, int column, const char *expected, ...)
{
  const char *cell = csv_table_text(table, column), *name = table->columns->pdata[column];
  g_autofree char *start = g_strndup(cell, FOUND_MAX);
  g_autofree char *valid = g_utf8_make_valid(start, -1);
  g_autofree char *found = g_strescape(valid, NULL);
  g_autofree char *wanted = NULL;
  va_list args;

  va_start(args, expected);
  wanted = g_strdup_vprintf(expected, args);
  va_end(args);
  if (*cell == '\0')
    fail_at(table, CSV_TABLE_ERROR_VALUE, cell, "%s is empty, expected %s", name, wanted);
  else
    fail_at(table, CSV_TABLE_ERROR_VALUE, cell, "%s is \"%s%s\", expected %s", name, found,
            strlen(cell) > FOUND_MAX ? "…" : "", wanted);
}

/* Takes the quotes off a cell that begins with one, in place. Returns what follows the cell, NULL
 * if the quotes do not pair. */
static char *
unquote(char *cell)
{
  char *to = cell, *from = cell + 1;

  while (*from != '\0' && (*from != '"' || from[1] == '"')) {
    from += *from == '"';
    *to++ = *from++;
  }
  if (*from != '"' || (from[1] != ',' && from[1] != '\0'))
    return NULL;
  *to = '\0';
  return from + 1;
}

static gboolean
split(CsvTable *table, char *line, GPtrArray *cells)
{
  g_ptr_array_set_size(cells, 0);
  for (char *c = line;;) {
    char *cell = c;
    if (*c == '"')
      c = unquote(c);
    else
      c += strcspn(c, ",");
    if (c == NULL) {
      fail_at(table, CSV_TABLE_ERROR_VALUE, cell, "the quotes do not pair");
      return FALSE;
    }
    g_ptr_array_add(cells, cell);
    if (*c == '\0')
      return TRUE;
    *c++ = '\0';
  }
}

/* The next line that is a row, NULL after the last. Cuts it off. */
static char *
next_line(CsvTable *table)
{
  while (table->next < table->end) {
    char *line = table->next, *stop = memchr(line, '\n', (gsize)(table->end - line));
    if (stop == NULL)
      stop = table->end;
    table->next = stop + 1;
    table->line = line;
    table->line_number++;
    *stop = '\0';
    if (memchr(line, '\0', (gsize)(stop - line)) != NULL) {
      fail_at(table, CSV_TABLE_ERROR_VALUE, line + strlen(line), "a NUL byte, expected text");
      return NULL;
    }
    if (stop > line && stop[-1] == '\r')
      stop[-1] = '\0';
    if (*line != '\0' && *line != '#')
      return line;
  }
  return NULL;
}

static void
read_header(CsvTable *table)
{
  char *line = next_line(table);

  if (line == NULL)
    fail_at(table, CSV_TABLE_ERROR_OPEN, NULL, "is empty, expected a line of column names");
  if (line == NULL || !split(table, line, table->columns))
    return;
  for (guint i = 0; i < table->columns->len; i++) {
    const char *name = table->columns->pdata[i];
    if (csv_table_column(table, name) != (int)i)
      fail_at(table, CSV_TABLE_ERROR_COLUMN, name, "the column %s is there twice", name);
  }
}

CsvTable *
csv_table_open(const char *path, GError **error)
{
  g_autoptr(CsvTable) table = g_new0(CsvTable, 1);
  gsize bytes;

  table->path = g_strdup(path);
  table->columns = g_ptr_array_new();
  table->cells = g_ptr_array_new();
  table->content = input_read(path, INPUT_MAYBE_GZIP, INPUT_TABLE_MAX_BYTES, &bytes, error);
  if (table->content == NULL) {
    g_prefix_error(error, "%s: cannot be read: ", path);
    return NULL;
  }
  table->next = table->content;
  table->end = table->content + bytes;
  if (g_str_has_prefix(table->content, "\xef\xbb\xbf"))
    table->next += 3;
  read_header(table);
  if (table->error != NULL) {
    g_propagate_error(error, g_steal_pointer(&table->error));
    return NULL;
  }
  return g_steal_pointer(&table);
}

void
csv_table_free(CsvTable *table)
{
  if (table == NULL)
    return;
  g_free(table->path);
  g_free(table->content);
  g_ptr_array_unref(table->columns);
  g_ptr_array_unref(table->cells);
  g_clear_error(&table->error);
  g_free(table);
}

guint
csv_table_n_columns(const CsvTable *table)
{
  return table->columns->len;
}

const char *
csv_table_name(const CsvTable *table, int column)
{
  g_assert(column >= 0 && (guint)column < table->columns->len);
  return table->columns->pdata[column];
}

int
csv_table_column(const CsvTable *table, const char *name)
{
  for (guint i = 0; i < table->columns->len; i++)
    if (g_str_equal(table->columns->pdata[i], name))
      return (int)i;
  return -1;
}

int
csv_table_need(CsvTable *table, const char *name)
{
  int column = csv_table_column(table, name);

  if (column < 0)
    fail_at(table, CSV_TABLE_ERROR_COLUMN, table->line, "the header has no column %s", name);
  return column;
}

gboolean
csv_table_next(CsvTable *table)
{
  char *line = table->error == NULL ? next_line(table) : NULL;

  if (line == NULL || !split(table, line, table->cells))
    return FALSE;
  if (table->cells->len != table->columns->len) {
    fail_at(table, CSV_TABLE_ERROR_VALUE, line, "%u cells, expected %u as in the header%s",
            table->cells->len, table->columns->len,
            table->next > table->end ? "; the file seems to be cut off" : "");
    return FALSE;
  }
  table->rows++;
  return TRUE;
}

gboolean
csv_table_ok(const CsvTable *table)
{
  return table->error == NULL;
}

gboolean
csv_table_finish(CsvTable *table, GError **error)
{
  if (table->error == NULL && table->rows == 0)
    fail_at(table, CSV_TABLE_ERROR_VALUE, NULL, "has a header and no rows");
  if (table->error == NULL)
    return TRUE;
  g_propagate_error(error, g_steal_pointer(&table->error));
  return FALSE;
}

const char *
csv_table_text(const CsvTable *table, int column)
{
  g_assert(column >= 0 && (guint)column < table->cells->len);
  return table->cells->pdata[column];
}

/* NAN if the column is missing: that error is kept already. */
static double
read_number(CsvTable *table, int column, double min, double max, const char *expected)
{
  const char *text;
  char *stop;
  double value;

  if (table->error != NULL)
    return NAN;
  text = csv_table_text(table, column);
  value = g_ascii_strtod(text, &stop);
  if (stop == text || *stop != '\0' || g_ascii_isspace(*text) || !(value >= min && value <= max)) {
    csv_table_fail(table, column, "%s", expected);
    return NAN;
  }
  return value;
}

double
csv_table_number(CsvTable *table, int column)
{
  return read_number(table, column, 0, G_MAXDOUBLE, "a number, 0 or more");
}

double
csv_table_time(CsvTable *table, int column)
{
  return read_number(table, column, G_MINDOUBLE, G_MAXDOUBLE, "a time above 0");
}

gint64
csv_table_whole(CsvTable *table, int column, gint64 min)
{
  const double max = 9007199254740992.0; /* to where doubles hold every whole number */
  g_autofree char *expected = NULL;
  const char *text;
  gint64 value = 0;

  if (table->error != NULL)
    return min;
  text = csv_table_text(table, column);
  while (g_ascii_isdigit(*text) && value < (gint64)1 << 52)
    value = value * 10 + (*text++ - '0');
  if (*text == '\0' && text != csv_table_text(table, column) && value >= min)
    return value;
  expected = g_strdup_printf("a whole number, %" G_GINT64_FORMAT " or more", min);
  double number = read_number(table, column, (double)min, max, expected);
  if (table->error == NULL && number != floor(number))
    csv_table_fail(table, column, "%s", expected);
  return table->error == NULL ? (gint64)number : min;
}
