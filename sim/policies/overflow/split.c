/* Split: the victim's last blocks are copied, the ones before them computed again. A token costs
 * more to compute the more stand before it, and the same to copy wherever it stands: so the front
 * is computed, the tail is copied, and between the two ends lies a cut that is cheaper than both.
 */
#include "sim/policies/price.h"

enum { CUTS };

static gint64
price_at_ps(const OverflowQuery *query, guint32 drop_blocks)
{
  const OverflowPlan plan = {.drop_blocks = drop_blocks};

  return price_plan_ps(query, &plan);
}

/* Tries `tries` cuts evenly over the victim's blocks, both ends among them: the price is nearly,
 * but for steps in what products cost, that of a valley. Of two that cost the same it drops less.
 */
static OverflowPlan
plan(const OverflowPolicy *self G_GNUC_UNUSED, const OverflowQuery *asked)
{
  OverflowQuery priced = *asked;
  const OverflowQuery *query = &priced;
  guint32 blocks = query->victim.blocks, tries = (guint32)query->options->of[CUTS];
  guint32 best = blocks;
  gint64 least_ps;

  if (priced.decodes_ps == 0)
    priced.decodes_ps = price_decodes_ps(asked); /* once for all cuts */
  least_ps = price_at_ps(query, blocks);
  for (guint32 i = 0; i < tries; i++) {
    guint32 drop = (guint32)((guint64)blocks * i / tries);
    gint64 price_ps;
    if (blocks - drop > query->host_free_blocks)
      continue;
    price_ps = price_at_ps(query, drop);
    if (price_ps < least_ps || (price_ps == least_ps && drop < best)) {
      least_ps = price_ps;
      best = drop;
    }
  }
  return (OverflowPlan){.drop_blocks = best};
}

const OverflowPolicy overflow_split = {
    .base = {.name = "split",
             .help = "copy the last blocks and compute those before them again, cut where it costs "
                     "least",
             .options = {[CUTS] = {.name = "split-cuts",
                                   .argument = "N",
                                   .help = "how many cuts of a victim's blocks it tries",
                                   .fallback = 8,
                                   .min = 1,
                                   .max = 1024,
                                   .whole = TRUE}}},
    .needs_host = TRUE,
    .needs_decodes = TRUE,
    .of_no_engine = TRUE,
    .price_rises = TRUE,
    .plan = plan,
};
