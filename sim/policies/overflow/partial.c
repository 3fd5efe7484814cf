/* Partial: only as many of a victim's last blocks go as are needed now, the rest stays until more
 * is needed. Its front then need not be computed again, if it comes back before that.
 */
#include "sim/policies/overflow.h"

enum { AHEAD };

static guint32
kept_blocks(const OverflowQuery *query, guint32 computed_tokens, guint32 blocks)
{
  guint64 go = query->short_blocks + (guint64)query->options->of[AHEAD];

  return MIN(computed_tokens / query->block_size, blocks - (guint32)MIN(go, blocks));
}

static OverflowPlan
plan(const OverflowPolicy *self G_GNUC_UNUSED, const OverflowQuery *query)
{
  guint32 blocks = query->victim.blocks;
  guint32 keep = kept_blocks(query, query->victim.computed_tokens, blocks);

  return (OverflowPlan){.keep_blocks = keep, .drop_blocks = blocks - keep};
}

/* So many tokens are computed again, behind so many. */
static PriceSize
price_size(const OverflowQuery *query, guint32 computed_tokens, guint32 blocks)
{
  guint32 kept = kept_blocks(query, computed_tokens, blocks) * query->block_size;

  return (PriceSize){.first = computed_tokens - kept, .second = kept};
}

const OverflowPolicy overflow_partial = {
    .base = {.name = "partial",
             .help = "drop only as many of a victim's last blocks as are needed; the rest stays",
             .options = {[AHEAD] = {.name = "partial-ahead-blocks",
                                    .argument = "N",
                                    .help = "drop N blocks more than are needed at once",
                                    .fallback = 0,
                                    .max = G_MAXUINT32,
                                    .whole = TRUE}}},
    .of_no_engine = TRUE,
    .keeps_blocks = TRUE,
    .price_rises_beside = TRUE,
    .price_size = price_size,
    .plan = plan,
};
