/* Offload: vLLM's native offload. A victim's KV is dropped as under recompute; but full blocks of
 * prompts were stored on the host when they were computed, and are loaded when it returns. The host
 * is a second prefix cache (sim/offload/offload.h), of --kv-offloading-size.
 */
#include "sim/policies/overflow.h"

static OverflowPlan
plan(const OverflowPolicy *self G_GNUC_UNUSED, const OverflowQuery *query)
{
  return overflow_plan_recompute(query);
}

const OverflowPolicy overflow_offload = {
    .base = {.name = "offload",
             .help = "drop it, and load from the host what was stored there ahead of time (vLLM's "
                     "native offload)"},
    .needs_tier = TRUE,
    .price_rises = TRUE,
    .price_rises_beside = TRUE,
    .plan = plan,
};
