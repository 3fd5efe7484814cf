/* Two choices: of two engines at random, the one with fewer requests (Mitzenmacher, "The power of
 * two choices in randomized load balancing", 2001). */
#include "sim/policies/router.h"

static guint
choose(const RouterPolicy *self G_GNUC_UNUSED, const RouterQuery *query)
{
  const RouterLoad *one = &query->loads[query->any], *other = &query->loads[query->other];

  return one->running + one->waiting <= other->running + other->waiting ? query->any : query->other;
}

const RouterPolicy router_two_choices = {
    .base = {.name = "two-choices", .help = "of two at random, the one with fewer requests"},
    .choose = choose,
};
