/* A file's tables against those that a program makes. The program's own are made anew in memory, by
 * the very script, so that the two cannot part; SQLite keeps the text of each, and equal texts are
 * equal tables: columns, types, constraints, defaults, keys.
 */
#include "config.h"

#include "database.h"

typedef struct {
  char *name, *type, *table, *sql;
} Object;

static void
object_free(gpointer data)
{
  Object *object = data;

  g_free(object->name);
  g_free(object->type);
  g_free(object->table);
  g_free(object->sql);
  g_free(object);
}

static char *
column(sqlite3_stmt *statement, int i)
{
  const char *text = (const char *)sqlite3_column_text(statement, i);

  return g_strdup(text != NULL ? text : "");
}

/* All of a schema's, in the order in which they were made; NULL where they cannot be read. */
static GPtrArray *
read_objects(sqlite3 *db, const char *schema)
{
  g_autofree char *sql = g_strdup_printf(
      "SELECT name, type, tbl_name, sql FROM \"%s\".sqlite_master ORDER BY rowid", schema);
  g_autoptr(GPtrArray) objects = g_ptr_array_new_with_free_func(object_free);
  sqlite3_stmt *statement = NULL;
  int result;

  if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
    return NULL;
  while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
    Object *object = g_new(Object, 1);
    object->name = column(statement, 0);
    object->type = column(statement, 1);
    object->table = column(statement, 2);
    object->sql = column(statement, 3);
    g_ptr_array_add(objects, object);
  }
  sqlite3_finalize(statement);
  return result == SQLITE_DONE ? g_steal_pointer(&objects) : NULL;
}

/* NULL: memory is out, as the script is ours. */
static GPtrArray *
expected_objects(const char *script)
{
  sqlite3 *db = NULL;
  GPtrArray *objects = NULL;

  if (sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
      sqlite3_exec(db, script, NULL, NULL, NULL) == SQLITE_OK)
    objects = read_objects(db, "main");
  g_assert(objects != NULL || sqlite3_errcode(db) == SQLITE_NOMEM);
  sqlite3_close(db);
  return objects;
}

static const Object *
find(const GPtrArray *objects, const char *name)
{
  for (guint i = 0; i < objects->len; i++) {
    const Object *object = g_ptr_array_index(objects, i);
    if (g_ascii_strcasecmp(object->name, name) == 0)
      return object;
  }
  return NULL;
}

static char *
find_trigger(const GPtrArray *objects)
{
  for (guint i = 0; i < objects->len; i++) {
    const Object *object = g_ptr_array_index(objects, i);
    if (g_str_equal(object->type, "trigger"))
      return g_strdup_printf("it has a trigger, '%s', which no file of this program has",
                             object->name);
  }
  return NULL;
}

/* What one object is otherwise than expected; NULL: nothing. */
static char *
fault_of(const Object *expected, const Object *found)
{
  if (found == NULL)
    return g_strdup_printf("it has no %s %s", expected->type, expected->name);
  if (!g_str_equal(found->type, expected->type))
    return g_strdup_printf("its %s is a %s, not a %s", expected->name, found->type, expected->type);
  if (!g_str_equal(found->sql, expected->sql))
    return g_strdup_printf("its %s %s is not as this program makes it", expected->type,
                           expected->name);
  return NULL;
}

char *
database_schema_fault(sqlite3 *db, const char *schema, const char *script,
                      const char *const *optional, gboolean *failed)
{
  g_autoptr(GPtrArray) found = read_objects(db, schema), expected = NULL;
  char *fault;

  *failed = found == NULL;
  if (found == NULL)
    return NULL;
  expected = expected_objects(script);
  *failed = expected == NULL;
  if (expected == NULL)
    return g_strdup("there is not enough memory to look into it");
  fault = find_trigger(found);
  for (guint i = 0; fault == NULL && i < expected->len; i++) {
    const Object *one = g_ptr_array_index(expected, i);
    if (optional == NULL || !g_strv_contains(optional, one->table) ||
        find(found, one->table) != NULL)
      fault = fault_of(one, find(found, one->name));
  }
  return fault;
}
