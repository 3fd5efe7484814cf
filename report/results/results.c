#include "config.h"

#include "private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "files/database.h"

G_DEFINE_QUARK(spillway - results - error - quark, results_error)

static void
set_read_only(const Results *results, GError **error)
{
  g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_FAILED,
              "cannot write %s: it, or the folder that it is in, is read-only", results->path);
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
    set_read_only(results, error);
    break;
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

  g_assert(result != SQLITE_OK || *rest == '\0');
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

  results->path = g_strdup(path);
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
    set_read_only(results, error);
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

/* The log has an index in memory that programs share, which those of other machines do not see: on
 * a cluster's file system one of them could merge a log that another is writing. What is not known
 * to be of this machine alone is taken for one. */
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
  (void)sqlite3_exec(results->db,
                     is_log ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL", NULL,
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

static gint64
recompute_ps(CostModel *cost, guint32 tokens, guint32 cached)
{
  return cost != NULL ? cost_model_recompute_ps(cost, tokens, cached) : -1;
}

static gint64
swap_ps(CostModel *cost, guint32 blocks)
{
  return cost != NULL ? cost_model_copy_ps(cost, COPY_OUT, blocks) +
                            cost_model_copy_ps(cost, COPY_IN, blocks)
                      : -1;
}

/* What the preemption costs, and what the other action would have cost then: copying all that was
 * given back where nothing was copied, else computing all of it again. A swapped victim's tokens
 * are not told; its blocks full are less than a block more. */
static void
price(Preemption *preemption, CostModel *cost, guint32 block_size)
{
  const StepVictim *victim = &preemption->victim;

  guint32 kept = victim->kept_blocks * block_size;

  if (victim->copied_blocks == 0) {
    preemption->cost_ps = recompute_ps(cost, victim->tokens_lost, kept);
    preemption->other_cost_ps = swap_ps(cost, victim->blocks);
  } else {
    preemption->cost_ps = victim->free_copies ? 0 : swap_ps(cost, victim->copied_blocks);
    if (victim->tokens_lost > 0 && cost != NULL)
      preemption->cost_ps += recompute_ps(cost, victim->tokens_lost, kept);
    preemption->other_cost_ps = recompute_ps(cost, victim->blocks * block_size, kept);
  }
}

static void
resume(ResultsRun *run, guint32 request, gint64 now_ps)
{
  guint32 last = run->last_preemption[request];

  if (last > 0)
    g_array_index(run->preemptions, Preemption, last - 1).resumed_ps = now_ps;
  run->last_preemption[request] = 0;
}

/* Nobody is brought back and preempted in one step. */
static void
on_step(Observer *self, const StepReport *report)
{
  ResultsRun *run = (ResultsRun *)self;
  const Step *step = report->step;

  if (step->abort != NULL)
    return;
  for (guint i = 0; i < step->swapped_in->len; i++)
    resume(run, g_array_index(step->swapped_in, StepSwapIn, i).request, report->start_ps);
  for (guint i = 0; i < step->entries->len; i++) {
    const StepEntry *entry = &g_array_index(step->entries, StepEntry, i);
    if (entry->kind == ENTRY_RESUMED)
      resume(run, entry->request, report->start_ps);
  }
  for (guint i = 0; i < step->victims->len; i++) {
    Preemption preemption = {
        .step = report->step_index, .time_ps = report->start_ps, .resumed_ps = -1};
    preemption.victim = g_array_index(step->victims, StepVictim, i);
    price(&preemption, run->cost, step->block_size);
    g_array_append_val(run->preemptions, preemption);
    run->last_preemption[preemption.victim.request] = run->preemptions->len;
  }
  if (run->steps != NULL)
    results_note_step(run, report);
}

static void
on_request(Observer *self, const RequestResult *result)
{
  request_rows_tell(((ResultsRun *)self)->rows, result);
}

/* In the folder that TMPDIR names, which tmpfile() does not look at. It has no name from here on.
 */
static void
open_spool(ResultsRun *run)
{
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp("spillway-requests-XXXXXX", &path, NULL);

  if (fd >= 0) {
    (void)g_unlink(path);
    run->spool = fdopen(fd, "w+");
    if (run->spool == NULL)
      close(fd);
  }
  run->spool_errno = run->spool != NULL ? 0 : errno;
}

/* What cannot be written is told when it is read. */
static void
spool(gpointer user_data, const RequestResult *result)
{
  ResultsRun *run = user_data;

  if (run->spool_errno == 0 && fwrite(result, sizeof *result, 1, run->spool) != 1)
    run->spool_errno = errno;
}

static gboolean
fail_spool(int cause, GError **error)
{
  g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_FAILED,
              "a temporary file for the requests failed (%s); make room in %s, or set TMPDIR to "
              "another folder",
              g_strerror(cause), g_get_tmp_dir());
  return FALSE;
}

gboolean
results_spool_rewind(const ResultsRun *run, GError **error)
{
  if (run->spool != NULL)
    request_rows_finish(run->rows);
  if (run->spool_errno != 0)
    return fail_spool(run->spool_errno, error);
  return (fflush(run->spool) == 0 && fseek(run->spool, 0, SEEK_SET) == 0) ||
         fail_spool(errno, error);
}

gboolean
results_spool_read(const ResultsRun *run, gpointer results, gsize n, GError **error)
{
  return fread(results, sizeof(RequestResult), n, run->spool) == n || fail_spool(errno, error);
}

ResultsRun *
results_run_new(const Workload *workload, CostModel *cost)
{
  ResultsRun *run = g_new0(ResultsRun, 1);

  run->observer = (Observer){.step = on_step, .request = on_request};
  run->workload = workload;
  run->cost = cost;
  open_spool(run);
  run->rows = request_rows_new(workload, spool, run);
  run->preemptions = g_array_new(FALSE, FALSE, sizeof(Preemption));
  run->last_preemption = g_new0(guint32, workload_count(workload));
  return run;
}

void
results_run_record_steps(ResultsRun *run)
{
  if (run->steps == NULL)
    run->steps = g_array_new(FALSE, FALSE, sizeof(RecordedStep));
}

Observer *
results_run_observer(ResultsRun *run)
{
  return &run->observer;
}

void
results_run_free(ResultsRun *run)
{
  if (run == NULL)
    return;
  request_rows_free(run->rows);
  if (run->spool != NULL)
    fclose(run->spool);
  g_free(run->last_preemption);
  g_array_unref(run->preemptions);
  g_clear_pointer(&run->steps, g_array_unref);
  g_free(run);
}
