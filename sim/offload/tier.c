#include "tier.h"

#include "arc.h"

const char *const tier_policy_names[] = {"lru", "arc", NULL};

#define FIRST_CHAINS 1024 /* a power of 2 */

typedef struct TierBlock TierBlock;

struct TierBlock {
  guint64 key;
  guint64 rank;
  guint32 index;   /* in its request */
  guint32 readers; /* that have it pinned */
  gboolean ready;
  gboolean spared; /* while room is made */
  TierBlock *chain_next;
};

struct Tier {
  guint32 room_blocks, used_blocks;
  guint64 last_rank;
  /* A hash table by key with links in the blocks; keys are mixed well. Each use looks up several.
   */
  TierBlock **chains;
  guint64 chain_mask; /* at least as many chains as blocks */
  TierBlock *spare;   /* linked by chain_next */
  GTree *evictable;   /* the ready ones without readers, first to go first */
  Arc *arc;           /* the order where it is that; else NULL */
};

static gint
compare_blocks(gconstpointer a, gconstpointer b, gpointer data G_GNUC_UNUSED)
{
  const TierBlock *one = a, *other = b;

  if (one->rank != other->rank)
    return one->rank < other->rank ? -1 : 1;
  if (one->index != other->index)
    return one->index > other->index ? -1 : 1;
  return one->key < other->key ? -1 : one->key > other->key;
}

Tier *
tier_new(guint32 blocks, TierPolicy policy)
{
  Tier *tier = g_new0(Tier, 1);

  tier->room_blocks = blocks;
  tier->chain_mask = FIRST_CHAINS - 1;
  tier->chains = g_new0(TierBlock *, FIRST_CHAINS);
  tier->evictable = g_tree_new_full(compare_blocks, NULL, NULL, NULL);
  if (policy == TIER_ARC)
    tier->arc = arc_new(blocks);
  return tier;
}

static void
free_chain(TierBlock *block)
{
  while (block != NULL) {
    TierBlock *next = block->chain_next;
    g_free(block);
    block = next;
  }
}

void
tier_free(Tier *tier)
{
  if (tier == NULL)
    return;
  g_tree_unref(tier->evictable);
  arc_free(tier->arc);
  for (guint64 i = 0; i <= tier->chain_mask; i++)
    free_chain(tier->chains[i]);
  free_chain(tier->spare);
  g_free(tier->chains);
  g_free(tier);
}

/* The link to the block of that key, or where it would be. */
static TierBlock **
link_of(const Tier *tier, guint64 key)
{
  TierBlock **link = &tier->chains[key & tier->chain_mask];

  while (*link != NULL && (*link)->key != key)
    link = &(*link)->chain_next;
  return link;
}

static TierBlock *
find(const Tier *tier, guint64 key)
{
  return *link_of(tier, key);
}

/* Twice as many chains. */
static void
add_chains(Tier *tier)
{
  g_autofree TierBlock **old = g_steal_pointer(&tier->chains);
  guint64 n = tier->chain_mask + 1;

  tier->chain_mask = 2 * n - 1;
  tier->chains = g_new0(TierBlock *, 2 * n);
  for (guint64 i = 0; i < n; i++)
    for (TierBlock *block = old[i], *next; block != NULL; block = next) {
      TierBlock **link = &tier->chains[block->key & tier->chain_mask];
      next = block->chain_next;
      block->chain_next = *link;
      *link = block;
    }
}

static void
drop(Tier *tier, TierBlock *block)
{
  *link_of(tier, block->key) = block->chain_next;
  block->chain_next = tier->spare;
  tier->spare = block;
  tier->used_blocks--;
}

static gboolean
is_evictable(const TierBlock *block)
{
  return block->ready && block->readers == 0;
}

guint32
tier_used_blocks(const Tier *tier)
{
  return tier->used_blocks;
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
  if (is_evictable(block))
    g_tree_remove(tier->evictable, block);
  block->rank = rank;
  block->index = index;
  if (is_evictable(block))
    g_tree_insert(tier->evictable, block, block);
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

typedef struct {
  guint32 missing;
  GPtrArray *victims;
} Eviction;

static gboolean
add_victim(gpointer key, gpointer value G_GNUC_UNUSED, gpointer data)
{
  TierBlock *block = key;
  Eviction *eviction = data;

  if (!block->spared)
    g_ptr_array_add(eviction->victims, block);
  return eviction->victims->len == eviction->missing;
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
    g_tree_remove(tier->evictable, block);
    drop(tier, block);
  }
  return enough;
}

gboolean
tier_make_room(Tier *tier, guint32 n_new, const guint64 *keys, guint32 n_keys)
{
  guint64 wanted = (guint64)tier->used_blocks + n_new;
  Eviction eviction = {0};
  gboolean enough;

  if (wanted <= tier->room_blocks)
    return TRUE;
  eviction.missing = (guint32)(wanted - tier->room_blocks);
  if (eviction.missing > (guint32)g_tree_nnodes(tier->evictable))
    return FALSE;
  if (tier->arc != NULL)
    return make_room_by_arc(tier, eviction.missing, keys, n_keys);
  eviction.victims = g_ptr_array_sized_new(eviction.missing);
  spare(tier, keys, n_keys, TRUE);
  g_tree_foreach(tier->evictable, add_victim, &eviction);
  spare(tier, keys, n_keys, FALSE);
  enough = eviction.victims->len == eviction.missing;
  for (guint i = 0; enough && i < eviction.victims->len; i++) {
    TierBlock *block = g_ptr_array_index(eviction.victims, i);
    g_tree_remove(tier->evictable, block);
    drop(tier, block);
  }
  g_ptr_array_unref(eviction.victims);
  return enough;
}

void
tier_store(Tier *tier, guint64 key, guint64 rank, guint32 index)
{
  TierBlock **link = link_of(tier, key), *block = tier->spare;

  g_assert(tier->used_blocks < tier->room_blocks && *link == NULL);
  if (block != NULL)
    tier->spare = block->chain_next;
  else
    block = g_new(TierBlock, 1);
  *block = (TierBlock){.key = key, .rank = rank, .index = index};
  *link = block;
  if (tier->arc != NULL)
    arc_insert(tier->arc, key);
  if (++tier->used_blocks > tier->chain_mask)
    add_chains(tier);
}

void
tier_stored(Tier *tier, guint64 key)
{
  TierBlock *block = find(tier, key);

  g_assert(block != NULL && !block->ready);
  block->ready = TRUE;
  g_tree_insert(tier->evictable, block, block);
}

void
tier_pin(Tier *tier, guint64 key)
{
  TierBlock *block = find(tier, key);

  g_assert(block != NULL && block->ready);
  if (block->readers++ == 0)
    g_tree_remove(tier->evictable, block);
}

void
tier_unpin(Tier *tier, guint64 key)
{
  TierBlock *block = find(tier, key);

  g_assert(block != NULL && block->readers > 0);
  if (--block->readers == 0)
    g_tree_insert(tier->evictable, block, block);
}
