/* How prefills are cut into items of work, and which thread block computes which.
 *
 * A tile is some query rows of one query head, or, packed, of all the query heads of a KV head:
 * then row p of a sequence is query token p / heads of the KV head's p % heads, and a short chunk
 * fills a tile of 128 rows that one head could not. An item is a tile and keys that it reads: all
 * that its rows see, or a piece of them, whose results are merged.
 *
 * Items stand in an order that keeps the second-level cache warm: the heads of a few KV heads at a
 * time, all tiles of these, those with the most keys first, heads innermost. The portable kernel
 * has a thread block an item, which the hardware hands out; the persistent one has as many thread
 * blocks as multiprocessors, each with a list of items. Where items are too few to be dealt out
 * evenly - a short chunk behind a long context, a few long prompts - lists of equal work are made,
 * and items are cut where a list ends (work_cut.h); the portable kernel then has a thread block a
 * piece, in the order in which lists come to them.
 */
#pragma once

#include "kernels/attention_merge.h"
#include "kernels/work_cut.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PREFILL_TILE_KEYS = 128 }; /* pieces end at a multiple, or with the keys */

typedef struct {
  int32_t sequence;
  int32_t
      first_row; /* among the sequence's rows: its new tokens, or those times the packed heads */
  int32_t head;  /* the query head, the first of those that are packed */
  int32_t first_key, end_key;
  int32_t partial; /* where its result waits to be merged; -1: it is the result */
} PrefillItem;

/* What is computed. A sequence takes part that has two new tokens or more. */
typedef struct {
  const int32_t *query_starts, *context_lens;
  uint32_t num_sequences;
  uint32_t heads, kv_heads, head_dim;
} PrefillBatch;

/* What computes it. */
typedef struct {
  uint32_t tile_rows;
  uint32_t places;    /* thread blocks that run at once */
  bool is_persistent; /* its thread blocks take lists anyway */
  bool may_cut;       /* and pack; else each tile is an item of one head */
  /* Estimates, in the time of PREFILL_TILE_KEYS keys of a tile: what a piece costs for its result
   * that waits, and merging all. */
  double piece_tiles, merge_tiles;
} PrefillWays;

typedef struct {
  uint32_t packed_heads; /* query heads whose rows are packed; 1: none */
  uint32_t num_items, num_lists, num_merges, num_partials;
  PrefillItem *items;
  uint32_t
      *starts; /* list i of the persistent kernel: items[starts[i]] … items[starts[i + 1] - 1] */
  AttentionMerge *merges;
} PrefillPlan;

/* False for lack of memory. The caller clears the plan. */
bool prefill_plan_make(PrefillPlan *plan, const PrefillBatch *batch, const PrefillWays *ways);
void prefill_plan_clear(PrefillPlan *plan);

/* The most that any batch of so many rows and sequences gives: items, lists, merges, partials. */
PrefillPlan prefill_plan_most(uint32_t num_rows, uint32_t num_sequences, uint32_t heads,
                              const PrefillWays *ways);

/* In how many groups to work on KV heads, so that what tiles of a sequence of `num_keys` read again
 * is still in the second-level cache. */
uint32_t prefill_plan_groups(int32_t num_keys, uint32_t kv_heads, uint32_t head_dim);

#ifdef __cplusplus
}
#endif
