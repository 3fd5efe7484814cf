/* How prefills are cut into tiles of query rows, and which thread block computes which.
 *
 * An item of work is a tile of one query head. Items stand in an order that keeps the second-level
 * cache warm: the heads of a few KV heads at a time, all tiles of these, those with the most keys
 * first, heads innermost. The portable kernel has a thread block an item, which the hardware hands
 * out; the persistent one has as many thread blocks as multiprocessors, each with a list of items.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { PREFILL_TILE_ROWS = 128, PREFILL_TILE_KEYS = 128 };

typedef struct {
  int32_t sequence;
  int32_t first_row; /* among the sequence's new tokens */
  int32_t num_keys;  /* that its last row sees: what the tile costs */
} PrefillTile;

/* A sequence takes part that has two new tokens or more. */
size_t prefill_plan_count(const int32_t *query_starts, uint32_t num_sequences);
/* Tiles with the most keys first, so that no long one is left when all others are done. */
void prefill_plan_cut(const int32_t *query_starts, const int32_t *context_lens,
                      uint32_t num_sequences, PrefillTile *tiles);

/* In how many groups to work on KV heads, so that what tiles of the longest sequence read again is
 * still in the second-level cache. */
uint32_t prefill_plan_groups(const PrefillTile *tiles, size_t num_tiles, uint32_t kv_heads,
                             uint32_t head_dim);

typedef struct {
  const PrefillTile *tiles;
  uint32_t num_tiles;
  uint32_t heads, kv_heads;
  uint32_t num_groups; /* of KV heads: group g is kv_heads * g / num_groups up to the next's */
} PrefillItems;

/* The item's tile, an index; and its query head. */
uint32_t prefill_items_tile(const PrefillItems *self, uint32_t item, uint32_t *head);

/* Deals all items out to `num_lists` lists, at most one an item: in their order, each to the list
 * with the least work so far. So no list has more than the mean and the longest item together
 * (Graham 1966), and all are near the mean where items are many. List i is items[starts[i]] …
 * items[starts[i + 1] - 1]; `starts` has num_lists + 1 places. Returns false, and nothing is dealt,
 * for lack of memory. */
bool prefill_items_deal(const PrefillItems *self, uint32_t num_lists, uint32_t *items,
                        uint32_t *starts);

#ifdef __cplusplus
}
#endif
