/* Round robin: each engine in its turn. */
#include "sim/policies/router.h"

static guint
choose(const RouterPolicy *self G_GNUC_UNUSED, const RouterQuery *query)
{
  return query->dealt % query->n;
}

const RouterPolicy router_round_robin = {
    .base = {.name = "round-robin", .help = "each engine in its turn"},
    .is_blind = TRUE,
    .choose = choose,
};
