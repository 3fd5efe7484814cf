#include "router.h"

const RouterPolicy *const router_policies[] = {
    ROUTER_POLICIES(POLICY_ENTRY) NULL,
};

static double
requests_of(const RouterQuery *query G_GNUC_UNUSED, const RouterLoad *engine)
{
  return (double)engine->running + engine->waiting;
}

guint
router_fewest_requests(const RouterQuery *query)
{
  return router_least(query, requests_of);
}

guint
router_least(const RouterQuery *query,
             double (*load)(const RouterQuery *query, const RouterLoad *engine))
{
  double least = load(query, &query->loads[0]);
  guint chosen = 0;

  for (guint i = 1; i < query->n; i++) {
    double other = load(query, &query->loads[i]);
    if (other < least) {
      least = other;
      chosen = i;
    }
  }
  return chosen;
}
