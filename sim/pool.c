#include "pool.h"

void
pool_init(Pool *pool, guint32 block_size, guint32 usable_blocks, guint32 host_blocks)
{
  *pool = (Pool){
      .block_size = block_size,
      .total_blocks = usable_blocks,
      .free_blocks = usable_blocks,
      .host_total_blocks = host_blocks,
      .host_free_blocks = host_blocks,
  };
}

void
pool_cache(Pool *pool, const Workload *workload, guint32 num_blocks, gboolean named,
           gboolean two_ended)
{
  if (named || workload->hashes->len > 0)
    pool->cache = prefix_cache_new(workload, num_blocks, pool->block_size, two_ended);
  else
    pool->runs = free_runs_new(pool->total_blocks, two_ended);
}

void
pool_cache_groups(Pool *pool, const Workload *workload, const GroupCacheConfig *config)
{
  pool->group_cache = group_cache_new(workload, config);
}

void
pool_clear(Pool *pool)
{
  g_clear_pointer(&pool->group_cache, group_cache_free);
  g_clear_pointer(&pool->cache, prefix_cache_free);
  g_clear_pointer(&pool->runs, free_runs_free);
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
    pool_take(pool, more);
    sequence->blocks += more;
  }
  return TRUE;
}

void
pool_give_back_groups(Pool *pool, Sequence *sequence, guint32 settled)
{
  guint32 needed;

  if (pool->group_cache != NULL) {
    group_cache_give_back(pool->group_cache, sequence, settled);
    pool->free_blocks = group_cache_free_blocks(pool->group_cache);
    return;
  }
  needed = (guint32)kv_groups_step_blocks(pool->groups, settled, sequence->computed_tokens,
                                          sequence->computed_tokens);
  if (needed >= sequence->blocks)
    return;
  pool->free_blocks += sequence->blocks - needed;
  sequence->blocks = needed;
}

gint64
pool_lacks(const Pool *pool, const Sequence *sequence, guint32 settled, guint64 tokens)
{
  gint64 lacks;

  if (pool->group_cache != NULL)
    return group_cache_lacks(pool->group_cache, sequence, sequence->computed_tokens,
                             (guint32)tokens) -
           (gint64)group_cache_gone_blocks(pool->group_cache, sequence, settled);
  lacks =
      (gint64)pool_step_blocks(pool, settled, sequence->computed_tokens, tokens) - sequence->blocks;
  return pool->groups != NULL ? lacks : MAX(lacks, 0);
}

gboolean
pool_extend(Pool *pool, Sequence *sequence, guint32 settled, guint64 tokens)
{
  guint32 lacks;

  pool_give_back(pool, sequence, settled);
  if (pool->group_cache == NULL)
    return pool_grow(pool, sequence,
                     pool_step_blocks(pool, settled, sequence->computed_tokens, tokens));
  lacks =
      group_cache_lacks(pool->group_cache, sequence, sequence->computed_tokens, (guint32)tokens);
  if (lacks > pool->free_blocks)
    return FALSE;
  group_cache_take(pool->group_cache, sequence, sequence->computed_tokens, (guint32)tokens);
  pool->free_blocks = group_cache_free_blocks(pool->group_cache);
  return TRUE;
}

PoolPrefix
pool_find_prefix(const Pool *pool, Sequence *sequence)
{
  PoolPrefix prefix = {0};

  if (pool->group_cache != NULL) {
    prefix.tokens = group_cache_hits(pool->group_cache, sequence);
    return prefix;
  }
  prefix.blocks = pool_hits(pool, sequence, G_MAXUINT32, &prefix.idle);
  prefix.tokens = (sequence->blocks + prefix.blocks) * pool->block_size;
  return prefix;
}

guint32
pool_admission_blocks(const Pool *pool, Sequence *sequence, const PoolPrefix *prefix,
                      guint64 tokens)
{
  if (pool->group_cache != NULL)
    return group_cache_admission_blocks(pool->group_cache, sequence, prefix->tokens,
                                        (guint32)tokens, 0);
  return pool_step_blocks(pool, prefix->tokens, prefix->tokens, tokens) - sequence->blocks -
         prefix->blocks + prefix->idle;
}

guint32
pool_whole_blocks(const Pool *pool, Sequence *sequence, const PoolPrefix *prefix, guint64 tokens,
                  guint32 in_flight_tokens)
{
  if (pool->group_cache != NULL)
    return group_cache_admission_blocks(pool->group_cache, sequence, prefix->tokens,
                                        (guint32)tokens, in_flight_tokens);
  if (pool->groups != NULL && in_flight_tokens == 0)
    return pool_step_blocks(pool, prefix->tokens, prefix->tokens, tokens);
  return pool_most_blocks(pool, tokens, in_flight_tokens) - sequence->blocks - prefix->blocks +
         prefix->idle;
}

