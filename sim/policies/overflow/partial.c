/* Partial: only as many of a victim's last blocks go as are needed now, the rest stays until more
 * is needed. Its front then need not be computed again, if it comes back before that.
 */
#include "sim/policies/overflow.h"

enum { AHEAD };

static OverflowPlan
plan(const OverflowPolicy *self G_GNUC_UNUSED, const OverflowQuery *query)
{
  guint32 blocks = query->victim->blocks,
          whole = query->victim->computed_tokens / query->block_size;
  guint64 go = query->short_blocks + (guint64)query->options->of[AHEAD];
  guint32 keep = MIN(whole, blocks - (guint32)MIN(go, blocks));

  return (OverflowPlan){.keep_blocks = keep, .drop_blocks = blocks - keep};
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
    .plan = plan,
};
