/* The tables and views of a profile's database. */
#include "db.h"

/* s0, s1 … of the table are m, n … of gemm's view. */
static char *
view_sql(OperationKind kind)
{
  GString *sql = g_string_new(NULL);

  g_string_printf(sql, "CREATE VIEW %s AS SELECT variant, dtype", operations[kind].name);
  for (guint i = 0; i < operation_n_shape(kind); i++)
    g_string_append_printf(sql, ", s%u AS %s", i, operations[kind].shape[i]);
  g_string_append_printf(sql,
                         ", median_ns, p10_ns, p90_ns, count, kernel, derived, origin FROM sample "
                         "WHERE operation = '%s';",
                         operations[kind].name);
  return g_string_free(sql, FALSE);
}

char *
profile_db_schema_script(void)
{
  GString *sql = g_string_new(NULL);

  g_string_printf(sql, "PRAGMA application_id = %d; PRAGMA user_version = %d;",
                  PROFILE_APPLICATION_ID, PROFILE_FORMAT);
  g_string_append(sql, "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
                       "CREATE TABLE origin (id INTEGER PRIMARY KEY");
  for (guint i = 0; i < PROFILE_ORIGIN_FIELDS; i++)
    g_string_append_printf(sql, ", %s TEXT NOT NULL", profile_origin_fields[i]);
  g_string_append(sql, ");CREATE TABLE sample (operation TEXT NOT NULL, variant TEXT NOT NULL,"
                       " dtype TEXT NOT NULL");
  for (guint i = 0; i < OPERATION_SHAPE_MAX; i++)
    g_string_append_printf(sql, ", s%u INTEGER", i);
  g_string_append(sql, ", median_ns REAL NOT NULL, p10_ns REAL NOT NULL, p90_ns REAL NOT NULL,"
                       " count INTEGER NOT NULL, kernel TEXT NOT NULL, derived INTEGER NOT NULL,"
                       " origin INTEGER NOT NULL REFERENCES origin(id));"
                       "CREATE TABLE fit (operation TEXT NOT NULL, variant TEXT NOT NULL,"
                       " dtype TEXT NOT NULL, kind TEXT NOT NULL, n INTEGER NOT NULL,"
                       " median_error REAL NOT NULL, p95_error REAL NOT NULL,"
                       " worst_error REAL NOT NULL, program_version TEXT NOT NULL,"
                       " PRIMARY KEY (operation, variant, dtype, kind)) WITHOUT ROWID;");
  for (guint i = 0; i < OPERATIONS; i++) {
    g_autofree char *view = view_sql((OperationKind)i);
    g_string_append(sql, view);
  }
  return g_string_free(sql, FALSE);
}
