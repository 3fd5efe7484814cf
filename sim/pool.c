#include "pool.h"

void
pool_init(Pool *pool, const Workload *workload, guint32 block_size, guint32 num_blocks,
          guint32 usable_blocks, guint32 host_blocks, gboolean prefix_caching)
{
  *pool = (Pool){
      .block_size = block_size,
      .total_blocks = usable_blocks,
      .free_blocks = usable_blocks,
      .host_total_blocks = host_blocks,
      .host_free_blocks = host_blocks,
  };
  if (prefix_caching)
    pool->cache = prefix_cache_new(workload, num_blocks, block_size);
}

void
pool_clear(Pool *pool)
{
  g_clear_pointer(&pool->cache, prefix_cache_free);
}

gboolean
pool_grow(Pool *pool, Sequence *sequence, guint32 blocks)
{
  guint32 more = blocks > sequence->blocks ? blocks - sequence->blocks : 0;

  if (more > pool->free_blocks)
    return FALSE;
  if (pool->cache != NULL) {
    prefix_cache_take(pool->cache, sequence, more);
    pool->free_blocks = prefix_cache_free_blocks(pool->cache);
  } else {
    pool->free_blocks -= more;
    sequence->blocks += more;
  }
  return TRUE;
}

void
pool_share(Pool *pool, Sequence *sequence, guint32 blocks)
{
  prefix_cache_share(pool->cache, sequence, blocks);
  pool->free_blocks = prefix_cache_free_blocks(pool->cache);
}

void
pool_release(Pool *pool, Sequence *sequence)
{
  if (pool->cache != NULL) {
    prefix_cache_release(pool->cache, sequence);
    pool->free_blocks = prefix_cache_free_blocks(pool->cache);
  } else {
    pool->free_blocks += sequence->blocks;
    sequence->blocks = 0;
  }
}

void
pool_shrink(Pool *pool, Sequence *sequence, guint32 blocks)
{
  g_assert(blocks <= sequence->blocks && (blocks == 0 || pool->cache == NULL));
  if (blocks == 0) {
    pool_release(pool, sequence);
    return;
  }
  pool->free_blocks += sequence->blocks - blocks;
  sequence->blocks = blocks;
}

void
pool_swap_out(Pool *pool, Sequence *sequence, guint32 blocks, guint32 copied)
{
  g_assert(sequence->host_blocks == 0);
  sequence->host_blocks = copied;
  if (!sequence->copies_are_free) {
    g_assert(copied <= pool->host_free_blocks);
    pool->host_free_blocks -= copied;
  }
  pool_shrink(pool, sequence, blocks);
}

void
pool_release_host(Pool *pool, Sequence *sequence)
{
  if (!sequence->copies_are_free)
    pool->host_free_blocks += sequence->host_blocks;
  sequence->host_blocks = 0;
  sequence->copies_are_free = FALSE;
}

void
pool_register(Pool *pool, Sequence *sequence, guint32 tokens)
{
  if (pool->cache != NULL)
    prefix_cache_register(pool->cache, sequence, tokens);
}
