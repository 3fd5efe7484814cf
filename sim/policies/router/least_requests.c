/* Least requests: who has the fewest, those that wait counted several times. */
#include "sim/policies/router.h"

enum { WAITING_WEIGHT };

static double
load(const RouterQuery *query, const RouterLoad *engine)
{
  return query->options->of[WAITING_WEIGHT] * engine->waiting + engine->running;
}

static guint
choose(const RouterPolicy *self G_GNUC_UNUSED, const RouterQuery *query)
{
  return router_least(query, load);
}

const RouterPolicy router_least_requests = {
    .base = {.name = "least-requests",
             .help = "the engine with the fewest requests",
             .options = {[WAITING_WEIGHT] = {.name = "router-waiting-weight",
                                             .argument = "X",
                                             .help = "how many running requests a waiting one "
                                                     "counts as; vLLM's is 4",
                                             .fallback = 4,
                                             .max = 1000}}},
    .choose = choose,
};
