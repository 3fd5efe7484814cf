/* Blocks without ids of which nothing is found again: numbers and no more. */
#include "sim/pool.h"

static void
take(Pool *pool, Sequence *sequence, guint32 blocks)
{
  pool->free_blocks -= blocks;
  if (sequence != NULL)
    sequence->blocks += blocks;
}

static void
release(Pool *pool, Sequence *sequence, Release why G_GNUC_UNUSED)
{
  pool->free_blocks += sequence->blocks;
  sequence->blocks = 0;
}

static void
give_last(Pool *pool, Sequence *sequence, guint32 blocks)
{
  pool->free_blocks += blocks;
  sequence->blocks -= blocks;
}

const ContentsClass contents_counted = {
    .take = take,
    .give_last = give_last,
    .release = release,
};

/* With a window pool: what is not gone there is taken and given back with the rest. */
static void
take_both(Pool *pool, Sequence *sequence, guint32 blocks)
{
  guint32 held = sequence != NULL ? pool_window_blocks(sequence) : 0;

  take(pool, sequence, blocks);
  pool->window.free_blocks -= sequence != NULL ? pool_window_blocks(sequence) - held : blocks;
}

static void
release_both(Pool *pool, Sequence *sequence, Release why)
{
  pool->window.free_blocks += pool_window_blocks(sequence);
  release(pool, sequence, why);
}

const ContentsClass contents_counted_windows = {
    .take = take_both,
    .release = release_both,
};

/* With groups a sequence's blocks follow from its tokens. */
static void
give_back(Pool *pool, Sequence *sequence, guint32 settled)
{
  guint32 computed = sequence->computed_tokens;
  guint32 needed = (guint32)kv_groups_step_blocks(pool->groups, settled, computed, computed);

  needed += (guint32)kv_groups_inner_blocks(pool->groups, settled, computed, computed,
                                            sequence_prefill_end(sequence));
  if (needed >= sequence->blocks)
    return;
  pool->free_blocks += sequence->blocks - needed;
  sequence->blocks = needed;
}

const ContentsClass contents_counted_groups = {
    .take = take,
    .release = release,
    .give_back = give_back,
};
