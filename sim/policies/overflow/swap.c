/* Swap: copy the victim's blocks to the host, and back when it returns; nothing is computed twice.
 * What vLLM 0.x does with --preemption-mode swap.
 */
#include "sim/policies/overflow.h"

static OverflowPlan
plan(const OverflowPolicy *self G_GNUC_UNUSED, const OverflowQuery *query G_GNUC_UNUSED)
{
  return overflow_plan_swap();
}

const OverflowPolicy overflow_swap = {
    .base = {.name = "swap",
             .help = "copy the victim's KV blocks to host memory, and back when it returns"},
    .needs_host = TRUE,
    .price_rises = TRUE,
    .price_rises_beside = TRUE,
    .plan = plan,
};
