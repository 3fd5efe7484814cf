#include "tests/fuzz/edits.h"

#include <sqlite3.h>
#include <string.h>

typedef struct {
  char *name;
  GPtrArray *columns; /* of char * */
} EditTable;

static GPtrArray *tables; /* of EditTable */

static void
table_free(gpointer data)
{
  EditTable *table = data;

  g_free(table->name);
  g_ptr_array_unref(table->columns);
  g_free(table);
}

static int
add_table(void *data, int n, char **values, char **names)
{
  (void)n;
  (void)names;
  if (tables->len == 0 ||
      strcmp(((EditTable *)tables->pdata[tables->len - 1])->name, values[0]) != 0) {
    EditTable *table = g_new0(EditTable, 1);
    table->name = g_strdup(values[0]);
    table->columns = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(tables, table);
  }
  g_ptr_array_add(((EditTable *)tables->pdata[tables->len - 1])->columns, g_strdup(values[1]));
  (void)data;
  return 0;
}

void
edits_begin(const char *path)
{
  sqlite3 *database = NULL;

  tables = g_ptr_array_new_with_free_func(table_free);
  g_assert_cmpint(sqlite3_open(path, &database), ==, SQLITE_OK);
  g_assert_cmpint(
      sqlite3_exec(database,
                   "SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c "
                   "WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, c.cid",
                   add_table, NULL, NULL),
      ==, SQLITE_OK);
  g_assert_cmpuint(tables->len, >, 0);
  sqlite3_close(database);
}

void
edits_end(void)
{
  g_clear_pointer(&tables, g_ptr_array_unref);
}

static guint8
take_byte(const guint8 **data, gsize *bytes)
{
  if (*bytes == 0)
    return 0;
  --*bytes;
  return *(*data)++;
}

/* Those that are there; the rest is 0. */
static void
take(const guint8 **data, gsize *bytes, void *to, gsize wanted)
{
  gsize n = MIN(wanted, *bytes);

  memset(to, 0, wanted);
  memcpy(to, *data, n);
  *data += n;
  *bytes -= n;
}

static void
bind_value(sqlite3_stmt *statement, guint kind, const guint8 **data, gsize *bytes)
{
  gint64 whole;
  double real;
  gsize length;

  switch (kind) {
  case EDIT_WHOLE:
    take(data, bytes, &whole, sizeof whole);
    sqlite3_bind_int64(statement, 1, whole);
    break;
  case EDIT_SMALL:
    sqlite3_bind_int(statement, 1, (gint8)take_byte(data, bytes));
    break;
  case EDIT_REAL:
    take(data, bytes, &real, sizeof real);
    sqlite3_bind_double(statement, 1, real);
    break;
  case EDIT_TEXT:
  case EDIT_BLOB:
    length = take_byte(data, bytes);
    length = MIN(length, *bytes);
    if (kind == EDIT_TEXT)
      sqlite3_bind_text(statement, 1, (const char *)*data, (int)length, SQLITE_TRANSIENT);
    else
      sqlite3_bind_blob(statement, 1, *data, (int)length, SQLITE_TRANSIENT);
    *data += length;
    *bytes -= length;
    break;
  default:
    break; /* NULL */
  }
}

static char *
edit_statement(const EditTable *table, const char *column, guint row, guint kind)
{
  const char *name = table->name;

  if (kind == EDIT_DELETE)
    return g_strdup_printf("DELETE FROM \"%s\" WHERE rowid = (SELECT rowid FROM \"%s\" LIMIT 1 "
                           "OFFSET %u %% MAX(1, (SELECT COUNT(*) FROM \"%s\")))",
                           name, name, row, name);
  if (kind == EDIT_REPEAT)
    return g_strdup_printf("INSERT INTO \"%s\" SELECT * FROM \"%s\" LIMIT 1 OFFSET %u", name, name,
                           row);
  return g_strdup_printf(
      "UPDATE \"%s\" SET \"%s\" = ?1 WHERE rowid = (SELECT rowid FROM \"%s\" LIMIT 1 "
      "OFFSET %u %% MAX(1, (SELECT COUNT(*) FROM \"%s\")))",
      name, column, name, row, name);
}

/* What the tables' constraints refuse, or what has no such row, is not done. */
static void
edit(sqlite3 *database, const guint8 **data, gsize *bytes)
{
  const EditTable *table = tables->pdata[take_byte(data, bytes) % tables->len];
  const char *column = table->columns->pdata[take_byte(data, bytes) % table->columns->len];
  guint row = take_byte(data, bytes), kind = take_byte(data, bytes) % EDITS;
  g_autofree char *sql = edit_statement(table, column, row, kind);
  sqlite3_stmt *statement = NULL;

  if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) == SQLITE_OK) {
    if (kind != EDIT_DELETE && kind != EDIT_REPEAT)
      bind_value(statement, kind, data, bytes);
    sqlite3_step(statement);
  }
  sqlite3_finalize(statement);
}

void
edits_apply(const char *path, const char *to, const guint8 *data, gsize bytes)
{
  g_autofree char *content = NULL;
  gsize length;
  sqlite3 *database = NULL;

  g_assert_true(g_file_get_contents(path, &content, &length, NULL));
  g_assert_true(
      g_file_set_contents_full(to, content, (gssize)length, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
  g_assert_cmpint(sqlite3_open(to, &database), ==, SQLITE_OK);
  sqlite3_exec(database,
               "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA "
               "ignore_check_constraints = ON; BEGIN",
               NULL, NULL, NULL);
  while (bytes > 0)
    edit(database, &data, &bytes);
  sqlite3_exec(database, "COMMIT", NULL, NULL, NULL);
  sqlite3_close(database);
}
