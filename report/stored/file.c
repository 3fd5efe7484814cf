#include "file.h"

#include <math.h>

gboolean
stored_refuse(GError **error, const char *path, const char *text)
{
  g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_FOREIGN, "%s: %s", path, text);
  return FALSE;
}

sqlite3_stmt *
stored_prepare(const StoredFile *file, const char *sql, GError **error)
{
  return results_prepare(file->results, sql, error);
}

gboolean
stored_next(const StoredFile *file, sqlite3_stmt *statement, GError **error)
{
  int result = sqlite3_step(statement);

  if (result == SQLITE_ROW)
    return TRUE;
  if (result != SQLITE_DONE)
    results_fail(file->results, error);
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
