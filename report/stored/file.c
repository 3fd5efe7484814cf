#include "file.h"

#include <math.h>

#include "report/results/results.h"

gboolean
stored_refuse(GError **error, const char *path, const char *text)
{
  g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_FOREIGN, "%s: %s", path, text);
  return FALSE;
}

static gboolean
fail(const StoredFile *file, GError **error)
{
  if ((sqlite3_errcode(file->db) & 0xff) == SQLITE_NOTADB)
    return stored_refuse(error, file->path, NO_RESULTS);
  g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_FAILED, "cannot read %s: %s", file->path,
              sqlite3_errmsg(file->db));
  return FALSE;
}

sqlite3_stmt *
stored_prepare(const StoredFile *file, const char *sql, GError **error)
{
  sqlite3_stmt *statement = NULL;

  if (sqlite3_prepare_v2(file->db, sql, -1, &statement, NULL) != SQLITE_OK)
    fail(file, error);
  return statement;
}

gboolean
stored_next(const StoredFile *file, sqlite3_stmt *statement, GError **error)
{
  int result = sqlite3_step(statement);

  if (result == SQLITE_ROW)
    return TRUE;
  if (result != SQLITE_DONE)
    fail(file, error);
  sqlite3_finalize(statement);
  return FALSE;
}

double
stored_real(sqlite3_stmt *statement, int column)
{
  return sqlite3_column_type(statement, column) == SQLITE_NULL
             ? NAN
             : sqlite3_column_double(statement, column);
}

char *
stored_text(sqlite3_stmt *statement, int column)
{
  const char *text = (const char *)sqlite3_column_text(statement, column);

  return g_utf8_make_valid(text != NULL ? text : "", -1);
}

const StoredFile *
stored_file(const Stored *stored, const StoredRun *run)
{
  for (guint i = 0; i < stored->files->len; i++) {
    const StoredFile *file = g_ptr_array_index(stored->files, i);
    if (g_str_equal(file->path, run->file))
      return file;
  }
  g_assert_not_reached();
}
