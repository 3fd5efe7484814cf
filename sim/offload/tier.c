#include "tier.h"

#include "arc.h"
#include "chains.h"
#include "sim/array.h"
#include "sim/heap.h"

const char *const tier_policy_names[] = {"lru", "arc", NULL};

typedef struct TierBlock TierBlock;

struct TierBlock {
  guint64 key;
  guint64 rank;
  guint32 index;   /* in its request */
  guint32 readers; /* that have it pinned */
  gboolean ready;
  gboolean spared; /* while room is made */
  gboolean queued; /* it has an entry in the queue */
  TierBlock *chain_next;
};

CHAINS_DEFINE(Blocks, blocks, TierBlock);

/* A block in the queue of those that may go, with its place in the order of when it came there. */
typedef struct {
  guint64 rank;
  guint32 index;
  TierBlock *block;
} Queued;

struct Tier {
  guint32 room_blocks;
  guint64 last_rank;
  Blocks blocks;
  guint32 n_evictable; /* ready ones without readers */
  /* Every evictable block, in a heap, first to go first. A use only moves a block back in the
   * order, so an entry is looked at when it comes to the top: there what has readers leaves, and
   * what was used since goes where it belongs. */
  GArray *queue;                /* of Queued; empty where arc has the order */
  guint queue_room, taken_room; /* for array.h */
  GPtrArray *taken;             /* of TierBlock: taken out of the queue while room is made */
  Arc *arc;                     /* the order where it is that; else NULL */
};

static gboolean
goes_before(const Tier *tier G_GNUC_UNUSED, Queued one, Queued other)
{
  if (one.rank != other.rank)
    return one.rank < other.rank;
  if (one.index != other.index)
    return one.index > other.index;
  return one.block->key < other.block->key;
}

static Queued *
entries(const Tier *tier)
{
  return (Queued *)(gpointer)tier->queue->data;
}

static void
place(Tier *tier, guint32 at, Queued entry)
{
  entries(tier)[at] = entry;
}

HEAP_DEFINE(queue, Tier, Queued, goes_before, place);

static void
push(Tier *tier, TierBlock *block)
{
  const Queued entry = {block->rank, block->index, block};

  block->queued = TRUE;
  ARRAY_PUSH(tier->queue, &tier->queue_room, Queued, entry);
  queue_up(tier, entries(tier), tier->queue->len - 1, entry);
}

/* The entry takes the place of the first one, and goes down from there. */
static void
replace_first(Tier *tier, Queued entry)
{
  queue_down(tier, entries(tier), tier->queue->len, 0, entry);
}

static void
pop(Tier *tier)
{
  Queued last = entries(tier)[tier->queue->len - 1];

  entries(tier)[0].block->queued = FALSE;
  tier->queue->len--;
  if (tier->queue->len > 0)
    replace_first(tier, last);
}

Tier *
tier_new(guint32 blocks, TierPolicy policy)
{
  Tier *tier = g_new0(Tier, 1);

  tier->room_blocks = blocks;
  blocks_init(&tier->blocks);
  tier->queue = g_array_new(FALSE, FALSE, sizeof(Queued));
  tier->taken = g_ptr_array_new();
  if (policy == TIER_ARC)
    tier->arc = arc_new(blocks);
  return tier;
}

void
tier_free(Tier *tier)
{
  if (tier == NULL)
    return;
  g_array_unref(tier->queue);
  g_ptr_array_unref(tier->taken);
  arc_free(tier->arc);
  blocks_clear(&tier->blocks);
  g_free(tier);
}

static TierBlock *
find(const Tier *tier, guint64 key)
{
  return blocks_find(&tier->blocks, key);
}

static gboolean
is_evictable(const TierBlock *block)
{
  return block->ready && block->readers == 0;
}

guint32
tier_used_blocks(const Tier *tier)
{
  return (guint32)tier->blocks.count;
}

TierState
tier_state(const Tier *tier, guint64 key)
{
  const TierBlock *block = find(tier, key);

  if (block == NULL)
    return TIER_ABSENT;
  if (block->readers > 0)
    return TIER_PINNED;
  return block->ready ? TIER_READY : TIER_STORING;
}

guint64
tier_next_rank(Tier *tier)
{
  return ++tier->last_rank;
}

void
tier_use(Tier *tier, guint64 key, guint64 rank, guint32 index)
{
  TierBlock *block = find(tier, key);

  if (block == NULL || rank < block->rank || (rank == block->rank && index >= block->index))
    return;
  block->rank = rank;
  block->index = index;
}

void
tier_miss(Tier *tier, guint64 key)
{
  if (tier->arc != NULL)
    arc_miss(tier->arc, key);
}

