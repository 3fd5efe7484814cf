/* Split: the victim's last blocks are copied, the ones before them computed again. A token costs
 * more to compute the more stand before it, and the same to copy wherever it stands: so the front
 * is computed, the tail is copied, and between the two ends lies a cut that is cheaper than both.
 */
#include "sim/policies/price.h"

enum { CUTS };

/* The best of the cuts that were tried. */
typedef struct {
  guint32 place; /* of `tries`: at so many parts of the victim's blocks */
  guint32 drop_blocks;
  gboolean is_lone; /* none of the others is known to cost as little */
  gint64 ps;
  gint64 least_ps; /* of the parts of a price of those tried so far */
} Cut;

static guint32
tries_of(const OverflowQuery *query)
{
  return (guint32)query->options->of[CUTS];
}

static guint32
blocks_at(const OverflowQuery *query, guint32 place)
{
  return (guint32)((guint64)query->victim.blocks * place / tries_of(query));
}

static PriceParts
try_cut(const OverflowQuery *query, guint32 place, Cut *best)
{
  const OverflowPlan plan = {.drop_blocks = blocks_at(query, place)};
  /* Of two that cost the same the one that drops less is better. */
  gint64 below_ps = plan.drop_blocks < best->drop_blocks ? best->ps + 1 : best->ps, ps, parts_ps;
  PriceParts parts = {0};

  if (query->victim.blocks - plan.drop_blocks > query->host_free_blocks)
    return parts;
  ps = price_plan_below_ps(query, &plan, below_ps, &parts);
  parts_ps = price_parts_sum(&parts);
  best->least_ps = MIN(best->least_ps, parts_ps);
  best->is_lone = ps < best->ps || (best->is_lone && ps > best->ps);
  if (ps < below_ps) {
    best->place = place;
    best->drop_blocks = plan.drop_blocks;
    best->ps = ps;
  }
  return parts;
}

/* TRUE if the cut was found at the same load, with the same room on the host and the same luck with
 * the prefix cache. Beside the steps busy links would count, too. */
static gboolean
is_of_this_load(const OverflowQuery *query, const RememberedCut *cut)
{
  return query->memo != NULL && cut->load == query->memo->load && !query->copies->beside &&
         cut->host_free_blocks == query->host_free_blocks &&
         cut->dropped_tokens == query->dropped_tokens && cut->found_tokens == query->found_tokens &&
         cut->tries == tries_of(query) && query->victim.ahead_blocks == 0;
}

static void
remember(const OverflowQuery *query, const Cut *best)
{
  if (query->memo == NULL || query->copies->beside || query->victim.ahead_blocks > 0)
    return;
  query->memo->cut = (RememberedCut){
      .load = query->memo->load,
      .dropped_tokens = query->dropped_tokens,
      .found_tokens = query->found_tokens,
      .host_free_blocks = query->host_free_blocks,
      .tokens = query->victim.computed_tokens,
      .blocks = query->victim.blocks,
      .tries = tries_of(query),
      .place = best->place,
      .is_lone = best->is_lone,
      .ps = best->ps,
  };
}

/* Tries cuts evenly over the victim's blocks, both ends among them: the price is nearly, but for
 * steps in what products cost, that of a valley. First the ends; then from the better one on until,
 * where prices rise, what is copied or what is computed rules out all that come behind. */
static Cut
find_cut(const OverflowQuery *asked)
{
  OverflowQuery query = *asked;
  guint32 tries = tries_of(asked);
  gint64 most_ps = query.below_ps > 0 ? query.below_ps : G_MAXINT64 - 1;
  Cut best = {tries, query.victim.blocks, FALSE, most_ps, G_MAXINT64};

  if (query.decodes_ps == 0)
    query.decodes_ps = price_decodes_ps(asked); /* once for all cuts */
  try_cut(&query, tries, &best);
  try_cut(&query, 0, &best);
  if (best.drop_blocks == 0) {
    for (guint32 i = 1; i < tries; i++)
      if (try_cut(&query, i, &best).computing_ps >= best.ps && query.prices_rise)
        break;
  } else {
    for (guint32 i = tries - 1; i > 0; i--)
      if (try_cut(&query, i, &best).copies_ps > best.ps && query.prices_rise)
        break;
  }
  if (best.ps < most_ps)
    remember(asked, &best);
  return best;
}

static OverflowPlan
plan(const OverflowPolicy *self G_GNUC_UNUSED, const OverflowQuery *query)
{
  const RememberedCut *cut = query->memo != NULL ? &query->memo->cut : NULL;

  if (cut != NULL && is_of_this_load(query, cut) && cut->tokens == query->victim.computed_tokens &&
      cut->blocks == query->victim.blocks)
    return (OverflowPlan){.drop_blocks = blocks_at(query, cut->place)};
  return (OverflowPlan){.drop_blocks = find_cut(query).drop_blocks};
}

/* TRUE if the cut was found for a victim that is no larger, costs less than that by any other, and
 * is not to be undercut. Where prices rise each cut of a larger victim costs no less: so if this
 * one costs as little it costs least, and if it does not, none does. */
static gboolean
decides(const OverflowQuery *query, const RememberedCut *smaller)
{
  return query->prices_rise && is_of_this_load(query, smaller) && smaller->is_lone &&
         smaller->ps + 1 == query->below_ps && query->victim.blocks >= smaller->blocks &&
         query->victim.computed_tokens >= smaller->tokens;
}

static gint64
price_by(const OverflowQuery *query, guint32 place)
{
  const OverflowPlan plan = {.drop_blocks = blocks_at(query, place)};
  PriceParts parts;
  gint64 ps;

  if (query->victim.blocks - plan.drop_blocks > query->host_free_blocks)
    return PRICE_RULED_OUT;
  ps = price_plan_below_ps(query, &plan, query->below_ps, &parts);
  return ps < query->below_ps ? ps : PRICE_RULED_OUT;
}

static gint64
price_ps(const OverflowPolicy *self G_GNUC_UNUSED, const OverflowQuery *query)
{
  Cut best;

  if (query->below_ps > 0 && query->memo != NULL && decides(query, &query->memo->cut))
    return price_by(query, query->memo->cut.place);
  best = find_cut(query);
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
