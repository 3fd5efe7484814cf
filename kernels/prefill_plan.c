#include "kernels/prefill_plan.h"

#include <stdlib.h>
#include <string.h>

enum { CACHE_BYTES = 16 * 1024 * 1024, ELEMENT_BYTES = 2 }; /* half of an A100's second level */
/* With so many items for each thread block or more, whole items are distributed evenly enough. */
enum { CUT_BELOW_ROUNDS = 4 };
/* Fixed cost of a piece, in tiles of keys. */
enum { PIECE_UNITS = 1 };
/* Packing and cutting must take at most this share of the time, by the estimate. */
#define WORTH 0.95

/* A tile of rows, the same for each head or group of packed heads. */
typedef struct {
  int32_t sequence, first_row, num_keys;
} Tile;

typedef struct {
  Tile *tiles;
  uint32_t count, packed_heads;
  uint64_t load; /* of all items: their tiles of keys, and one more for each item */
} Tiles;

static int32_t
new_tokens(const PrefillBatch *batch, uint32_t sequence)
{
  const int32_t rows = batch->query_starts[sequence + 1] - batch->query_starts[sequence];

  return rows < 2 ? 0 : rows;
}

static int32_t
key_tiles(int32_t num_keys)
{
  return (num_keys - 1) / PREFILL_TILE_KEYS + 1;
}

static int
compare_longest_first(const void *a, const void *b)
{
  const Tile *one = a, *other = b;

  if (one->num_keys != other->num_keys)
    return one->num_keys > other->num_keys ? -1 : 1;
  if (one->sequence != other->sequence)
    return one->sequence < other->sequence ? -1 : 1;
  return one->first_row > other->first_row ? -1 : one->first_row < other->first_row;
}

/* The caller frees tiles->tiles. */
static bool
cut_rows(const PrefillBatch *batch, int32_t tile_rows, uint32_t packed_heads, Tiles *tiles)
{
  const int32_t packed = (int32_t)packed_heads;
  uint32_t count = 0;

  *tiles = (Tiles){.packed_heads = packed_heads};
  for (uint32_t s = 0; s < batch->num_sequences; s++)
    count += (uint32_t)((new_tokens(batch, s) * packed + tile_rows - 1) / tile_rows);
  tiles->tiles = malloc(count * sizeof *tiles->tiles + 1);
  if (tiles->tiles == NULL)
    return false;
  for (uint32_t s = 0; s < batch->num_sequences; s++) {
    const int32_t tokens = new_tokens(batch, s), rows = tokens * packed;
    for (int32_t first = 0; first < rows; first += tile_rows) {
      const int32_t end = first + tile_rows < rows ? first + tile_rows : rows;
      const int32_t num_keys = batch->context_lens[s] - tokens + (end - 1) / packed + 1;
      tiles->tiles[tiles->count++] =
          (Tile){.sequence = (int32_t)s, .first_row = first, .num_keys = num_keys};
      tiles->load += (uint64_t)(key_tiles(num_keys) + 1);
    }
  }
  tiles->load *= batch->heads / packed_heads;
  qsort(tiles->tiles, tiles->count, sizeof *tiles->tiles, compare_longest_first);
  return true;
}

/* Cuts the rows into tiles, with packed heads where that is less work: for short chunks. */
static bool
choose_tiles(const PrefillBatch *batch, const PrefillWays *ways, Tiles *tiles)
{
  const uint32_t ratio = batch->heads / batch->kv_heads;
  Tiles packed;

  if (!cut_rows(batch, (int32_t)ways->tile_rows, 1, tiles))
    return false;
  if (!ways->may_cut || ratio == 1)
    return true;
  if (!cut_rows(batch, (int32_t)ways->tile_rows, ratio, &packed))
    return false;
  const bool is_worth = (double)packed.load < WORTH * (double)tiles->load;
  free(is_worth ? tiles->tiles : packed.tiles);
  if (is_worth)
    *tiles = packed;
  return true;
}

