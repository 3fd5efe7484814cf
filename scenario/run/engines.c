#include "engines.h"

enum { STREAM_ROUTER = 50 };

/* Sets who deals requests out among the engines of each server. */
static void
set_front_ends(Engines *engines, const Scenario *s)
{
  const gboolean is_sglang = (s->scheduler->features & SCHEDULER_IS_SGLANG) != 0;
  const RouterPolicy *own = is_sglang ? &router_round_robin : &router_least_requests;
  const PolicyValues own_options = policy_fallbacks(&own->base);
  const gboolean chosen = s->instances == 1 && s->router->choose != NULL;

  engines->front_ends = g_new0(Routing, s->instances);
  for (guint i = 0; i < s->instances; i++)
    routing_init(&engines->front_ends[i], chosen ? s->router : own,
                 chosen ? &s->router_options : &own_options, engines->each, 1);
}

Engines *
engines_new(const Scenario *s, const SchedulerConfig *config, const Workload *workload,
            Executor *executor)
{
  Engines *engines = g_new0(Engines, 1);

  engines->n = scenario_engines(s);
  engines->each = s->data_parallel_size;
  engines->workload = workload;
  g_assert(executor == NULL || engines->n == 1);
  set_front_ends(engines, s);
  if (s->instances > 1) {
    engines->servers = servers_new(s->instances, &s->front_end, workload);
    routing_init(&engines->router, s->router, &s->router_options, s->instances, engines->each);
  }
  engines->interval_ps = s->router_interval_ps;
  if (engines->interval_ps > 0) {
    engines->late = s->instances > 1 ? &engines->router : &engines->front_ends[0];
    routing_set_late(engines->late);
  }
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
  for (guint i = 0; i < engines->n / engines->each; i++)
    routing_clear(&engines->front_ends[i]);
  routing_clear(&engines->router);
  servers_free(engines->servers);
  g_free(engines->instances);
  g_free(engines->front_ends);
  g_free(engines);
}

static guint
choose(Engines *engines, Routing *routing, const LoopInstance *instances, const Servers *servers,
       guint32 request)
{
  guint any = (guint)random_below(&engines->stream, routing->n);
  guint other = (guint)random_below(&engines->stream, routing->n - 1);

  return routing_choose(routing, instances, servers, engines->workload, request, any,
                        other + (other >= any));
}

static guint
deal(gpointer data, guint32 request)
{
  Engines *engines = data;

  return choose(engines, &engines->router, engines->instances, engines->servers, request);
}

static guint
route(gpointer data, const LoopInstance *instances, guint n, guint32 request)
{
  Engines *engines = data;
  guint server = (guint)(instances - engines->instances) / n;

  return choose(engines, &engines->front_ends[server], instances, NULL, request);
}

static void
publish(gpointer data)
{
  Engines *engines = data;

  routing_publish(engines->late, engines->instances, engines->servers);
}

void
engines_put(Engines *engines, Loop *loop)
{
  loop->instances = engines->instances;
  loop->n_instances = engines->n;
  loop->servers = engines->servers;
  loop->deal = deal;
  loop->route = route;
  loop->publish_interval_ps = engines->interval_ps;
  loop->publish = publish;
  loop->route_data = engines;
}
