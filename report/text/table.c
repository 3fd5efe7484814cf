#include "table.h"

#include <string.h>

struct Table {
  char *columns;
  guint n_columns;
  GPtrArray *cells; /* of char *, row by row */
};

Table *
table_new(const char *columns)
{
  Table *table = g_new0(Table, 1);
  table->columns = g_strdup(columns);
  table->n_columns = (guint)strlen(columns);
  table->cells = g_ptr_array_new_with_free_func(g_free);
  return table;
}

void
table_free(Table *table)
{
  if (table == NULL)
    return;
  g_free(table->columns);
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

void
table_append(const Table *table, const char *indent, GString *text)
{
  g_autofree guint *widths = column_widths(table);

  for (guint i = 0; i < table->cells->len; i++) {
    const char *cell = g_ptr_array_index(table->cells, i);
    guint column = i % table->n_columns;
    guint padding = widths[column] - width_of(cell);
    char align = table->columns[column];

    if (column == 0)
      g_string_append(text, indent);
    else if (align != 'm' && widths[column] > 0)
      append_spaces(text, 2);
    append_spaces(text, align == 'r' ? padding : 0);
    g_string_append(text, cell);
    append_spaces(text, align == 'r' ? 0 : padding);
    if (column + 1 == table->n_columns)
      end_line(text);
  }
}
