/* How prefills are cut into items of work, and which thread block computes which.
 *
 * A tile is a range of query rows of one query head or, packed, of all n query heads of a KV head:
 * then row p of a sequence is query token p / n of head p % n, so that a short chunk fills a tile
 * of 128 rows. An item is a tile and the keys that it reads: all that its rows see, or a piece of
 * them, whose results are merged.
 *
 * Items are ordered for the second-level cache: the query heads of a few KV heads at a time, all
 * tiles of these, those with the most keys first, heads innermost. The portable kernel has a thread
 * block for each item, which the hardware distributes; the persistent one has as many thread blocks
 * as multiprocessors, each with a list of items. Where items are too few for an even distribution
 * (a short chunk behind a long context, a few long prompts) lists of equal work are made, and items
 * are cut where a list ends (work_cut.h); the portable kernel then has a thread block for each
 * piece, in the order of their starts in the lists.
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
  int32_t first_row; /* of the sequence's rows: new tokens times packed heads */
  int32_t head;      /* the query head, or the first of the packed ones */
  int32_t first_key, end_key;
  int32_t partial; /* index of its partial result, which is merged; -1: it is the tile's result */
} PrefillItem;

/* What is computed. The plan has the sequences with two new tokens or more. */
typedef struct {
  const int32_t *query_starts, *context_lens;
  uint32_t num_sequences;
  uint32_t heads, kv_heads, head_dim;
} PrefillBatch;

/* The kernel that computes it. */
typedef struct {
  uint32_t tile_rows;
  uint32_t places;    /* thread blocks that run at once */
  bool is_persistent; /* its thread blocks always take lists */
  bool may_cut;       /* may pack heads and cut items; else each tile is an item of one head */
  /* Estimates, in the time of PREFILL_TILE_KEYS keys of a tile: writing a piece's partial result,
   * and merging all. */
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

/* False where there is no memory. The caller clears the plan. */
bool prefill_plan_make(PrefillPlan *plan, const PrefillBatch *batch, const PrefillWays *ways);
void prefill_plan_clear(PrefillPlan *plan);

/* The largest counts of any batch of so many rows and sequences: items, lists, merges, partials. */
PrefillPlan prefill_plan_most(uint32_t num_rows, uint32_t num_sequences, uint32_t heads,
                              const PrefillWays *ways);

/* Into how many groups KV heads are divided, so that the keys and values of a sequence of
 * `num_keys` stay in the second-level cache while the tiles of a group read them again. */
uint32_t prefill_plan_groups(int32_t num_keys, uint32_t kv_heads, uint32_t head_dim);

#ifdef __cplusplus
}
#endif
