/* Random: any engine, each equally likely. */
#include "sim/policies/router.h"

static guint
choose(const RouterPolicy *self G_GNUC_UNUSED, const RouterQuery *query)
{
  return query->any;
}

const RouterPolicy router_random = {
    .base = {.name = "random", .help = "any engine, by the seed"},
    .is_blind = TRUE,
    .choose = choose,
};
