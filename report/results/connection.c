/* The database under a results file: statements, transactions, and how what fails is told. */
#include "config.h"

#include "private.h"

G_DEFINE_QUARK(spillway - results - error - quark, results_error)

gboolean
results_fail_read_only(const Results *results, GError **error)
{
  g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_FAILED,
              "cannot write %s: it, or the folder that it is in, is read-only", results->path);
  return FALSE;
}

/* SQLite's results that mean a damaged file. */
static gboolean
is_damage(int code)
{
  return code == SQLITE_CORRUPT || code == SQLITE_TOOBIG || code == SQLITE_INTERRUPT ||
         code == SQLITE_ERROR || code == SQLITE_FORMAT || code == SQLITE_AUTH ||
         code == SQLITE_MISMATCH;
}

gboolean
results_fail_read(Results *results, const char *path, GError **error)
{
  int code = sqlite3_errcode(results->db) & 0xff;

  if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_LOCKED,
                "%s is locked: another program is writing to it; wait for its end, and try again",
                path);
  else if (code == SQLITE_NOTADB)
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_FOREIGN,
                "%s is not a results database; 'spillway run -o FILE.db' writes one", path);
  else if (is_damage(code))
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_DAMAGED,
                "%s is damaged, or no file of this program: %s", path,
                code == SQLITE_INTERRUPT
                    ? "reading it takes more steps than a file of its length can need"
                    : sqlite3_errmsg(results->db));
  else
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_UNREADABLE, "cannot read %s: %s", path,
                sqlite3_errmsg(results->db));
  return FALSE;
}

/* TRUE if the last result is about a file that is read, not about the one that is written. */
static gboolean
results_is_of_reading(const Results *results)
{
  int code = sqlite3_errcode(results->db) & 0xff;

  return results->is_read ||
         (results->input != NULL && (is_damage(code) || code == SQLITE_BUSY ||
                                     code == SQLITE_LOCKED || code == SQLITE_NOTADB));
}

gboolean
results_fail(Results *results, GError **error)
{
  const char *path = results->path;
  int cause = sqlite3_system_errno(results->db);

  if (results_is_of_reading(results))
    return results_fail_read(results, results->is_read ? path : results->input, error);
  switch (sqlite3_errcode(results->db) & 0xff) {
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    g_set_error(
        error, RESULTS_ERROR, RESULTS_ERROR_LOCKED,
        "%s is locked: another program is writing to it; wait for its end, or name another file",
        path);
    break;
  case SQLITE_NOTADB:
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_FOREIGN,
                "%s is not a results database; name another file", path);
    break;
  case SQLITE_FULL:
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_FAILED,
                "cannot write %s: the disk is full; what it held before is unharmed", path);
    break;
  case SQLITE_READONLY:
    return results_fail_read_only(results, error);
  case SQLITE_CANTOPEN:
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_FAILED,
                "cannot write %s, or the journal beside it; is there such a folder, and may you"
                " write to it?",
                path);
    break;
  case SQLITE_IOERR: /* the system says why, such as "File too large" */
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_FAILED,
                "cannot write %s: %s; what it held before is unharmed", path,
                cause != 0 ? g_strerror(cause) : sqlite3_errmsg(results->db));
    break;
  default:
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_FAILED, "cannot write %s: %s", path,
                sqlite3_errmsg(results->db));
  }
  return FALSE;
}

gboolean
results_exec(Results *results, const char *sql, GError **error)
{
  if (sqlite3_exec(results->db, sql, NULL, NULL, NULL) != SQLITE_OK)
    return results_fail(results, error);
  return TRUE;
}

gboolean
results_exec_one(Results *results, const char *sql, GError **error)
{
  sqlite3_stmt *statement = NULL;
  const char *rest = NULL;
  int result = sqlite3_prepare_v2(results->db, sql, -1, &statement, &rest);

  if (result == SQLITE_OK && *rest != '\0') {
    sqlite3_finalize(statement);
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_DAMAGED,
                "%s is damaged: a name in it ends a statement, '%.60s' is left of it",
                results->input != NULL ? results->input : results->path, rest);
    return FALSE;
  }
  if (result == SQLITE_OK)
    result = sqlite3_step(statement);
  sqlite3_finalize(statement);
  return result == SQLITE_DONE || results_fail(results, error);
}

sqlite3_stmt *
results_prepare(Results *results, const char *sql, GError **error)
{
  sqlite3_stmt *statement = NULL;

  if (sqlite3_prepare_v2(results->db, sql, -1, &statement, NULL) != SQLITE_OK)
    results_fail(results, error);
  return statement;
}

gboolean
results_query_int(Results *results, const char *sql, gint64 *value, GError **error)
{
  sqlite3_stmt *statement = results_prepare(results, sql, error);
  int result;

  if (statement == NULL)
    return FALSE;
  result = sqlite3_step(statement);
  *value = result == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
  if (result != SQLITE_ROW && result != SQLITE_DONE)
    results_fail(results, error);
  sqlite3_finalize(statement);
  return result == SQLITE_ROW || result == SQLITE_DONE;
}

gboolean
results_begin(Results *results, GError **error)
{
  return results_exec(results, "BEGIN IMMEDIATE", error);
}

gboolean
results_finish(Results *results, gboolean worked, GError **error)
{
  if (worked && results_exec(results, "COMMIT", error))
    return TRUE;
  sqlite3_exec(results->db, "ROLLBACK", NULL, NULL,
               NULL); /* a full disk may have done it already */
  return FALSE;
}
