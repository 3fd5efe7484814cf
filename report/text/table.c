#include "table.h"

#include <string.h>

struct Table {
  char *columns; /* without the '|' */
  guint n_columns;
  GArray *breaks;   /* of guint: the columns before which it may break, ascending, and n_columns */
  GPtrArray *cells; /* of char *, row by row */
};

Table *
table_new(const char *columns)
{
  Table *table = g_new0(Table, 1);
  table->columns = g_new0(char, strlen(columns) + 1);
  table->breaks = g_array_new(FALSE, FALSE, sizeof(guint));
  for (; *columns != '\0'; columns++)
    if (*columns == '|')
      g_array_append_val(table->breaks, table->n_columns);
    else
      table->columns[table->n_columns++] = *columns;
  g_array_append_val(table->breaks, table->n_columns);
  table->cells = g_ptr_array_new_with_free_func(g_free);
  return table;
}

void
table_free(Table *table)
{
  if (table == NULL)
    return;
  g_free(table->columns);
  g_array_unref(table->breaks);
  g_ptr_array_unref(table->cells);
  g_free(table);
}

void
table_add(Table *table, const char *cell)
{
  g_ptr_array_add(table->cells, g_strdup(cell));
}

void
table_take(Table *table, char *cell)
{
  g_ptr_array_add(table->cells, cell);
}

/* Terminal columns that the text takes; bytes that are not UTF-8 count one each. */
static guint
width_of(const char *text)
{
  guint width = 0;

  if (!g_utf8_validate(text, -1, NULL))
    return (guint)strlen(text);
  for (; *text != '\0'; text = g_utf8_next_char(text)) {
    gunichar c = g_utf8_get_char(text);
    if (!g_unichar_iszerowidth(c))
      width += g_unichar_iswide(c) ? 2 : 1;
  }
  return width;
}

static guint *
column_widths(const Table *table)
{
  guint *widths = g_new0(guint, table->n_columns);

  for (guint i = 0; i < table->cells->len; i++) {
    guint *width = &widths[i % table->n_columns];
    *width = MAX(*width, width_of(g_ptr_array_index(table->cells, i)));
  }
  return widths;
}

static void
append_spaces(GString *text, guint n)
{
  while (n-- > 0)
    g_string_append_c(text, ' ');
}

static void
end_line(GString *text)
{
  while (text->len > 0 && text->str[text->len - 1] == ' ')
    g_string_truncate(text, text->len - 1);
  g_string_append_c(text, '\n');
}

/* Of a column in its line, with what stands before it. */
static guint
room_of(const Table *table, const guint *widths, guint column)
{
  gboolean clings = column == 0 || table->columns[column] == 'm' || widths[column] == 0;

  return widths[column] + (clings ? 0 : 2);
}

static void
append_cell(const Table *table, const guint *widths, guint row, guint column, GString *text)
{
  const char *cell = g_ptr_array_index(table->cells, row * table->n_columns + column);
  guint padding = widths[column] - width_of(cell);
  gboolean right = table->columns[column] == 'r';

  append_spaces(text, room_of(table, widths, column) - widths[column] + (right ? padding : 0));
  g_string_append(text, cell);
  append_spaces(text, right ? 0 : padding);
}

/* The columns before `head`, and those from `from` to before `to`. */
static void
append_part(const Table *table, const guint *widths, const char *indent, guint head, guint from,
            guint to, GString *text)
{
  for (guint row = 0; row < table->cells->len / table->n_columns; row++) {
    g_string_append(text, indent);
    for (guint column = 0; column < head; column++)
      append_cell(table, widths, row, column, text);
    for (guint column = from; column < to; column++)
      append_cell(table, widths, row, column, text);
    end_line(text);
  }
}

/* The break that ends a part which begins at break `from`: at most `most` further, but one. */
static guint
part_end(const Table *table, const guint *widths, guint room, guint from, guint most)
{
  const guint *breaks = (const guint *)(gpointer)table->breaks->data;
  guint end = from, taken = 0;

  while (end + 1 < table->breaks->len && end - from < most) {
    for (guint column = breaks[end]; column < breaks[end + 1]; column++)
      taken += room_of(table, widths, column);
    if (taken > room && end > from)
      break;
    end++;
  }
  return end;
}

void
table_append(const Table *table, const char *indent, GString *text)
{
  table_append_within(table, indent, G_MAXUINT, text);
}

void
table_append_within(const Table *table, const char *indent, guint width, GString *text)
{
  const guint *breaks = (const guint *)(gpointer)table->breaks->data;
  g_autofree guint *widths = column_widths(table);
  guint last = table->breaks->len - 1, head = breaks[0], taken = width_of(indent), parts = 0, most;

  for (guint column = 0; column < head; column++)
    taken += room_of(table, widths, column);
  for (guint at = 0; at < last; parts++)
    at = part_end(table, widths, width - MIN(width, taken), at, last);
  if (parts == 0) {
    append_part(table, widths, indent, head, head, head, text);
    return;
  }
  /* As many in each, so that the last is not a lone column. */
  most = (last + parts - 1) / parts;
  for (guint at = 0, end; at < last; at = end) {
    end = part_end(table, widths, width - MIN(width, taken), at, most);
    if (at > 0)
      g_string_append_c(text, '\n');
    append_part(table, widths, indent, head, breaks[at], breaks[end], text);
  }
}