uint32_t
prefill_plan_groups(int32_t num_keys, uint32_t kv_heads, uint32_t head_dim)
{
  const size_t head_bytes = (size_t)num_keys * 2 * head_dim * ELEMENT_BYTES;
  const size_t heads = CACHE_BYTES / (head_bytes < 1 ? 1 : head_bytes);
  const uint32_t most = heads < 1 ? 1 : heads < kv_heads ? (uint32_t)heads : kv_heads;

  return (kv_heads - 1) / most + 1;
}

/* All tiles of all heads as items, not cut, in the order of work. */
static void
list_items(const PrefillBatch *batch, const Tiles *tiles, PrefillItem *items)
{
  const uint32_t kv_heads = batch->kv_heads, ratio = batch->heads / kv_heads;
  const uint32_t groups =
      tiles->count == 0 ? 1
                        : prefill_plan_groups(tiles->tiles[0].num_keys, kv_heads, batch->head_dim);

  for (uint32_t group = 0; group < groups; group++) {
    const uint32_t first = group * kv_heads / groups * ratio;
    const uint32_t end = (group + 1) * kv_heads / groups * ratio;
    for (uint32_t i = 0; i < tiles->count; i++)
      for (uint32_t head = first; head < end; head += tiles->packed_heads)
        *items++ = (PrefillItem){.sequence = tiles->tiles[i].sequence,
                                 .first_row = tiles->tiles[i].first_row,
                                 .head = (int32_t)head,
                                 .end_key = tiles->tiles[i].num_keys,
                                 .partial = -1};
  }
}

/* The load of a list so far; the lists are in a heap, the least loaded on top. */
typedef struct {
  uint64_t load;
  uint32_t list;
} Load;

static bool
comes_before(const Load *a, const Load *b)
{
  return a->load != b->load ? a->load < b->load : a->list < b->list;
}

/* Restores the heap after its top has grown. */
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

/* Gives each item to the list with the least work so far, owners[i]: so no list has more than the
 * mean plus the longest item (Graham 1966), and all are near the mean where there are many items.
 * starts[list + 1] counts the items of a list. Returns the largest load. */
static uint64_t
choose_owners(const PrefillItem *items, uint32_t num_items, uint32_t num_lists, Load *heap,
              uint32_t *owners, uint32_t *starts)
{
  uint64_t most = 0;

  for (uint32_t i = 0; i <= num_lists; i++)
    starts[i] = 0;
  for (uint32_t i = 0; i < num_lists; i++)
    heap[i] = (Load){.load = 0, .list = i};
  for (uint32_t i = 0; i < num_items; i++) {
    owners[i] = heap[0].list;
    starts[owners[i] + 1]++;
    heap[0].load += (uint64_t)(key_tiles(items[i].end_key) + 1);
    most = heap[0].load > most ? heap[0].load : most;
    sift_down(heap, num_lists);
  }
  return most;
}

/* Turns the counts in plan->starts into starts, and sorts the items by list. ends: scratch, how far
 * each list is filled. */
static void
fill_lists(const PrefillItem *items, uint32_t num_items, const uint32_t *owners, uint32_t *ends,
           PrefillPlan *plan)
{
  for (uint32_t i = 0; i < plan->num_lists; i++) {
    plan->starts[i + 1] += plan->starts[i];
    ends[i] = plan->starts[i];
  }
  for (uint32_t i = 0; i < num_items; i++)
    plan->items[ends[owners[i]]++] = items[i];
}

/* When a list begins one of its pieces, in tiles of keys. */
typedef struct {
  int64_t start;
  uint32_t piece;
} Turn;

static int
compare_turns(const void *a, const void *b)
{
  const Turn *one = a, *other = b;

  if (one->start != other->start)
    return one->start < other->start ? -1 : 1;
  return one->piece < other->piece ? -1 : one->piece > other->piece;
}

/* The order of pieces: by lists or, for the portable kernel, by when their lists begin them. There
 * the hardware gives the next piece to the thread block that is free first, so each piece begins no
 * later than in its list: at that time the pieces before it occupy at most all places but one. So
 * no place works longer than the longest list. */
