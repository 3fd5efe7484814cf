/* Split: the victim's last blocks are copied, the ones before them computed again. A token costs
 * more to compute the more stand before it, and the same to copy wherever it stands: so the front
 * is computed, the tail is copied, and between the two ends lies a cut that is cheaper than both.
 */
#include "sim/policies/price.h"

enum { CUTS };

/* The best of the cuts that were tried. */
typedef struct {
  guint32 drop_blocks;
  gint64 ps;
  gint64 least_ps; /* of the parts of a price of those tried so far */
} Cut;

static PriceParts
try_cut(const OverflowQuery *query, guint32 drop_blocks, Cut *best)
{
  const OverflowPlan plan = {.drop_blocks = drop_blocks};
  /* Of two that cost the same the one that drops less is better. */
  gint64 below_ps = drop_blocks < best->drop_blocks ? best->ps + 1 : best->ps, ps, parts_ps;
  PriceParts parts = {0};

  if (query->victim.blocks - drop_blocks > query->host_free_blocks)
    return parts;
  ps = price_plan_below_ps(query, &plan, below_ps, &parts);
  parts_ps = price_parts_sum(&parts);
  best->least_ps = MIN(best->least_ps, parts_ps);
  if (ps < below_ps) {
    best->drop_blocks = drop_blocks;
    best->ps = ps;
  }
  return parts;
}

/* Tries `tries` cuts evenly over the victim's blocks, both ends among them: the price is nearly,
 * but for steps in what products cost, that of a valley. First the ends; then from the better one
 * on until, where prices rise, what is copied or what is computed rules out all that come behind.
 */
static Cut
find_cut(const OverflowQuery *asked)
{
  OverflowQuery query = *asked;
  guint64 blocks = query.victim.blocks, tries = (guint64)query.options->of[CUTS];
  Cut best = {(guint32)blocks, query.below_ps > 0 ? query.below_ps : G_MAXINT64 - 1, G_MAXINT64};

  if (query.decodes_ps == 0)
    query.decodes_ps = price_decodes_ps(asked); /* once for all cuts */
  try_cut(&query, (guint32)blocks, &best);
  try_cut(&query, 0, &best);
  if (best.drop_blocks == 0) {
    for (guint64 i = 1; i < tries; i++)
      if (try_cut(&query, (guint32)(blocks * i / tries), &best).computing_ps >= best.ps &&
          query.prices_rise)
        break;
  } else {
    for (guint64 i = tries - 1; i > 0; i--)
      if (try_cut(&query, (guint32)(blocks * i / tries), &best).copies_ps > best.ps &&
          query.prices_rise)
        break;
  }
  return best;
}

static OverflowPlan
plan(const OverflowPolicy *self G_GNUC_UNUSED, const OverflowQuery *query)
{
  return (OverflowPlan){.drop_blocks = find_cut(query).drop_blocks};
}

static gint64
price_ps(const OverflowPolicy *self G_GNUC_UNUSED, const OverflowQuery *query)
{
  const Cut best = find_cut(query);

  if (query->below_ps > 0 && best.ps >= query->below_ps && best.least_ps >= query->below_ps)
    return PRICE_RULED_OUT;
  return best.ps;
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
    .price_ps = price_ps,
};
