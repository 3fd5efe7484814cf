#include "engines.h"

#define WAITING_WEIGHT 4

Engines *
engines_new(const Scenario *s, const SchedulerConfig *config, const Workload *workload,
            Executor *executor)
{
  Engines *engines = g_new0(Engines, 1);

  g_assert(executor == NULL || s->data_parallel_size == 1);
  engines->n = s->data_parallel_size;
  engines->in_turn = (s->scheduler->features & SCHEDULER_IS_SGLANG) != 0;
  engines->instances = g_new0(LoopInstance, engines->n);
  for (guint i = 0; i < engines->n; i++)
    engines->instances[i] = (LoopInstance){
        .scheduler = scheduler_new(s->scheduler, config, workload),
        .executor = executor != NULL ? executor : s->executor->create(s->cost),
    };
  return engines;
}

void
engines_free(Engines *engines)
{
  if (engines == NULL)
    return;
  for (guint i = 0; i < engines->n; i++) {
    scheduler_free(engines->instances[i].scheduler);
    executor_free(engines->instances[i].executor);
  }
  g_free(engines->instances);
  g_free(engines);
}

static guint
least_loaded(gpointer data G_GNUC_UNUSED, const LoopInstance *instances, guint n,
             guint32 request G_GNUC_UNUSED)
{
  guint64 least = G_MAXUINT64;
  guint chosen = 0;

  for (guint i = 0; i < n; i++) {
    const Scheduler *scheduler = instances[i].scheduler;
    guint64 running = scheduler->running.length;
    guint64 load = WAITING_WEIGHT * (guint64)(scheduler_unfinished(scheduler) - running) + running;
    if (load < least) {
      least = load;
      chosen = i;
    }
  }
  return chosen;
}

void
engines_put(const Engines *engines, Loop *loop)
{
  loop->instances = engines->instances;
  loop->n_instances = engines->n;
  loop->route = engines->in_turn ? NULL : least_loaded;
}
