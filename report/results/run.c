/* A run while it goes on: what its rows will hold. */
#include "config.h"

#include "private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <unistd.h>

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