static void
order_pieces(const WorkPiece *pieces, const uint32_t *starts, const PrefillWays *ways,
             uint32_t num_pieces, Turn *turns)
{
  for (uint32_t list = 0; list < ways->places; list++) {
    int64_t start = 0;
    for (uint32_t i = starts[list]; i < starts[list + 1]; i++) {
      turns[i] = (Turn){.start = start, .piece = i};
      start += pieces[i].end - pieces[i].first + PIECE_UNITS;
    }
  }
  if (!ways->is_persistent)
    qsort(turns, num_pieces, sizeof *turns, compare_turns);
}

static void
list_pieces(const PrefillItem *items, const WorkPiece *pieces, const Turn *turns,
            const WorkMerge *merges, PrefillPlan *plan)
{
  for (uint32_t i = 0; i < plan->num_items; i++) {
    const WorkPiece *piece = &pieces[turns[i].piece];
    PrefillItem item = items[piece->job];
    const int32_t end = piece->end * PREFILL_TILE_KEYS;
    item.first_key = piece->first * PREFILL_TILE_KEYS;
    item.end_key = end < item.end_key ? end : item.end_key;
    item.partial = piece->partial;
    plan->items[i] = item;
  }
  for (uint32_t i = 0; i < plan->num_merges; i++) {
    const PrefillItem *item = &items[merges[i].job];
    plan->merges[i] = (AttentionMerge){.sequence = item->sequence,
                                       .first_row = item->first_row,
                                       .head = item->head,
                                       .first_partial = merges[i].first_partial,
                                       .num_partials = merges[i].num_partials};
  }
}

static bool
allocate(PrefillPlan *plan)
{
  plan->items = malloc(plan->num_items * sizeof *plan->items + 1);
  plan->starts = malloc((plan->num_lists + 1) * sizeof *plan->starts);
  plan->merges = malloc(plan->num_merges * sizeof *plan->merges + 1);
  return plan->items != NULL && plan->starts != NULL && plan->merges != NULL;
}

/* Scratch of deal(). lengths: of items, in tiles of keys. */
typedef struct {
  PrefillItem *items; /* whole, in the order of work */
  uint32_t num_items;
  Load *heap;
  uint32_t *owners, *starts;
  int32_t *lengths;
  WorkPiece *pieces;
  Turn *turns;
  WorkMerge *merges;
} Scratch;

static bool
scratch_init(Scratch *s, uint32_t num_items, uint32_t num_lists)
{
  const WorkCounts most = work_cut_most(num_items, num_lists < 1 ? 1 : num_lists);

  *s = (Scratch){
      .items = malloc(num_items * sizeof *s->items + 1),
      .num_items = num_items,
      .heap = malloc(num_lists * sizeof *s->heap + 1),
      .owners = malloc((num_items + num_lists) * sizeof *s->owners + 1),
      .starts = malloc((num_lists + 1) * sizeof *s->starts),
      .lengths = malloc(num_items * sizeof *s->lengths + 1),
      .pieces = malloc(most.num_pieces * sizeof *s->pieces + 1),
      .turns = malloc(most.num_pieces * sizeof *s->turns + 1),
      .merges = malloc(most.num_merges * sizeof *s->merges + 1),
  };
  return s->items != NULL && s->heap != NULL && s->owners != NULL && s->starts != NULL &&
         s->lengths != NULL && s->pieces != NULL && s->turns != NULL && s->merges != NULL;
}

static void
scratch_clear(Scratch *s)
{
  free(s->items);
  free(s->heap);
  free(s->owners);
  free(s->starts);
  free(s->lengths);
  free(s->pieces);
  free(s->turns);
  free(s->merges);
}

/* Makes lists of equal work with items that are cut, where that is faster than most_dealt, the
 * longest list of whole items; *is_cut says whether. False where there is no memory. */
