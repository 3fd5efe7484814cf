#include "sweep_run.h"

#include "job_run.h"

static gboolean
store(gpointer data, guint index, const GByteArray *answer, gboolean *failed, GError **error)
{
  const SweepRun *run = data;
  StudyCell *cell = &g_array_index(run->plan->table.cells, StudyCell, index);
  g_autofree char *message = answer_message(answer);
  gboolean worked = message == NULL ? study_store_run(run->results, cell, answer->data + 1,
                                                      answer->len - 1, error)
                                    : study_store_failure(run->results, cell, message, error);

  *failed = cell->state != CELL_DONE;
  return worked;
}

gboolean
sweep_run(const SweepRun *run, guint *n_done, GError **error)
{
  const JobRun jobs = {.name = run->plan->table.name,
                       .transport = run->transport,
                       .jobs = run->cells,
                       .n_jobs = run->n_cells,
                       .take = store,
                       .data = (gpointer)run};

  return job_run(&jobs, n_done, error);
}
