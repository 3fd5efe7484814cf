#include "prefix_cache.h"

#include "content_key.h"
#include "named_blocks.h"

struct PrefixCache {
  NamedBlocks blocks;
  const Workload *workload;
  guint32 block_size;
  gboolean two_ended;
  GArray *given; /* borrowed; NULL: nobody watches */
};

PrefixCache *
prefix_cache_new(const Workload *workload, guint32 num_blocks, guint32 block_size,
                 gboolean two_ended)
{
  PrefixCache *cache = g_new0(PrefixCache, 1);

  named_blocks_init(&cache->blocks, num_blocks);
  cache->two_ended = two_ended;
  cache->workload = workload;
  cache->block_size = block_size;
  return cache;
}

void
prefix_cache_free(PrefixCache *cache)
{
  if (cache == NULL)
    return;
  named_blocks_clear(&cache->blocks);
  g_free(cache);
}

guint32
prefix_cache_free_blocks(const PrefixCache *cache)
{
  return cache->blocks.free_blocks;
}

gboolean
prefix_cache_evicted(const PrefixCache *cache)
{
  return cache->blocks.evicted;
}

void
prefix_cache_watch(PrefixCache *cache, GArray *given)
{
  cache->given = given;
}

guint64
prefix_cache_key(PrefixCache *cache, Sequence *sequence, guint32 index)
{
  return content_key(cache->workload, cache->block_size, sequence, index);
}

guint32
prefix_cache_hits(PrefixCache *cache, Sequence *sequence, guint32 most, guint32 *n_idle)
{
  guint32 limit = MIN((sequence_length(sequence) - 1) / cache->block_size, most);
  guint32 hits = 0, id;

  *n_idle = 0;
  for (; hits < limit &&
         named_blocks_find(&cache->blocks, prefix_cache_key(cache, sequence, hits), &id);
       hits++)
    *n_idle += cache->blocks.of[id].references == 0;
  return hits;
}

static void
add_block(PrefixCache *cache, Sequence *sequence, guint32 id)
{
  if (sequence->blocks == sequence->block_ids_room) {
    sequence->block_ids_room = MAX(16, 2 * sequence->block_ids_room);
    sequence->block_ids = g_renew(guint32, sequence->block_ids, sequence->block_ids_room);
  }
  sequence->block_ids[sequence->blocks++] = id;
  if (cache->given != NULL)
    g_array_append_val(cache->given, id);
}

void
prefix_cache_share(PrefixCache *cache, Sequence *sequence, guint32 n)
{
  g_assert(sequence->blocks == 0);
  for (guint32 i = 0; i < n; i++) {
    guint32 id;
    if (!named_blocks_find(&cache->blocks, prefix_cache_key(cache, sequence, i), &id))
      g_assert_not_reached();
    named_blocks_hold(&cache->blocks, id);
    add_block(cache, sequence, id);
  }
  sequence->registered_blocks = n;
}

void
prefix_cache_take(PrefixCache *cache, Sequence *sequence, guint32 n)
{
  for (; n > 0; n--)
    add_block(cache, sequence, named_blocks_take(&cache->blocks));
}

void
prefix_cache_register(PrefixCache *cache, Sequence *sequence, guint32 tokens)
{
  guint32 full = MIN(tokens / cache->block_size, sequence->blocks);

  for (guint32 i = sequence->registered_blocks; i < full; i++)
    named_blocks_register(&cache->blocks, sequence->block_ids[i],
                          prefix_cache_key(cache, sequence, i));
  sequence->registered_blocks = MAX(sequence->registered_blocks, full);
}

void
prefix_cache_release(PrefixCache *cache, Sequence *sequence)
{
  guint32 last_first = 0;

  for (guint32 i = sequence->blocks; i-- > 0;)
    named_blocks_give(&cache->blocks, sequence->block_ids[i], cache->two_ended, &last_first);
  sequence->blocks = 0;
  sequence->registered_blocks = 0;
}
