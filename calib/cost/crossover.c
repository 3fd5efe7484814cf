/* A coarse walk finds intervals whose ends disagree, bisection the block count where the decision
 * changes. The steps of the walk grow by an eighth: finer than the distance of any two crossings of
 * a straight and a convex curve that matter. Called by the verb crossover. */
#include "crossover.h"

CrossoverCost
crossover_cost(CostModel *costs, guint32 block_size, guint32 tokens)
{
  guint32 blocks = tokens / block_size + (tokens % block_size != 0);

  return (CrossoverCost){
      .recompute_ps = cost_model_recompute_ps(costs, tokens, 0),
      .swap_out_ps = cost_model_copy_ps(costs, COPY_OUT, blocks),
      .swap_in_ps = cost_model_copy_ps(costs, COPY_IN, blocks),
  };
}

gboolean
crossover_swap_is_cheaper(const CrossoverCost *cost)
{
  return cost->swap_out_ps + cost->swap_in_ps < cost->recompute_ps;
}

static gboolean
swap_wins(CostModel *costs, guint32 block_size, guint32 blocks)
{
  CrossoverCost cost = crossover_cost(costs, block_size, blocks * block_size);

  return crossover_swap_is_cheaper(&cost);
}

/* The first block count in (low, high] that decides as `high` does. */
static guint32
bisect(CostModel *costs, guint32 block_size, guint32 low, guint32 high)
{
  gboolean above = swap_wins(costs, block_size, high);

  while (high - low > 1) {
    guint32 middle = low + (high - low) / 2;
    if (swap_wins(costs, block_size, middle) == above)
      high = middle;
    else
      low = middle;
  }
  return high;
}

GArray *
crossover_points(CostModel *costs, guint32 block_size, guint32 max_tokens)
{
  GArray *points = g_array_new(FALSE, FALSE, sizeof(CrossoverPoint));
  guint32 blocks = 1, max_blocks = MAX(1, max_tokens / block_size);
  CrossoverPoint point = {block_size, swap_wins(costs, block_size, 1)};

  g_array_append_val(points, point);
  while (blocks < max_blocks) {
    guint32 next = blocks + MIN(1 + blocks / 8, max_blocks - blocks);

    if (swap_wins(costs, block_size, next) != point.swap_cheaper) {
      point.tokens = bisect(costs, block_size, blocks, next) * block_size;
      point.swap_cheaper = !point.swap_cheaper;
      g_array_append_val(points, point);
    }
    blocks = next;
  }
  return points;
}
