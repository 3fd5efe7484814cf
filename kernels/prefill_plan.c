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
prefill_plan_groups(const PrefillTile *tiles, size_t num_tiles, uint32_t kv_heads,
                    uint32_t head_dim)
{
  const size_t head_bytes =
      num_tiles == 0 ? 1 : (size_t)tiles[0].num_keys * 2 * head_dim * ELEMENT_BYTES;
  const size_t heads = CACHE_BYTES / head_bytes;
  const uint32_t most = heads < 1 ? 1 : heads < kv_heads ? (uint32_t)heads : kv_heads;

  return (kv_heads - 1) / most + 1;
}

uint32_t
prefill_items_tile(const PrefillItems *self, uint32_t item, uint32_t *head)
{
  const uint32_t ratio = self->heads / self->kv_heads;
  const uint32_t kv_head = item / self->num_tiles / ratio; /* one of the item's group */
  const uint32_t group = ((kv_head + 1) * self->num_groups - 1) / self->kv_heads;
  const uint32_t first = group * self->kv_heads / self->num_groups * ratio;
  const uint32_t end = (group + 1) * self->kv_heads / self->num_groups * ratio;
  const uint32_t within = item - first * self->num_tiles;

  *head = first + within % (end - first);
  return within / (end - first);
}

/* A list of items and what they take so far; lists are in a heap, the least loaded on top. */
typedef struct {
  uint64_t load;
  uint32_t list;
} Load;

static bool
comes_before(const Load *a, const Load *b)
{
  return a->load != b->load ? a->load < b->load : a->list < b->list;
}

/* The top has grown. */
static void
sift_down(Load *heap, uint32_t count)
{
  const Load grown = heap[0];
  uint32_t at = 0;

  for (uint32_t child = 1; child < count; child = 2 * at + 1) {
    if (child + 1 < count && comes_before(&heap[child + 1], &heap[child]))
      child++;
    if (comes_before(&grown, &heap[child]))
      break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = grown;
}

/* In steps of the kernel: tiles of keys, and one for what an item takes by itself. */
static uint64_t
item_load(const PrefillItems *self, uint32_t item)
{
  uint32_t head;
  const PrefillTile *tile = &self->tiles[prefill_items_tile(self, item, &head)];

  return (uint64_t)((tile->num_keys - 1) / PREFILL_TILE_KEYS + 2);
}

/* Item i goes to the list owners[i]; starts[list + 1] counts the list's. */
static void
choose_owners(const PrefillItems *self, uint32_t num_lists, Load *heap, uint32_t *owners,
              uint32_t *starts)
{
  for (uint32_t i = 0; i <= num_lists; i++)
    starts[i] = 0;
  for (uint32_t i = 0; i < num_lists; i++)
    heap[i] = (Load){.load = 0, .list = i};
  for (uint32_t i = 0; i < self->num_tiles * self->heads; i++) {
    owners[i] = heap[0].list;
    starts[owners[i] + 1]++;
    heap[0].load += item_load(self, i);
    sift_down(heap, num_lists);
  }
}

/* From the counts of lists their starts; while they are filled, `ends` says how far each is. */
static void
fill_lists(const PrefillItems *self, uint32_t num_lists, const uint32_t *owners, uint32_t *ends,
           uint32_t *items, uint32_t *starts)
{
  for (uint32_t i = 0; i < num_lists; i++) {
    starts[i + 1] += starts[i];
    ends[i] = starts[i];
  }
  for (uint32_t i = 0; i < self->num_tiles * self->heads; i++)
    items[ends[owners[i]]++] = i;
}

bool
prefill_items_deal(const PrefillItems *self, uint32_t num_lists, uint32_t *items, uint32_t *starts)
{
  const size_t num_items = (size_t)self->num_tiles * self->heads;
  Load *heap = malloc(num_lists * sizeof *heap + 1);
  uint32_t *owners = malloc((num_items + num_lists) * sizeof *owners + 1);
  const bool has_room = heap != NULL && owners != NULL;

  if (has_room) {
    choose_owners(self, num_lists, heap, owners, starts);
    fill_lists(self, num_lists, owners, owners + num_items, items, starts);
  }
  free(heap);
  free(owners);
  return has_room;
}