static bool
try_cut(Scratch *s, const PrefillWays *ways, uint64_t most_dealt, PrefillPlan *plan, bool *is_cut)
{
  for (uint32_t i = 0; i < s->num_items; i++)
    s->lengths[i] = key_tiles(s->items[i].end_key);

  const WorkCut cut = {.lengths = s->lengths,
                       .num_jobs = s->num_items,
                       .num_lists = ways->places,
                       .piece_units = PIECE_UNITS,
                       .least_units = 1};
  const int64_t load = work_cut_load(&cut);
  const double takes = (double)load + 2 * ways->piece_tiles + ways->merge_tiles;
  *is_cut = takes < WORTH * (double)most_dealt;
  if (!*is_cut)
    return true;
  const WorkCounts counts = work_cut(&cut, load, s->pieces, s->starts, s->merges);
  plan->num_items = counts.num_pieces;
  plan->num_lists = ways->is_persistent ? ways->places : 0;
  plan->num_merges = counts.num_merges;
  plan->num_partials = counts.num_partials;
  if (!allocate(plan))
    return false;
  memcpy(plan->starts, s->starts, (plan->num_lists + 1) * sizeof *plan->starts);
  order_pieces(s->pieces, s->starts, ways, counts.num_pieces, s->turns);
  list_pieces(s->items, s->pieces, s->turns, s->merges, plan);
  return true;
}

/* Distributes the items: cut where that is faster, else whole. False where there is no memory. */
static bool
deal(Scratch *s, const PrefillWays *ways, PrefillPlan *plan)
{
  const uint32_t lists = ways->places < s->num_items ? ways->places : s->num_items;
  const bool is_few = s->num_items < CUT_BELOW_ROUNDS * ways->places;
  uint64_t most = 0;
  bool is_cut = false;

  if (ways->is_persistent || (ways->may_cut && is_few))
    most = choose_owners(s->items, s->num_items, lists, s->heap, s->owners, s->starts);
  if (ways->may_cut && is_few && !try_cut(s, ways, most, plan, &is_cut))
    return false;
  if (is_cut)
    return true;
  plan->num_items = s->num_items;
  plan->num_lists = ways->is_persistent ? lists : 0;
  if (!allocate(plan))
    return false;
  if (ways->is_persistent) {
    memcpy(plan->starts, s->starts, (lists + 1) * sizeof *plan->starts);
    fill_lists(s->items, s->num_items, s->owners, s->owners + s->num_items, plan);
  } else {
    memcpy(plan->items, s->items, s->num_items * sizeof *s->items);
  }
  return true;
}

bool
prefill_plan_make(PrefillPlan *plan, const PrefillBatch *batch, const PrefillWays *ways)
{
  Tiles tiles = {0};
  Scratch scratch = {0};
  bool is_made = choose_tiles(batch, ways, &tiles);

  *plan = (PrefillPlan){.packed_heads = tiles.packed_heads};
  if (is_made && tiles.count > 0) {
    is_made =
        scratch_init(&scratch, tiles.count * (batch->heads / tiles.packed_heads), ways->places);
    if (is_made) {
      list_items(batch, &tiles, scratch.items);
      is_made = deal(&scratch, ways, plan);
    }
    scratch_clear(&scratch);
  }
  free(tiles.tiles);
  if (!is_made)
    prefill_plan_clear(plan);
  return is_made;
}

void
prefill_plan_clear(PrefillPlan *plan)
{
  free(plan->items);
  free(plan->starts);
  free(plan->merges);
  *plan = (PrefillPlan){0};
}

PrefillPlan
prefill_plan_most(uint32_t num_rows, uint32_t num_sequences, uint32_t heads,
                  const PrefillWays *ways)
{
  const uint32_t items = (num_rows / ways->tile_rows + num_sequences) * heads;
  const WorkCounts cut = work_cut_most(items, ways->places);
  PrefillPlan most = {.num_items = items, .num_lists = ways->is_persistent ? ways->places : 0};

  if (ways->may_cut) {
    most.num_items = cut.num_pieces;
    most.num_merges = cut.num_merges;
    most.num_partials = cut.num_partials;
  }
  return most;
}
