/* The KV pool: how many blocks are free on the GPU and on the host, and who holds how many.
 *
 * Blocks are counted, not named, except with prefix caching, where reuse depends on which block it
 * is (prefix_cache.h). Invariant: free + held (+ leaked) == total on each side, which
 * tests/unit/invariants.c holds over random scenarios.
 */
#pragma once

#include "prefix_cache.h"

typedef struct {
  guint32 block_size;   /* tokens */
  guint32 total_blocks; /* usable ones */
  guint32 free_blocks;
  guint32 host_total_blocks;
  guint32 host_free_blocks;
  guint32 host_leaked_blocks; /* held by requests that the engine dropped without freeing them */
  PrefixCache *cache;         /* NULL without prefix caching */
} Pool;

/* `usable_blocks` may be less than num_blocks, the count of ids (v1 keeps one for itself). */
void pool_init(Pool *pool, const Workload *workload, guint32 block_size, guint32 num_blocks,
               guint32 usable_blocks, guint32 host_blocks, gboolean prefix_caching);
void pool_clear(Pool *pool);

static inline guint32
pool_blocks_for(const Pool *pool, guint64 tokens)
{
  return (guint32)((tokens + pool->block_size - 1) / pool->block_size);
}

/* TRUE if the sequence's blocks hold so many tokens already: what most steps find, without a
 * division. */
static inline gboolean
pool_holds(const Pool *pool, const Sequence *sequence, guint64 tokens)
{
  return tokens <= (guint64)sequence->blocks * pool->block_size;
}

/* Grows what the sequence holds to `blocks`; fewer is no change. FALSE, and nothing done, if the
 * free ones do not suffice. */
gboolean pool_grow(Pool *pool, Sequence *sequence, guint32 blocks);
/* With prefix caching: a sequence without blocks takes its first `blocks` ones, which are hits. */
void pool_share(Pool *pool, Sequence *sequence, guint32 blocks);
/* The sequence gives all its GPU blocks back. */
void pool_release(Pool *pool, Sequence *sequence);
/* Its GPU blocks move to the host, which must have room. */
void pool_swap_out(Pool *pool, Sequence *sequence);
/* Its host blocks are given up: what it needs on the GPU it took before. */
void pool_release_host(Pool *pool, Sequence *sequence);
/* With prefix caching: `tokens` of the sequence are, or will be in this step, in its blocks. */
void pool_register(Pool *pool, Sequence *sequence, guint32 tokens);
