#include "worker.h"

#include "scenario/run/execute.h"
#include "scenario/scenario.h"

void
sweep_worker_run(gpointer data, guint cell, GByteArray *answer)
{
  SweepWorker *worker = data;
  const guint8 kind = ANSWER_RUN;
  g_autoptr(Settings) settings = study_plan_settings(worker->plan, cell);
  g_autoptr(Scenario) scenario = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *failure = NULL;
  g_autofree char *key = NULL;
  Unlimited unlimited;
  const Workload *workload;
  RunRecord record;

  workload = shelf_workload(worker->shelf, settings, &error);
  if (workload != NULL)
    scenario = scenario_new_shared(settings, worker->shelf, TRUE, &error);
  if (scenario == NULL) {
    answer_failure(answer, error->message);
    return;
  }
  g_byte_array_set_size(answer, 0);
  g_byte_array_append(answer, &kind, 1);
  key = unlimited_key(scenario, settings);
  unlimited = unlimited_table_look(worker->unlimited, key);

  const Execution execution = {
      .workload = workload,
      .settings = settings,
      .verb = "sweep",
      .stride = !settings->no_stride,
      .packed = answer,
      .detail = worker->detail,
      .failure = &failure,
      .unlimited = &unlimited,
  };
  execute_scenario(scenario, &execution, &record);
  if (unlimited.known)
    unlimited_table_put(worker->unlimited, key, &unlimited);
  run_record_clear(&record);
  if (failure != NULL)
    answer_failure(answer, failure);
}
