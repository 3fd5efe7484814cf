#include "kernels/prefill_plan.h"

#include <stdlib.h>

enum { CACHE_BYTES = 16 * 1024 * 1024, ELEMENT_BYTES = 2 }; /* half of an A100's second level */

static int32_t
num_tiles_of(int32_t rows)
{
  return rows < 2 ? 0 : (rows - 1) / PREFILL_TILE_ROWS + 1;
}

size_t
prefill_plan_count(const int32_t *query_starts, uint32_t num_sequences)
{
  size_t count = 0;

  for (uint32_t s = 0; s < num_sequences; s++)
    count += (size_t)num_tiles_of(query_starts[s + 1] - query_starts[s]);
  return count;
}

static int
compare_longest_first(const void *a, const void *b)
{
  const PrefillTile *one = a, *other = b;

  if (one->num_keys != other->num_keys)
    return one->num_keys > other->num_keys ? -1 : 1;
  return one->sequence < other->sequence ? -1 : one->sequence > other->sequence;
}

void
prefill_plan_cut(const int32_t *query_starts, const int32_t *context_lens, uint32_t num_sequences,
                 PrefillTile *tiles)
{
  size_t count = 0;

  for (uint32_t s = 0; s < num_sequences; s++) {
    const int32_t rows = query_starts[s + 1] - query_starts[s];
    for (int32_t i = 0; i < num_tiles_of(rows); i++) {
      const int32_t first = i * PREFILL_TILE_ROWS;
      const int32_t end = first + PREFILL_TILE_ROWS < rows ? first + PREFILL_TILE_ROWS : rows;
      tiles[count++] = (PrefillTile){
          .sequence = (int32_t)s, .first_row = first, .num_keys = context_lens[s] - rows + end};
    }
  }
  qsort(tiles, count, sizeof *tiles, compare_longest_first);
}

uint32_t
prefill_plan_heads_at_once(const PrefillTile *tiles, size_t num_tiles, uint32_t kv_heads,
                           uint32_t head_dim)
{
  const size_t head_bytes =
      num_tiles == 0 ? 1 : (size_t)tiles[0].num_keys * 2 * head_dim * ELEMENT_BYTES;
  const size_t heads = CACHE_BYTES / head_bytes;

  return heads < 1 ? 1 : heads < kv_heads ? (uint32_t)heads : kv_heads;
}
