/* Recompute: drop the victim's KV; it is prefilled again, prompt and generated tokens, when it
 * returns. What vLLM does by default (0.x) and always (v1).
 */
#include "sim/policies/overflow.h"

static OverflowPlan
plan(const OverflowPolicy *self G_GNUC_UNUSED, const OverflowQuery *query)
{
  return overflow_plan_recompute(query);
}

const OverflowPolicy overflow_recompute = {
    .base = {.name = "recompute",
             .help = "drop the victim's KV and prefill it again when it returns"},
    .price_rises = TRUE,
    .price_rises_beside = TRUE,
    .plan = plan,
};