void
tier_end_use(Tier *tier, guint64 key, gboolean stored, gboolean found)
{
  if (tier->arc == NULL)
    tier_use(tier, key, tier_next_rank(tier), 0);
  else if (stored || found)
    arc_use(tier->arc, key, stored);
}

/* Takes the first evictable block out of the queue; NULL: there is none. */
static TierBlock *
take_first(Tier *tier)
{
  while (tier->queue->len > 0) {
    const Queued first = g_array_index(tier->queue, Queued, 0);
    TierBlock *block = first.block;
    if (is_evictable(block) && first.rank == block->rank && first.index == block->index) {
      pop(tier);
      return block;
    }
    if (is_evictable(block))
      replace_first(tier, (Queued){block->rank, block->index, block});
    else
      pop(tier);
  }
  return NULL;
}

/* The block may go from now on. */
static void
enqueue(Tier *tier, TierBlock *block)
{
  tier->n_evictable++;
  if (tier->arc == NULL && !block->queued)
    push(tier, block);
}

static void
spare(const Tier *tier, const guint64 *keys, guint32 n_keys, gboolean spared)
{
  for (guint32 i = 0; i < n_keys; i++) {
    TierBlock *block = find(tier, keys[i]);
    if (block != NULL)
      block->spared = spared;
  }
}

static gboolean
arc_may_go(gpointer data, guint64 key)
{
  const TierBlock *block = find(data, key);

  return is_evictable(block) && !block->spared;
}

static gboolean
make_room_by_arc(Tier *tier, guint32 missing, const guint64 *keys, guint32 n_keys)
{
  g_autoptr(GArray) victims = g_array_new(FALSE, FALSE, sizeof(guint64));
  gboolean enough;

  spare(tier, keys, n_keys, TRUE);
  enough = arc_evict(tier->arc, missing, arc_may_go, tier, victims);
  spare(tier, keys, n_keys, FALSE);
  for (guint i = 0; i < victims->len; i++) {
    TierBlock *block = find(tier, g_array_index(victims, guint64, i));
    tier->n_evictable--;
    blocks_drop(&tier->blocks, block);
  }
  return enough;
}

/* Of the queue the first `missing` blocks that are not spared go. FALSE, and nothing done, if there
 * are fewer. */
static gboolean
make_room_by_queue(Tier *tier, guint32 missing)
{
  guint32 victims = 0;
  TierBlock *block;
  gboolean enough;

  tier->taken->len = 0;
  while (victims < missing && (block = take_first(tier)) != NULL) {
    POINTER_PUSH(tier->taken, &tier->taken_room, block);
    victims += !block->spared;
  }
  enough = victims == missing;
  for (guint i = 0; i < tier->taken->len; i++) {
    block = tier->taken->pdata[i];
    if (enough && !block->spared)
      blocks_drop(&tier->blocks, block);
    else
      push(tier, block);
  }
  tier->n_evictable -= enough ? missing : 0;
  return enough;
}

gboolean
tier_make_room(Tier *tier, guint32 n_new, const guint64 *keys, guint32 n_keys)
{
  guint64 wanted = tier->blocks.count + n_new;
  guint32 missing;
  gboolean enough;

  if (wanted <= tier->room_blocks)
    return TRUE;
  missing = (guint32)(wanted - tier->room_blocks);
  if (missing > tier->n_evictable)
    return FALSE;
  if (tier->arc != NULL)
    return make_room_by_arc(tier, missing, keys, n_keys);
  spare(tier, keys, n_keys, TRUE);
  enough = make_room_by_queue(tier, missing);
  spare(tier, keys, n_keys, FALSE);
  return enough;
}

void
tier_store(Tier *tier, guint64 key, guint64 rank, guint32 index)
{
  TierBlock *block;

  g_assert(tier->blocks.count < tier->room_blocks);
  block = blocks_add(&tier->blocks, key);
  block->rank = rank;
  block->index = index;
  if (tier->arc != NULL)
    arc_insert(tier->arc, key);
}

void
tier_stored(Tier *tier, guint64 key)
{
  TierBlock *block = find(tier, key);

  g_assert(block != NULL && !block->ready);
  block->ready = TRUE;
  enqueue(tier, block);
}

void
tier_pin(Tier *tier, guint64 key)
{
  TierBlock *block = find(tier, key);

  g_assert(block != NULL && block->ready);
  if (block->readers++ == 0)
    tier->n_evictable--;
}

void
tier_unpin(Tier *tier, guint64 key)
{
  TierBlock *block = find(tier, key);

  g_assert(block != NULL && block->readers > 0);
  if (--block->readers == 0)
    enqueue(tier, block);
}
