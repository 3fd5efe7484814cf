#include "pool.h"

void
pool_init(Pool *pool, guint32 block_size, guint32 usable_blocks, guint32 host_blocks,
          const KvGroups *groups)
{
  *pool = (Pool){
      .block_size = block_size,
      .total_blocks = usable_blocks,
      .free_blocks = usable_blocks,
      .host_total_blocks = host_blocks,
      .host_free_blocks = host_blocks,
      .groups = groups,
      .class = groups != NULL ? &contents_counted_groups : &contents_counted,
  };
}

void
pool_clear(Pool *pool)
{
  if (pool->class->free != NULL)
    pool->class->free(pool);
  pool->contents = NULL;
}

gboolean
pool_grow(Pool *pool, Sequence *sequence, guint32 blocks)
{
  guint32 more = blocks > sequence->blocks ? blocks - sequence->blocks : 0;

  if (more > pool->free_blocks)
    return FALSE;
  pool->class->take(pool, sequence, more);
  return TRUE;
}

gint64
pool_lacks(const Pool *pool, const Sequence *sequence, guint32 settled, guint64 tokens)
{
  gint64 lacks;

  if (pool->class->lacks != NULL)
    return pool->class->lacks(pool, sequence, settled, tokens);
  lacks =
      (gint64)pool_step_blocks(pool, settled, sequence->computed_tokens, tokens) - sequence->blocks;
  return pool->groups != NULL ? lacks : MAX(lacks, 0);
}

gboolean
pool_extend(Pool *pool, Sequence *sequence, guint32 settled, guint64 tokens)
{
  pool_give_back(pool, sequence, settled);
  if (pool->class->take_to == NULL)
    return pool_grow(pool, sequence,
                     pool_step_blocks(pool, settled, sequence->computed_tokens, tokens));
  if (pool->class->lacks(pool, sequence, settled, tokens) > pool->free_blocks)
    return FALSE;
  pool_take_to(pool, sequence, (guint32)tokens);
  return TRUE;
}

PoolPrefix
pool_find(Pool *pool, Sequence *sequence, guint32 most_tokens)
{
  if (pool->class->find != NULL)
    return pool->class->find(pool, sequence, most_tokens);
  return (PoolPrefix){.tokens = sequence->blocks * pool->block_size};
}

PoolPrefix
pool_find_returning(Pool *pool, Sequence *sequence, guint32 most_blocks)
{
  guint64 most_tokens = (guint64)most_blocks * pool->block_size;

  if (pool->groups != NULL)
    return (PoolPrefix){0};
  return pool_find(pool, sequence, (guint32)MIN(sequence_length(sequence) - 1, most_tokens));
}

void
pool_let_go(Pool *pool, const PoolPrefix *prefix)
{
  if (pool->class->let_go != NULL && prefix->found)
    pool->class->let_go(pool, prefix);
}

void
pool_share(Pool *pool, Sequence *sequence, const PoolPrefix *prefix)
{
  if (prefix->found)
    pool->class->share(pool, sequence, prefix);
}

guint32
pool_admission_blocks(Pool *pool, Sequence *sequence, const PoolPrefix *prefix, guint64 tokens,
                      guint32 in_flight_tokens)
{
  guint32 blocks;

  if (pool->class->admission_blocks != NULL)
    return pool->class->admission_blocks(pool, sequence, prefix, tokens, in_flight_tokens);
  blocks = in_flight_tokens > 0 ? pool_most_blocks(pool, tokens, in_flight_tokens)
                                : pool_step_blocks(pool, prefix->tokens, prefix->tokens, tokens);
  return blocks - sequence->blocks - prefix->blocks + prefix->idle;
}

guint32
pool_return_blocks(const Pool *pool, const Sequence *sequence, const PoolPrefix *prefix,
                   guint32 blocks, guint32 tokens)
{
  if (pool->class->lacks != NULL)
    return (guint32)pool->class->lacks(pool, sequence, sequence->computed_tokens, tokens);
  return blocks - sequence->blocks - prefix->blocks + prefix->idle;
}

void
pool_bring_back(Pool *pool, Sequence *sequence, const PoolPrefix *prefix, guint32 blocks,
                guint32 tokens)
{
  pool_share(pool, sequence, prefix);
  if (pool->class->take_to != NULL)
    pool_take_to(pool, sequence, tokens);
  else if (!pool_grow(pool, sequence, blocks))
    g_assert_not_reached();
}

void
pool_give_last(Pool *pool, Sequence *sequence, guint32 blocks)
{
  if (blocks > 0)
    pool->class->give_last(pool, sequence, blocks);
}

void
pool_release(Pool *pool, Sequence *sequence, Release why)
{
  pool->class->release(pool, sequence, why);
}

void
pool_forget(Pool *pool, Sequence *sequence)
{
  if (pool->class->forget != NULL)
    pool->class->forget(sequence);
}

void
pool_shrink(Pool *pool, Sequence *sequence, guint32 blocks)
{
  g_assert(blocks <= sequence->blocks && (blocks == 0 || !pool->class->keeps_content));
  if (blocks == 0) {
    pool_release(pool, sequence, RELEASE_PREEMPTED);
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
pool_begin_swap_out(Pool *pool, Sequence *sequence, guint32 blocks, guint32 copied)
{
  sequence->leaving_blocks = pool->class->keeps_content ? sequence->blocks : copied;
  pool->leaving_blocks += sequence->leaving_blocks;
  if (pool->class->keeps_content)
    return;
  pool->free_blocks += sequence->blocks - blocks - copied;
  sequence->blocks = blocks;
}

void
pool_end_swap_out(Pool *pool, Sequence *sequence)
{
  pool->leaving_blocks -= sequence->leaving_blocks;
  if (pool->class->keeps_content)
    pool_release(pool, sequence, RELEASE_PREEMPTED);
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
pool_publish(Pool *pool, Sequence *sequence)
{
  if (pool->class->publish != NULL)
    pool->class->publish(pool, sequence);
}

void
pool_evict(Pool *pool, guint32 blocks)
{
  if (pool->class->evict != NULL && pool->free_blocks < blocks)
    pool->class->evict(pool, blocks - pool->free_blocks);
}

void
pool_touch(Pool *pool, guint32 request, guint32 tokens)
{
  if (pool->class->touch != NULL)
    pool->class->touch(pool, request, tokens);
}
