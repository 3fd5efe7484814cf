#include "sweep_worker.h"

#include "execute.h"
#include "scenario.h"

#include <string.h>

void
answer_failure(GByteArray *answer, const char *message)
{
  const guint8 kind = ANSWER_FAILURE;

  g_byte_array_set_size(answer, 0);
  g_byte_array_append(answer, &kind, 1);
  g_byte_array_append(answer, (const guint8 *)message, (guint)strlen(message));
}

/* With a pool that never says no, neither its size nor the policy makes a difference: cells that
 * differ in nothing else share the run that slowdowns are measured by. */
static Unlimited *
find_unlimited(SweepWorker *worker, const Scenario *scenario, const Settings *settings)
{
  static const char *const no_matter[] = {
      "overflow",  "victim",     "num_gpu_blocks",         "num_cpu_blocks",
      "kv_memory", "swap_space", "gpu_memory_utilization", NULL};
  json_auto_t *config = json_deep_copy(scenario->settings);
  g_autofree char *text = NULL;
  char *key;
  Unlimited *unlimited;

  for (guint i = 0; no_matter[i] != NULL; i++)
    json_object_del(config, no_matter[i]);
  text = json_dumps(config, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
  key = g_strdup_printf("%s\n%s\n%s", text, settings->model != NULL ? settings->model : "",
                        settings->device != NULL ? settings->device : "");
  unlimited = g_hash_table_lookup(worker->unlimited, key);
  if (unlimited == NULL) {
    unlimited = g_new0(Unlimited, 1);
    g_hash_table_insert(worker->unlimited, key, unlimited);
  } else {
    g_free(key);
  }
  return unlimited;
}

void
sweep_worker_run(SweepWorker *worker, guint cell, GByteArray *answer)
{
  const guint8 kind = ANSWER_RUN;
  g_autoptr(Settings) settings = study_plan_settings(worker->plan, cell);
  g_autoptr(Scenario) scenario = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *failure = NULL;
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

  const Execution execution = {
      .workload = workload,
      .settings = settings,
      .verb = "sweep",
      .stride = !settings->no_stride,
      .packed = answer,
      .detail = worker->detail,
      .failure = &failure,
      .unlimited = find_unlimited(worker, scenario, settings),
  };
  execute_scenario(scenario, &execution, &record);
  run_record_clear(&record);
  if (failure != NULL)
    answer_failure(answer, failure);
}
