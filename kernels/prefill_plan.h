/* How prefills are cut into tiles of query rows, each for one thread block a query head. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { PREFILL_TILE_ROWS = 128 };

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

/* How many KV heads to work on at once, so that what tiles of the longest sequence read again is
 * still in the second-level cache. */
uint32_t prefill_plan_heads_at_once(const PrefillTile *tiles, size_t num_tiles, uint32_t kv_heads,
                                    uint32_t head_dim);

#ifdef __cplusplus
}
#endif
