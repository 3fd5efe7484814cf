/* Least KV: who has the fewest blocks in use. */
#include "sim/policies/router.h"

static double
load(const RouterQuery *query G_GNUC_UNUSED, const RouterLoad *engine)
{
  return engine->used_blocks;
}

static guint
choose(const RouterPolicy *self G_GNUC_UNUSED, const RouterQuery *query)
{
  return router_least(query, load);
}

const RouterPolicy router_least_kv = {
    .base = {.name = "least-kv", .help = "the engine with the fewest KV blocks in use"},
    .choose = choose,
};
