#include "tier.h"

typedef struct {
  guint64 key;
  guint64 rank;
  guint32 index;   /* in its request */
  guint32 readers; /* that have it pinned */
  gboolean ready;
} TierBlock;

struct Tier {
  guint32 room_blocks;
  guint64 last_rank;
  GHashTable *blocks; /* by key, of TierBlock, which it owns */
  GTree *evictable;   /* the ready ones without readers, first to go first */
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
tier_new(guint32 blocks)
{
  Tier *tier = g_new0(Tier, 1);

  tier->room_blocks = blocks;
  tier->blocks = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
  tier->evictable = g_tree_new_full(compare_blocks, NULL, NULL, NULL);
  return tier;
}

void
tier_free(Tier *tier)
{
  if (tier == NULL)
    return;
  g_tree_unref(tier->evictable);
  g_hash_table_unref(tier->blocks);
  g_free(tier);
}

static TierBlock *
find(const Tier *tier, guint64 key)
{
  return g_hash_table_lookup(tier->blocks, &key);
}

static gboolean
is_evictable(const TierBlock *block)
{
  return block->ready && block->readers == 0;
}

guint32
tier_used_blocks(const Tier *tier)
{
  return g_hash_table_size(tier->blocks);
}

TierState
tier_state(const Tier *tier, guint64 key)
{
  const TierBlock *block = find(tier, key);

  if (block == NULL)
    return TIER_ABSENT;
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

typedef struct {
  const Tier *tier;
  GHashTable *spared;
  guint32 missing;
  GPtrArray *victims;
} Eviction;

static gboolean
add_victim(gpointer key, gpointer value G_GNUC_UNUSED, gpointer data)
{
  TierBlock *block = key;
  Eviction *eviction = data;

  if (!g_hash_table_contains(eviction->spared, &block->key))
    g_ptr_array_add(eviction->victims, block);
  return eviction->victims->len == eviction->missing;
}

gboolean
tier_make_room(Tier *tier, guint32 n_new, const guint64 *keys, guint32 n_keys)
{
  guint64 wanted = (guint64)tier_used_blocks(tier) + n_new;
  Eviction eviction = {.tier = tier};
  gboolean enough;

  if (wanted <= tier->room_blocks)
    return TRUE;
  eviction.missing = (guint32)(wanted - tier->room_blocks);
  if (eviction.missing > (guint32)g_tree_nnodes(tier->evictable))
    return FALSE;
  eviction.victims = g_ptr_array_new();
  eviction.spared = g_hash_table_new(g_int64_hash, g_int64_equal);
  for (guint32 i = 0; i < n_keys; i++)
    g_hash_table_add(eviction.spared, (gpointer)&keys[i]);
  g_tree_foreach(tier->evictable, add_victim, &eviction);
  enough = eviction.victims->len == eviction.missing;
  for (guint i = 0; enough && i < eviction.victims->len; i++) {
    TierBlock *block = g_ptr_array_index(eviction.victims, i);
    g_tree_remove(tier->evictable, block);
    g_hash_table_remove(tier->blocks, &block->key);
  }
  g_ptr_array_unref(eviction.victims);
  g_hash_table_unref(eviction.spared);
  return enough;
}

void
tier_store(Tier *tier, guint64 key, guint64 rank, guint32 index)
{
  TierBlock *block = g_new0(TierBlock, 1);

  g_assert(tier_used_blocks(tier) < tier->room_blocks && find(tier, key) == NULL);
  block->key = key;
  block->rank = rank;
  block->index = index;
  g_hash_table_insert(tier->blocks, &block->key, block);
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