void
pool_share_prefix(Pool *pool, Sequence *sequence, const PoolPrefix *prefix)
{
  if (pool->group_cache != NULL) {
    group_cache_share(pool->group_cache, sequence, prefix->tokens);
    pool->free_blocks = group_cache_free_blocks(pool->group_cache);
  } else if (prefix->blocks > 0) {
    pool_share(pool, sequence, prefix->blocks);
  }
}

guint32
pool_hits(const Pool *pool, Sequence *sequence, guint32 most, guint32 *n_idle)
{
  *n_idle = 0;
  if (pool->group_cache != NULL)
    return 0;
  if (pool->cache != NULL)
    return prefix_cache_hits(pool->cache, sequence, most, n_idle);
  /* It had not computed its newest token when it left, so one is left to compute; and on the host
   * are as many blocks as it had. */
  *n_idle = free_runs_left(sequence);
  g_assert(*n_idle <= most && (guint64)*n_idle * pool->block_size < sequence_length(sequence));
  return *n_idle;
}

void
pool_share(Pool *pool, Sequence *sequence, guint32 blocks)
{
  if (pool->cache != NULL) {
    prefix_cache_share(pool->cache, sequence, blocks);
    pool->free_blocks = prefix_cache_free_blocks(pool->cache);
    return;
  }
  g_assert(blocks == free_runs_left(sequence));
  free_runs_claim(pool->runs, sequence);
  pool->free_blocks -= blocks;
  sequence->blocks = sequence->registered_blocks = blocks;
}

void
pool_release(Pool *pool, Sequence *sequence, gboolean comes_back)
{
  if (pool->group_cache != NULL) {
    group_cache_release(pool->group_cache, sequence);
    pool->free_blocks = group_cache_free_blocks(pool->group_cache);
    return;
  }
  if (pool->cache != NULL) {
    prefix_cache_release(pool->cache, sequence);
    pool->free_blocks = prefix_cache_free_blocks(pool->cache);
    return;
  }
  if (pool->runs != NULL && sequence->blocks > 0)
    free_runs_give(pool->runs, sequence, comes_back);
  pool->free_blocks += sequence->blocks;
  sequence->blocks = sequence->registered_blocks = 0;
}

void
pool_forget(Pool *pool, Sequence *sequence)
{
  if (pool->runs != NULL)
    free_runs_forget(sequence);
  group_cache_forget(sequence);
}

void
pool_shrink(Pool *pool, Sequence *sequence, guint32 blocks)
{
  g_assert(blocks <= sequence->blocks &&
           (blocks == 0 || (pool->cache == NULL && pool->runs == NULL)));
  if (blocks == 0) {
    pool_release(pool, sequence, TRUE);
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

static gboolean
keeps_content(const Pool *pool)
{
  return pool->cache != NULL || pool->runs != NULL || pool->group_cache != NULL;
}

void
pool_begin_swap_out(Pool *pool, Sequence *sequence, guint32 blocks, guint32 copied)
{
  sequence->leaving_blocks = keeps_content(pool) ? sequence->blocks : copied;
  pool->leaving_blocks += sequence->leaving_blocks;
  if (keeps_content(pool))
    return;
  pool->free_blocks += sequence->blocks - blocks - copied;
  sequence->blocks = blocks;
}

void
pool_end_swap_out(Pool *pool, Sequence *sequence)
{
  pool->leaving_blocks -= sequence->leaving_blocks;
  if (keeps_content(pool))
    pool_release(pool, sequence, TRUE);
  else
    pool->free_blocks += sequence->leaving_blocks;
  sequence->leaving_blocks = 0;
}

void
pool_take_host(Pool *pool, Sequence *sequence, guint32 blocks)
{
  g_assert(blocks <= pool->host_free_blocks);
  pool->host_free_blocks -= blocks;
  sequence->host_blocks += blocks;
}

void
pool_release_host(Pool *pool, Sequence *sequence)
{
  if (!sequence->copies_are_free)
    pool->host_free_blocks += sequence->host_blocks - sequence->owed_blocks;
  pool->host_owed_blocks -= sequence->owed_blocks;
  pool->disk_free_blocks += sequence->disk_blocks;
  sequence->host_blocks = sequence->owed_blocks = sequence->disk_blocks = 0;
  sequence->copies_are_free = FALSE;
}

void
pool_register(Pool *pool, Sequence *sequence, guint32 tokens)
{
  guint32 full;

  if (pool->group_cache != NULL) {
    group_cache_register(pool->group_cache, sequence, tokens);
  } else if (pool->cache != NULL) {
    prefix_cache_register(pool->cache, sequence, tokens);
  } else if (pool->runs != NULL) {
    full = MIN(tokens / pool->block_size, sequence->blocks);
    sequence->registered_blocks = MAX(sequence->registered_blocks, full);
  }
}

gboolean
pool_evicted(const Pool *pool)
{
  return (pool->group_cache != NULL && group_cache_evicted(pool->group_cache)) ||
         (pool->cache != NULL && prefix_cache_evicted(pool->cache)) ||
         (pool->runs != NULL && free_runs_evicted(pool->runs));
}
