/* A run while it goes on: what its rows will hold. */
#include "config.h"

#include "private.h"

#include <errno.h>
#include <unistd.h>

#include "files/unnamed.h"

/* Nobody is brought back and preempted in one step. */
static void
on_step(Observer *self, const StepReport *report)
{
  ResultsRun *run = (ResultsRun *)self;

  if (report->step->abort != NULL)
    return;
  preemptions_note_returns(run, report);
  preemptions_note_victims(run, report);
  if (run->steps != NULL)
    results_note_step(run, report);
}

static void
on_request(Observer *self, const RequestResult *result)
{
  request_rows_tell(((ResultsRun *)self)->rows, result);
}

static void
open_spool(ResultsRun *run)
{
  int fd = unnamed_file_open("spillway-requests", NULL);

  if (fd >= 0) {
    run->spool = fdopen(fd, "w+");
    if (run->spool == NULL)
      close(fd);
  }
  run->spool_errno = run->spool != NULL ? 0 : errno;
}

/* A write that fails is reported when the spool is read. */
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
  /* A file that ends too early sets no errno. */
  return fread(results, sizeof(RequestResult), n, run->spool) == n ||
         fail_spool(ferror(run->spool) != 0 ? errno : ENODATA, error);
}

ResultsRun *
results_run_new(const Workload *workload, CostModel *cost, guint32 step_tokens)
{
  ResultsRun *run = g_new0(ResultsRun, 1);

  run->observer = (Observer){.step = on_step, .request = on_request, .needs_plans = cost != NULL};
  run->workload = workload;
  run->cost = cost;
  run->step_tokens = step_tokens;
  run->away = g_hash_table_new_full(NULL, NULL, NULL, g_free);
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
  g_hash_table_unref(run->away);
  g_clear_pointer(&run->steps, g_array_unref);
  g_free(run);
}
