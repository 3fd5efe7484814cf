#include "engines.h"

enum { STREAM_ROUTER = 50 };

Engines *
engines_new(const Scenario *s, const SchedulerConfig *config, const Workload *workload,
            Executor *executor)
{
  Engines *engines = g_new0(Engines, 1);

  g_assert(executor == NULL || s->data_parallel_size == 1);
  engines->n = s->data_parallel_size;
  engines->router = s->router;
  engines->router_options = s->router_options;
  if (s->router->choose == NULL) {
    engines->router = (s->scheduler->features & SCHEDULER_IS_SGLANG) != 0 ? &router_round_robin
                                                                          : &router_least_requests;
    engines->router_options = policy_fallbacks(&engines->router->base);
  }
  random_init(&engines->stream, s->router_seed, STREAM_ROUTER);
  engines->loads = g_new0(RouterLoad, engines->n);
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
  g_free(engines->loads);
  g_free(engines);
}

static guint
route(gpointer data, const LoopInstance *instances, guint n, guint32 request)
{
  Engines *engines = data;
  RouterQuery query = {.loads = engines->loads,
                       .n = n,
                       .request = request,
                       .any = (guint)random_below(&engines->stream, n),
                       .other = (guint)random_below(&engines->stream, n - 1),
                       .options = &engines->router_options};

  query.other += query.other >= query.any;
  for (guint i = 0; i < n; i++) {
    const Scheduler *scheduler = instances[i].scheduler;
    guint32 running = scheduler->running.length;
    engines->loads[i] = (RouterLoad){.running = running,
                                     .waiting = scheduler_unfinished(scheduler) - running,
                                     .used_blocks = scheduler->pool.total_blocks -
                                                    pool_unheld_blocks(&scheduler->pool)};
  }
  return engines->router->choose(engines->router, &query);
}

void
engines_put(Engines *engines, Loop *loop)
{
  loop->instances = engines->instances;
  loop->n_instances = engines->n;
  loop->route = route;
  loop->route_data = engines;
}
