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

/* Tokens that stay in a window's blocks: those of the window; for the prefix cache a window in
 * whole blocks, so that one that ends with a whole block has all of it. */
static guint32
pool_window_kept(const Pool *pool)
{
  guint32 tokens = pool->window.config.tokens;

  return pool->class->keeps_content ? pool_blocks_for(pool, tokens) * pool->block_size : tokens;
}

void
pool_pass_window(Pool *pool, Sequence *sequence, gint64 tokens, guint32 interval)
{
  gint64 window = pool->window.config.tokens, page = pool->block_size;
  gint64 gone = (gint64)sequence->window_gone * page, passed;

  if (tokens - window < gone + interval)
    return;
  gone = MAX(gone, (gint64)sequence->radix_blocks * page);
  passed = tokens - pool_window_kept(pool);
  passed = MAX(gone, passed) / page * page;
  pool->window.free_blocks += (guint32)((passed - gone) / page);
  sequence->window_gone = (guint32)(passed / page);
}

guint64
pool_next_pass(const Pool *pool, const Sequence *sequence)
{
  const WindowPoolConfig *window = &pool->window.config;
  guint64 gone = (guint64)sequence->window_gone * pool->block_size;
  guint64 due = gone + window->tokens + window->interval;

  /* Blocks of the prefix cache are noted as gone; after that only a whole block is. */
  if (sequence->window_gone < sequence->radix_blocks)
    return due;
  return MAX(due, gone + pool->block_size + pool_window_kept(pool));
}

void
pool_begin_window(const Pool *pool, Sequence *sequence, guint32 tokens)
{
  if (window_pool_is_used(&pool->window))
    sequence->window_gone = (tokens - MIN(tokens, pool->window.config.tokens)) / pool->block_size;
}

/* Blocks of the window pool that the sequence takes with so many more. */
static guint32
window_more(const Sequence *sequence, guint32 more)
{
  guint32 gone = MAX(sequence->window_gone, sequence->radix_blocks);
  guint32 blocks = sequence->blocks + more;

  return blocks - MIN(blocks, gone) - pool_window_blocks(sequence);
}

gboolean
pool_grow(Pool *pool, Sequence *sequence, guint32 blocks)
{
  guint32 more = blocks > sequence->blocks ? blocks - sequence->blocks : 0;

  if (more > pool->free_blocks || (window_pool_is_used(&pool->window) &&
                                   window_more(sequence, more) > pool->window.free_blocks))
    return FALSE;
  pool->class->take(pool, sequence, more);
  return TRUE;
}

/* Blocks that the sequence holds in a step that takes it to `tokens`. */
static guint32
step_blocks(const Pool *pool, const Sequence *sequence, guint32 settled, guint64 tokens)
{
  guint32 blocks = pool_step_blocks(pool, settled, sequence->computed_tokens, tokens);

  if (pool->groups != NULL)
    blocks += (guint32)kv_groups_inner_blocks(pool->groups, settled, sequence->computed_tokens,
                                              tokens, sequence_prefill_end(sequence));
  return blocks;
}

gint64
pool_lacks(const Pool *pool, const Sequence *sequence, guint32 settled, guint64 tokens)
{
  gint64 lacks;

  if (pool->class->lacks != NULL)
    return pool->class->lacks(pool, sequence, settled, tokens);
  lacks = (gint64)step_blocks(pool, sequence, settled, tokens) - sequence->blocks;
  return pool->groups != NULL ? lacks : MAX(lacks, 0);
}

gboolean
pool_extend(Pool *pool, Sequence *sequence, guint32 settled, guint64 tokens)
{
  pool_give_back(pool, sequence, settled);
  if (pool->class->take_to == NULL)
    return pool_grow(pool, sequence, step_blocks(pool, sequence, settled, tokens));
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
  blocks = in_flight_tokens > 0 && pool->groups != NULL
               ? (guint32)kv_groups_admission_blocks(pool->groups, tokens, in_flight_tokens)
               : pool_step_blocks(pool, prefix->tokens, prefix->tokens, tokens);
  if (pool->groups != NULL)
    blocks += (guint32)kv_groups_inner_blocks(pool->groups, prefix->tokens, prefix->tokens, tokens,
                                              sequence_prefill_end(sequence));
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
  sequence->window_gone = sequence->prefill_steps = 0;
  sequence->has_decoded = FALSE;
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
pool_evict_both(Pool *pool, guint32 blocks, guint32 window_blocks)
{
  if (pool->class->evict != NULL &&
      (pool->free_blocks < blocks || pool->window.free_blocks < window_blocks))
    pool->class->evict(pool, blocks, window_blocks);
}

void
pool_evict(Pool *pool, guint32 blocks)
{
  pool_evict_both(pool, blocks, window_pool_is_used(&pool->window) ? blocks : 0);
}

void
pool_touch(Pool *pool, guint32 request, guint32 tokens)
{
  if (pool->class->touch != NULL)
    pool->class->touch(pool, request, tokens);
}
