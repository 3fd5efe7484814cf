#include "config.h"

#include "private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "files/database.h"
#include "files/output.h"

/* point_summary takes a root, which not every build of SQLite has. */
static void
sql_sqrt(sqlite3_context *context, int n G_GNUC_UNUSED, sqlite3_value **values)
{
  if (sqlite3_value_type(values[0]) != SQLITE_NULL && sqlite3_value_double(values[0]) >= 0)
    sqlite3_result_double(context, sqrt(sqlite3_value_double(values[0])));
}

static void
add_functions(sqlite3 *db)
{
  if (!sqlite3_compileoption_used("ENABLE_MATH_FUNCTIONS"))
    sqlite3_create_function(db, "sqrt", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, sql_sqrt, NULL,
                            NULL);
}

Results *
results_open(const char *path, guint lock_wait_ms, GError **error)
{
  g_autoptr(Results) results = g_new0(Results, 1);
  const char *refusal = database_refusal(path);
  const char *other = output_other_kind(path, ".db");

  results->path = g_strdup(path);
  if (other != NULL) {
    g_set_error(
        error, RESULTS_ERROR, RESULTS_ERROR_FAILED,
        "cannot write results to '%s': they are a database, of which %s is no name: call it "
        "FILE.db (--format prints, 'spillway report' makes pages and pictures of it)",
        path, other);
    return NULL;
  }
  if (refusal != NULL) {
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_FAILED,
                "cannot write results to '%s': %s; name a file", path, refusal);
    return NULL;
  }
  if (database_open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, lock_wait_ms, &results->db) !=
      SQLITE_OK) {
    results_fail(results, error);
    return NULL;
  }
  if (sqlite3_db_readonly(results->db, "main") == 1) { /* then BEGIN IMMEDIATE would succeed */
    results_fail_read_only(results, error);
    return NULL;
  }
  add_functions(results->db);
  /* IMMEDIATE takes the write lock, and results_check_schema() writes: what would fail later is
   * told now. */
  if (!results_begin(results, error) ||
      !results_finish(results, results_check_schema(results, error), error))
    return NULL;
  return g_steal_pointer(&results);
}

void
results_free(Results *results)
{
  if (results == NULL)
    return;
  sqlite3_close(results->db);
  g_free(results->path);
  g_free(results);
}

/* The write-ahead log has an index in memory that the programs of one machine share. On a cluster's
 * file system a program of another machine, which does not see it, could merge a log that this one
 * writes. So a file system that is not known to be local is taken for a shared one. */
static gboolean
is_on_local_disk(const char *path)
{
  static const guint32 local[] = {
      0xef53,     /* ext2, 3, 4 */
      0x58465342, /* XFS */
      0x9123683e, /* Btrfs */
      0xf2f52010, /* F2FS */
      0x2fc12fc1, /* ZFS */
      0x01021994, /* tmpfs */
      0x858458f6, /* ramfs */
      0x794c7630, /* overlayfs, of containers */
  };
  struct statfs status;

  if (statfs(path, &status) != 0)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS(local); i++)
    if ((guint32)status.f_type == local[i])
      return TRUE;
  return FALSE;
}

/* TRUE if it is the mode now: another program that reads may keep it from changing. */
static gboolean
set_journal_mode(Results *results, const char *mode)
{
  g_autofree char *sql = g_strdup_printf("PRAGMA journal_mode = %s", mode);
  sqlite3_stmt *statement = results_prepare(results, sql, NULL);
  gboolean is_set = statement != NULL && sqlite3_step(statement) == SQLITE_ROW &&
                    g_ascii_strcasecmp((const char *)sqlite3_column_text(statement, 0), mode) == 0;

  sqlite3_finalize(statement);
  return is_set;
}

void
results_set_ahead(Results *results, gboolean ahead)
{
  gboolean is_log = ahead && is_on_local_disk(results->path) && set_journal_mode(results, "WAL");

  /* A log that is not waited for leaves the file whole; a journal has to be waited for. */
  (void)sqlite3_exec(results->db, is_log ? "PRAGMA synchronous = NORMAL" : DATABASE_DURABLE, NULL,
                     NULL, NULL);
  if (!ahead)
    (void)set_journal_mode(results, "DELETE");
}

gint64
results_commit(Results *results, const ResultsRun *run, const RunRecord *record,
               const ResultsSeries *series, GError **error)
{
  gint64 run_id = 0;

  if (!results_begin(results, error) ||
      !results_finish(results, results_insert(results, run, record, series, &run_id, error), error))
    return 0;
  return run_id;
}
