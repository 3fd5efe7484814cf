/* The prefix cache of vLLM v1 where all layers keep all of the context: a sequence's blocks are its
 * tokens', and a hit is the longest run of its first ones that are there (named_blocks.h).
 *
 * A freed sequence's blocks are given back in reverse order, so that a prefix's end is lost before
 * its start.
 */
#include "block_ids.h"
#include "content_key.h"
#include "named_blocks.h"

typedef struct {
  NamedBlocks blocks;
  const Workload *workload;
  gboolean two_ended;
} PrefixCache;

static void
free_cache(Pool *pool)
{
  PrefixCache *cache = pool->contents;

  named_blocks_clear(&cache->blocks);
  g_free(cache);
}

static guint64
key_of(const Pool *pool, Sequence *sequence, guint32 index)
{
  const PrefixCache *cache = pool->contents;

  return content_key(cache->workload, pool->block_size, sequence, index);
}

static PoolPrefix
find(Pool *pool, Sequence *sequence, guint32 most_tokens)
{
  const PrefixCache *cache = pool->contents;
  guint32 limit = most_tokens / pool->block_size, hits = 0, idle = 0, id;

  for (; hits < limit && named_blocks_find(&cache->blocks, key_of(pool, sequence, hits), &id);
       hits++)
    idle += cache->blocks.of[id].references == 0;
  return (PoolPrefix){.tokens = (sequence->blocks + hits) * pool->block_size,
                      .blocks = hits,
                      .idle = idle,
                      .found = hits > 0};
}

static void
share(Pool *pool, Sequence *sequence, const PoolPrefix *prefix)
{
  PrefixCache *cache = pool->contents;

  g_assert(sequence->blocks == 0);
  for (guint32 i = 0; i < prefix->blocks; i++) {
    guint32 id;
    if (!named_blocks_find(&cache->blocks, key_of(pool, sequence, i), &id))
      g_assert_not_reached();
    named_blocks_hold(&cache->blocks, id);
    block_ids_add(pool, sequence, id);
  }
  sequence->registered_blocks = prefix->blocks;
  pool->free_blocks = cache->blocks.free_blocks;
}

static void
take(Pool *pool, Sequence *sequence, guint32 blocks)
{
  PrefixCache *cache = pool->contents;

  for (; blocks > 0; blocks--)
    block_ids_add(pool, sequence, named_blocks_take(&cache->blocks));
  pool->free_blocks = cache->blocks.free_blocks;
  pool->evicted |= cache->blocks.evicted;
}

static void
commit(Pool *pool, Sequence *sequence, guint32 tokens)
{
  PrefixCache *cache = pool->contents;
  guint32 full = MIN(tokens / pool->block_size, sequence->blocks);

  for (guint32 i = sequence->registered_blocks; i < full; i++)
    named_blocks_register(&cache->blocks, sequence->block_ids[i], key_of(pool, sequence, i));
  sequence->registered_blocks = MAX(sequence->registered_blocks, full);
}

static void
release(Pool *pool, Sequence *sequence, Release why G_GNUC_UNUSED)
{
  PrefixCache *cache = pool->contents;
  guint32 last_first = 0;

  for (guint32 i = sequence->blocks; i-- > 0;)
    named_blocks_give(&cache->blocks, sequence->block_ids[i], cache->two_ended, &last_first);
  sequence->blocks = sequence->registered_blocks = 0;
  pool->free_blocks = cache->blocks.free_blocks;
}

static const ContentsClass contents_named = {
    .keeps_content = TRUE,
    .names_blocks = TRUE,
    .free = free_cache,
    .find = find,
    .share = share,
    .take = take,
    .commit = commit,
    .release = release,
};

void
contents_use_named(Pool *pool, const Workload *workload, guint32 num_blocks, gboolean two_ended)
{
  PrefixCache *cache = g_new0(PrefixCache, 1);

  named_blocks_init(&cache->blocks, num_blocks);
  cache->workload = workload;
  cache->two_ended = two_ended;
  pool->class = &contents_named;
  pool->contents = cache;
}
