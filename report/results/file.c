/* Results databases that are read: what is refused, and how it is told.
 *
 * Nothing of the file's own views is used. Those that this program asks are made anew, as temporary
 * ones, over tables that are the program's own to the letter.
 */
#include "config.h"

#include "files/database.h"
#include "check.h"
#include "query.h"

static const char *const optional_tables[] = {"step",         "study",     "cell", "cell_setting",
                                              "run_identity", "student_t", NULL};

/* SQLite's results that are about what a file holds. */
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

gboolean
results_is_of_reading(const Results *results)
{
  int code = sqlite3_errcode(results->db) & 0xff;

  return results->is_read ||
         (results->input != NULL && (is_damage(code) || code == SQLITE_BUSY ||
                                     code == SQLITE_LOCKED || code == SQLITE_NOTADB));
}

gboolean
results_check_tables(Results *results, const char *schema, const char *path, GError **error)
{
  g_autofree char *script = results_schema_script();
  g_autofree char *fault = NULL;
  gboolean failed;

  fault = database_schema_fault(results->db, schema, script, optional_tables, &failed);
  if (failed)
    return results_fail(results, error);
  if (fault != NULL)
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_DAMAGED,
                "%s is no results database as this program writes them: %s", path, fault);
  return fault == NULL;
}

/* The views that explain.c asks, over the file's tables; then nothing may be changed. */
static gboolean
prepare_views(Results *results, GError **error)
{
  g_autofree char *script = results_views_script("TEMP ");

  return results_exec(results, script, error) &&
         results_exec(results, "PRAGMA query_only = ON", error);
}

static gboolean
check(Results *results, GError **error)
{
  gint64 application_id;

  return results_query_int(results, "PRAGMA application_id", &application_id, error) &&
         results_check_format(results, application_id, error) &&
         results_check_tables(results, "main", results->path, error) &&
         prepare_views(results, error);
}

Results *
results_open_read(const char *path, GError **error)
{
  g_autoptr(Results) results = g_new0(Results, 1);
  const char *refusal = database_refusal(path);

  if (refusal == NULL && !g_file_test(path, G_FILE_TEST_EXISTS))
    refusal = "there is no such file";
  if (refusal != NULL) {
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_UNREADABLE,
                "%s: %s; expected a results database, which 'spillway run -o FILE.db' writes", path,
                refusal);
    return NULL;
  }
  results->path = g_strdup(path);
  results->is_read = TRUE;
  if (database_open(path, SQLITE_OPEN_READONLY, RESULTS_LOCK_WAIT_MS, &results->db) != SQLITE_OK) {
    results_fail_read(results, path, error);
    return NULL;
  }
  return check(results, error) ? g_steal_pointer(&results) : NULL;
}
