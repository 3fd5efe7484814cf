/* Results databases that are read: what is refused, and the messages.  The file's own views are
 * never used: the program makes the views that it reads as temporary ones, over tables whose
 * definitions equal its own to the letter. */
#include "config.h"

#include "files/database.h"
#include "check.h"
#include "query.h"

/* The views that explain/ asks, over the file's tables; then nothing may be changed. */
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
