/* Threshold: swap victims that hold many blocks, recompute the others. Computing a token again
 * costs more the more stand before it, copying one costs the same everywhere; `spillway crossover`
 * tells where the two meet on a device.
 */
#include "sim/policies/overflow.h"

enum { FROM_BLOCKS };

static OverflowPlan
plan(const OverflowPolicy *self G_GNUC_UNUSED, const OverflowQuery *query)
{
  return query->victim.blocks >= query->options->of[FROM_BLOCKS] ? overflow_plan_swap()
                                                                 : overflow_plan_recompute(query);
}

static PriceSize
price_size(const OverflowQuery *query, guint32 computed_tokens, guint32 blocks)
{
  if (blocks >= query->options->of[FROM_BLOCKS])
    return (PriceSize){.kind = 1, .first = blocks};
  return (PriceSize){.kind = 0, .first = computed_tokens};
}

const OverflowPolicy overflow_threshold = {
    .base = {.name = "threshold",
             .help = "swap victims that hold many blocks, recompute the others",
             .options = {[FROM_BLOCKS] = {.name = "swap-from-blocks",
                                          .argument = "N",
                                          .help = "swap a victim that holds N blocks or more",
                                          .fallback = 64,
                                          .max = G_MAXUINT32,
                                          .whole = TRUE}}},
    .needs_host = TRUE,
    .of_no_engine = TRUE,
    .price_rises_beside = TRUE,
    .price_size = price_size,
    .plan = plan,
};
