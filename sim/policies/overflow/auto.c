/* Auto: whichever costs less for this victim now, at the load that it will meet when it returns.
 * What it cannot see is how long it stays away and what runs then. Where both cost the same it
 * keeps what was computed.
 */
#include "sim/policies/price.h"

static OverflowPlan
plan(const OverflowPolicy *self G_GNUC_UNUSED, const OverflowQuery *query)
{
  const OverflowPlan recompute = overflow_plan_recompute(query), swap = overflow_plan_swap();
  PriceParts parts;
  gint64 swap_ps;

  if (query->victim.blocks > query->host_free_blocks)
    return recompute;
  swap_ps = price_plan_ps(query, &swap);
  if (price_plan_below_ps(query, &recompute, swap_ps, &parts) < swap_ps)
    return recompute;
  return swap;
}

static gint64
price_ps(const OverflowPolicy *self G_GNUC_UNUSED, const OverflowQuery *query)
{
  const OverflowPlan recompute = overflow_plan_recompute(query), swap = overflow_plan_swap();
  gint64 least_ps = query->below_ps > 0 ? query->below_ps : G_MAXINT64, ps;
  PriceParts parts;

  if (query->victim.blocks <= query->host_free_blocks) {
    ps = price_plan_below_ps(query, &swap, least_ps, &parts);
    least_ps = MIN(least_ps, ps);
  }
  ps = price_plan_below_ps(query, &recompute, least_ps, &parts);
  return MIN(least_ps, ps);
}

const OverflowPolicy overflow_auto = {
    .base = {.name = "auto",
             .help = "recompute or swap, whichever costs less for this victim at this load"},
    .needs_host = TRUE,
    .needs_decodes = TRUE,
    .of_no_engine = TRUE,
    .price_rises = TRUE,
    .price_rises_beside = TRUE,
    .plan = plan,
    .price_ps = price_ps,
};
