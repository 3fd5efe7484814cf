#include "run_router.h"

static guint
deal(gpointer data, guint32 request)
{
  RunRouter *router = data;
  guint n = router->routing.n;
  guint any = (guint)g_rand_int_range(router->chance, 0, (gint32)n);
  guint step = (guint)g_rand_int_range(router->chance, 1, (gint32)n);
  guint chosen = routing_choose(&router->routing, router->instances, router->servers,
                                router->workload, request, any, (any + step) % n);

  g_assert_cmpuint(chosen, <, n);
  return chosen;
}

/* By the policy or, among the instances of one server, by length. */
static guint
route(gpointer data, const LoopInstance *instances G_GNUC_UNUSED, guint n, guint32 request)
{
  const RunRouter *router = data;

  if (router->servers == NULL)
    return deal(data, request);
  return workload_request(router->workload, request)->prompt_tokens % n;
}

static void
publish(gpointer data)
{
  RunRouter *router = data;

  routing_publish(&router->routing, router->instances, router->servers);
}

void
run_router_init(RunRouter *router, const RandomCase *c, const Workload *workload, Loop *loop)
{
  router->workload = workload;
  router->instances = loop->instances;
  router->chance = g_rand_new_with_seed(5);
  if (c->n_servers > 1)
    router->servers = servers_new(c->n_servers, &c->front_end, workload);
  if (c->n_servers > 1)
    routing_init(&router->routing, c->router, &c->router_options, c->n_servers,
                 c->n_instances / c->n_servers);
  else
    routing_init(&router->routing, c->router, &c->router_options, c->n_instances, 1);
  if (c->router_interval_ps > 0)
    routing_set_late(&router->routing);
  loop->publish_interval_ps = c->router_interval_ps;
  loop->publish = publish;
  loop->servers = router->servers;
  loop->deal = deal;
  loop->route = route;
  loop->route_data = router;
}

void
run_router_clear(RunRouter *router)
{
  routing_clear(&router->routing);
  servers_free(router->servers);
  g_clear_pointer(&router->chance, g_rand_free);
}
