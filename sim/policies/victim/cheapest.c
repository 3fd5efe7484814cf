/* Cheapest: whose return costs least, by the cost model and what the overflow policy would do with
 * it.
 */
#include "sim/policies/price.h"
#include "sim/policies/victim.h"

static gint64
rank(const VictimPolicy *self G_GNUC_UNUSED, const VictimQuery *query,
     const VictimCandidate *candidate)
{
  const OverflowPolicy *overflow = query->overflow;
  OverflowQuery eviction = *query->eviction;
  PriceParts parts;
  OverflowPlan plan;

  eviction.victim = (OverflowVictim){
      .request = candidate->sequence->request,
      .computed_tokens = candidate->computed_tokens,
      .blocks = candidate->blocks,
      .ahead_blocks = candidate->sequence->ahead_blocks,
  };
  if (query->first_rank != VICTIM_NEVER)
    eviction.below_ps = 1 - query->first_rank;
  if (overflow->price_ps != NULL)
    return -overflow->price_ps(overflow, &eviction);
  plan = overflow->plan(overflow, &eviction);
  return -price_plan_below_ps(&eviction, &plan,
                              eviction.below_ps > 0 ? eviction.below_ps : G_MAXINT64, &parts);
}

const VictimPolicy victim_cheapest = {
    .base = {.name = "cheapest",
             .help = "the one whose return costs least, by what the overflow policy does with it"},
    .needs_decodes = TRUE,
    .bounded_by = &victim_least_computed,
    .rank = rank,
};
