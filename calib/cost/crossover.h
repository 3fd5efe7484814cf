/* Where recomputing n tokens and swapping them (out, then in) cost the same.
 *
 * Compared at whole blocks: recomputing is one prefill step without host time, swapping is two
 * copies alone on the link. A small prefill still reads all the weights, so swapping may be the
 * cheaper below a first crossing and again, once attention weighs in, above a second.
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
