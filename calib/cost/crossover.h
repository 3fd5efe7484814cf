/* Where recomputing n tokens and swapping them (out, then in) cost the same.
 *
 * Costs are compared at whole blocks. Recomputing is one prefill step without host time; swapping
 * is two copies, alone on the link. There may be two crossings: a small prefill reads all the
 * weights for few tokens, and a long one pays for its attention, so swapping is cheaper at both
 * ends.
 */
#pragma once

#include "sim/cost.h"

typedef struct {
  guint32 tokens; /* from here on, up to the next point */
  gboolean swap_cheaper;
} CrossoverPoint;

typedef struct {
  gint64 recompute_ps;
  gint64 swap_out_ps;
  gint64 swap_in_ps;
} CrossoverCost;

CrossoverCost crossover_cost(CostModel *costs, guint32 block_size, guint32 tokens);
gboolean crossover_swap_is_cheaper(const CrossoverCost *cost);

/* The first point is at one block; each further one is a crossing, found by bisection to the block.
 * Nothing beyond max_tokens is asked. Array of CrossoverPoint, the caller's. */
GArray *crossover_points(CostModel *costs, guint32 block_size, guint32 max_tokens);
