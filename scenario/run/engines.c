#include "engines.h"

enum { STREAM_ROUTER = 50 };

Engines *
engines_new(const Scenario *s, const SchedulerConfig *config, const Workload *workload,
            Executor *executor)
{
  const gboolean is_sglang = (s->scheduler->features & SCHEDULER_IS_SGLANG) != 0;
  const RouterPolicy *own = is_sglang ? &router_round_robin : &router_least_requests;
  const PolicyValues own_options = policy_fallbacks(&own->base);
  Engines *engines = g_new0(Engines, 1);

  g_assert(executor == NULL || s->data_parallel_size == 1);
  engines->n = s->data_parallel_size;
  engines->workload = workload;
  if (s->router->choose != NULL)
    routing_init(&engines->routing, s->router, &s->router_options, engines->n, 1);
  else
    routing_init(&engines->routing, own, &own_options, engines->n, 1);
  random_init(&engines->stream, s->router_seed, STREAM_ROUTER);
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
  routing_clear(&engines->routing);
  g_free(engines);
}

static guint
route(gpointer data, const LoopInstance *instances, guint n, guint32 request)
{
  Engines *engines = data;
  guint any = (guint)random_below(&engines->stream, n);
  guint other = (guint)random_below(&engines->stream, n - 1);

  return routing_choose(&engines->routing, instances, engines->workload, request, any,
                        other + (other >= any));
}

void
engines_put(Engines *engines, Loop *loop)
{
  loop->instances = engines->instances;
  loop->n_instances = engines->n;
  loop->route = route;
  loop->route_data = engines;
}
