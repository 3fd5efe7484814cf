/* Swap-free: a swap whose copies take no time, to a host that is never full. No policy that evicts
 * the same victims can cost less, so it is what others are held against.
 */
#include "sim/policies/overflow.h"

static OverflowPlan
plan(const OverflowPolicy *self G_GNUC_UNUSED, const OverflowQuery *query G_GNUC_UNUSED)
{
  return (OverflowPlan){.free_copies = TRUE};
}

const OverflowPolicy overflow_swap_free = {
    .base = {.name = "swap-free",
             .help = "a swap that costs nothing: a bound, not a policy",
             .is_bound = TRUE},
    .of_no_engine = TRUE,
    .only_modelled = TRUE,
    .price_rises = TRUE,
    .price_rises_beside = TRUE,
    .plan = plan,
};
