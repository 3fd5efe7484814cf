#include "private_tier.h"

#include <string.h>

#include "sim/heap.h"

struct PrivateTier {
  guint32 room_blocks, used_blocks, evictable_blocks;
  guint64 last_rank;
  GPtrArray *heap;  /* of PrivateBlocks: a binary heap, the lowest rank first */
  GPtrArray *spare; /* of PrivateBlocks: to be used again */
};

static void
blocks_free(PrivateBlocks *blocks)
{
  g_free(blocks->states);
  g_free(blocks);
}

PrivateTier *
private_tier_new(guint32 blocks)
{
  PrivateTier *tier = g_new0(PrivateTier, 1);

  tier->room_blocks = blocks;
  tier->heap = g_ptr_array_new();
  tier->spare = g_ptr_array_new_with_free_func((GDestroyNotify)blocks_free);
  return tier;
}

void
private_tier_free(PrivateTier *tier)
{
  if (tier == NULL)
    return;
  for (guint i = 0; i < tier->heap->len; i++)
    blocks_free(g_ptr_array_index(tier->heap, i));
  g_ptr_array_unref(tier->heap);
  g_ptr_array_unref(tier->spare);
  g_free(tier);
}

guint32
private_tier_used_blocks(const PrivateTier *tier)
{
  return tier->used_blocks;
}

static gboolean
goes_before(const PrivateTier *tier G_GNUC_UNUSED, const PrivateBlocks *a, const PrivateBlocks *b)
{
  return a->rank < b->rank;
}

static void
put(PrivateTier *tier, guint32 place, PrivateBlocks *blocks)
{
  tier->heap->pdata[place] = blocks;
  blocks->heap_place = place;
}

HEAP_DEFINE(heap, PrivateTier, PrivateBlocks *, goes_before, put);

static PrivateBlocks **
elements(const PrivateTier *tier)
{
  return (PrivateBlocks **)tier->heap->pdata;
}

static void
leave_heap(PrivateTier *tier, const PrivateBlocks *blocks)
{
  guint32 place = blocks->heap_place;
  PrivateBlocks *last = elements(tier)[tier->heap->len - 1];

  g_ptr_array_set_size(tier->heap, (gint)tier->heap->len - 1);
  if (last != blocks)
    heap_put(tier, elements(tier), tier->heap->len, place, last);
}

static void
join_heap(PrivateTier *tier, PrivateBlocks *blocks)
{
  g_ptr_array_add(tier->heap, blocks);
  heap_up(tier, elements(tier), tier->heap->len - 1, blocks);
}

static void
set_evictable(PrivateTier *tier, PrivateBlocks *blocks, guint32 evictable)
{
  guint32 before = blocks->evictable;

  tier->evictable_blocks += evictable - before;
  blocks->evictable = evictable;
  if (before == 0 && evictable > 0)
    join_heap(tier, blocks);
  else if (before > 0 && evictable == 0)
    leave_heap(tier, blocks);
}

static void
recycle(PrivateTier *tier, PrivateBlocks *blocks)
{
  guint8 *states = blocks->states;

  *blocks = (PrivateBlocks){.states = states, .room = blocks->room};
  g_ptr_array_add(tier->spare, blocks);
}

PrivateBlocks *
private_tier_add(PrivateTier *tier)
{
  if (tier->spare->len > 0)
    return g_ptr_array_steal_index_fast(tier->spare, tier->spare->len - 1);
  return g_new0(PrivateBlocks, 1);
}

void
private_tier_forget(PrivateTier *tier, PrivateBlocks *blocks)
{
  g_assert(blocks->present == blocks->evictable);
  blocks->forgotten = TRUE;
  if (blocks->present == 0)
    recycle(tier, blocks);
}

void
private_tier_raise(PrivateTier *tier, PrivateBlocks *blocks)
{
  blocks->rank = ++tier->last_rank;
  if (blocks->evictable > 0)
    heap_down(tier, elements(tier), tier->heap->len, blocks->heap_place, blocks);
}

/* Evicts at most `most` ready blocks, from the last one back, but for [first, end). Returns how
 * many. */
static guint32
evict(PrivateTier *tier, PrivateBlocks *blocks, guint32 most, guint32 first, guint32 end)
{
  guint32 evicted = 0;

  for (guint32 i = blocks->n_blocks; i-- > 0 && evicted < most;) {
    if (i >= first && i < end)
      continue;
    if (blocks->states[i] == TIER_READY) {
      blocks->states[i] = TIER_ABSENT;
      evicted++;
    }
  }
  while (blocks->n_blocks > 0 && blocks->states[blocks->n_blocks - 1] == TIER_ABSENT)
    blocks->n_blocks--;
  blocks->present -= evicted;
  tier->used_blocks -= evicted;
  set_evictable(tier, blocks, blocks->evictable - evicted);
  if (blocks->forgotten && blocks->present == 0)
    recycle(tier, blocks);
  return evicted;
}

guint32
private_tier_count(const PrivateBlocks *blocks, guint32 first, guint32 end, TierState state)
{
  guint32 n = 0;

  for (guint32 i = first; i < end; i++)
    n += private_tier_state(blocks, i) == state;
  return n;
}

guint32
private_tier_run_end(const PrivateBlocks *blocks, guint32 first, guint32 end, gboolean *copying)
{
  const guint8 *absent;

  *copying = FALSE;
  end = MIN(end, blocks->n_blocks);
  if (first >= end)
    return first;
  absent = memchr(blocks->states + first, TIER_ABSENT, end - first);
  if (absent != NULL)
    end = (guint32)(absent - blocks->states);
  *copying = blocks->evictable < blocks->present &&
             private_tier_count(blocks, first, end, TIER_READY) < end - first;
  return end;
}

gboolean
private_tier_make_room(PrivateTier *tier, guint32 n_new, PrivateBlocks *blocks, guint32 first,
                       guint32 end)
{
  guint64 wanted = (guint64)tier->used_blocks + n_new;
  gboolean aside = FALSE; /* `blocks` are out of the heap: only spared ones are left */
  guint32 missing;

  if (wanted <= tier->room_blocks)
    return TRUE;
  if (wanted - tier->room_blocks >
      tier->evictable_blocks - private_tier_count(blocks, first, end, TIER_READY))
    return FALSE;
  missing = (guint32)(wanted - tier->room_blocks);
  while (missing > 0) {
    PrivateBlocks *lowest = elements(tier)[0];
    gboolean own = lowest == blocks;
    missing -= evict(tier, lowest, missing, own ? first : 0, own ? end : 0);
    if (own && missing > 0 && blocks->evictable > 0) {
      leave_heap(tier, blocks);
      aside = TRUE;
    }
  }
  if (aside)
    join_heap(tier, blocks);
  return TRUE;
}

/* Gives the first n_blocks blocks a state; new ones are absent. */
static void
add_states(PrivateBlocks *blocks, guint32 n_blocks)
{
  guint32 before = blocks->n_blocks;

  if (n_blocks <= before)
    return;
  if (n_blocks > blocks->room) {
    blocks->room = MAX(n_blocks, 2 * blocks->room);
    blocks->states = g_renew(guint8, blocks->states, blocks->room);
  }
  memset(blocks->states + before, TIER_ABSENT, n_blocks - before);
  blocks->n_blocks = n_blocks;
}

guint32
private_tier_change(PrivateTier *tier, PrivateBlocks *blocks, guint32 first, guint32 end,
                    TierState from, TierState to)
{
  guint32 n = 0, evictable = blocks->evictable;

  if (from == TIER_ABSENT)
    add_states(blocks, end);
  for (guint32 i = first; i < MIN(end, blocks->n_blocks); i++)
    if (blocks->states[i] == from) {
      blocks->states[i] = (guint8)to;
      n++;
    }
  if (from == TIER_ABSENT) {
    blocks->present += n;
    tier->used_blocks += n;
  }
  evictable -= from == TIER_READY ? n : 0;
  evictable += to == TIER_READY ? n : 0;
  set_evictable(tier, blocks, evictable);
  g_assert(tier->used_blocks <= tier->room_blocks);
  return n;
}
