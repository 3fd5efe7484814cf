/* The KV pool: how many blocks are free on the GPU and on the host, and who holds how many.
 *
 * Blocks are counted, not named, except with prefix caching where requests share prefixes or the
 * executor holds real blocks (prefix_cache.h); where neither is so, the cache's queue is counted
 * too (free_runs.h). Groups that give blocks back (kv_groups.h) share the pool: what a sequence
 * holds then follows from its tokens and is counted over all of them, or they have names, too
 * (group_cache.h). Invariant: free + held (+
 * leaked) == total on each side, which tests/unit/invariants.c holds over random scenarios.
 */
#pragma once

#include "free_runs.h"
#include "group_cache.h"
#include "prefix_cache.h"

typedef struct {
  guint32 block_size;   /* tokens */
  guint32 total_blocks; /* usable ones */
  guint32 free_blocks;
  guint32 host_total_blocks;
  guint32 host_free_blocks;
  guint32 host_owed_blocks;   /* that wait for room there, and hold none (scheduler/disk.c) */
  guint32 host_writing_blocks; /* held, and free when their copies to the disk have ended */
  guint32 disk_total_blocks;
  guint32 disk_free_blocks;
  guint32 leaving_blocks;     /* not free yet: they are being copied to the host */
  guint32 host_leaked_blocks; /* held by requests that the engine dropped without freeing them */
  PrefixCache *cache;         /* named blocks, or NULL */
  FreeRuns *runs;             /* counted ones, or NULL; without prefix caching both are */
  const KvGroups *groups;     /* NULL: one, of all blocks of block_size tokens */
  GroupCache *group_cache;    /* of the groups' named blocks, or NULL; then both above are */
} Pool;

/* What is in the pool of a sequence that waits to be admitted. */
typedef struct {
  guint32 tokens; /* that it need not compute; what it kept is among them */
  guint32 blocks; /* leading ones that were found; 0 with groups */
  guint32 idle;   /* of these, those that are free */
} PoolPrefix;

void pool_init(Pool *pool, guint32 block_size, guint32 usable_blocks, guint32 host_blocks);
/* A fresh pool keeps the content of freed blocks. named: the executor wants their names; they have
 * some in any case where the workload has prefix hashes. num_blocks: the count of ids, the engine's
 * own among them. two_ended: see free_runs_new(). */
void pool_cache(Pool *pool, const Workload *workload, guint32 num_blocks, gboolean named,
                gboolean two_ended);
/* The same for a pool of groups, of a workload with prefix hashes. */
void pool_cache_groups(Pool *pool, const Workload *workload, const GroupCacheConfig *config);
void pool_clear(Pool *pool);

static inline guint32
pool_blocks_for(const Pool *pool, guint64 tokens)
{
  return (guint32)((tokens + pool->block_size - 1) / pool->block_size);
}

/* The same of a sequence that a step takes from `computed` tokens, of which `settled` are in no
 * step in flight, to `tokens`. */
static inline guint32
pool_step_blocks(const Pool *pool, guint64 settled, guint64 computed, guint64 tokens)
{
  return pool->groups == NULL
             ? pool_blocks_for(pool, tokens)
             : (guint32)kv_groups_step_blocks(pool->groups, settled, computed, tokens);
}

/* The most that it holds on the way there from nothing, in steps of at most step_tokens, more than
 * one of which may be in flight. */
static inline guint32
pool_most_blocks(const Pool *pool, guint64 tokens, guint32 step_tokens)
{
  return pool->groups == NULL ? pool_blocks_for(pool, tokens)
                              : (guint32)kv_groups_most_blocks(pool->groups, tokens, step_tokens);
}

/* TRUE if the sequence's blocks hold so many tokens already: what most steps find, without a
 * division. With groups what it holds is not that simple, and never known to suffice. */
static inline gboolean
pool_holds(const Pool *pool, const Sequence *sequence, guint64 tokens)
{
  return pool->groups == NULL && tokens <= (guint64)sequence->blocks * pool->block_size;
}

/* Takes `blocks` that are free and have no names, for whoever counts them himself. */
static inline void
pool_take(Pool *pool, guint32 blocks)
{
  pool->free_blocks -= blocks;
  if (pool->runs != NULL)
    free_runs_take(pool->runs, blocks);
}

/* Grows what the sequence holds to `blocks`; fewer is no change. FALSE, and nothing done, if the
 * free ones do not suffice. */
gboolean pool_grow(Pool *pool, Sequence *sequence, guint32 blocks);

/* Blocks that the sequence, which has `computed` tokens, lacks to be taken to `tokens` in a step;
 * negative where it gives back more than it takes. With groups it gives back first what a step
 * behind `settled` tokens does not need: those that no step in flight computes. */
gint64 pool_lacks(const Pool *pool, const Sequence *sequence, guint32 settled, guint64 tokens);
/* It gives back and takes them. FALSE, and nothing taken, if the free ones do not suffice. */
gboolean pool_extend(Pool *pool, Sequence *sequence, guint32 settled, guint64 tokens);
/* With groups: the sequence gives back the blocks that it cannot see any more. */
void pool_give_back_groups(Pool *pool, Sequence *sequence, guint32 settled);

static inline void
pool_give_back(Pool *pool, Sequence *sequence, guint32 settled)
{
  if (pool->groups != NULL)
    pool_give_back_groups(pool, sequence, settled);
}

/* What is there of a sequence that has no blocks but those that it kept, so that a token is left to
 * compute. */
PoolPrefix pool_find_prefix(const Pool *pool, Sequence *sequence);
/* Blocks that must be free for it to begin there and be taken to `tokens` in one step. */
guint32 pool_admission_blocks(const Pool *pool, Sequence *sequence, const PoolPrefix *prefix,
                              guint64 tokens);
/* Blocks that must be free for it to get there in steps, with in_flight_tokens under way at once;
 * 0: as if groups gave nothing back. */
guint32 pool_whole_blocks(const Pool *pool, Sequence *sequence, const PoolPrefix *prefix,
                          guint64 tokens, guint32 in_flight_tokens);
/* It takes what was found. */
void pool_share_prefix(Pool *pool, Sequence *sequence, const PoolPrefix *prefix);

/* Leading blocks of the sequence, which holds none, whose content is still there, at most `most`,
 * and so that a token is left to compute. *n_idle is how many of them are free. */
guint32 pool_hits(const Pool *pool, Sequence *sequence, guint32 most, guint32 *n_idle);
/* A sequence without blocks takes its first `blocks` ones, which are hits. */
void pool_share(Pool *pool, Sequence *sequence, guint32 blocks);
/* The sequence gives all its GPU blocks back. comes_back: it was preempted. */
void pool_release(Pool *pool, Sequence *sequence, gboolean comes_back);
/* It ended, or will not be asked again. */
void pool_forget(Pool *pool, Sequence *sequence);
/* It was preempted and gives back all but its first `blocks` GPU blocks; with prefix caching all.
 */
void pool_shrink(Pool *pool, Sequence *sequence, guint32 blocks);
/* It shrinks to its first `blocks` GPU blocks, and `copied` blocks of it are on the host, which
 * must have room unless the sequence's copies are free. */
void pool_swap_out(Pool *pool, Sequence *sequence, guint32 blocks, guint32 copied);
/* It gives back all but its first `blocks` GPU blocks, of which `copied` are still read: they are
 * free, with prefix caching all that it holds are, once pool_end_swap_out() is told. */
void pool_begin_swap_out(Pool *pool, Sequence *sequence, guint32 blocks, guint32 copied);
void pool_end_swap_out(Pool *pool, Sequence *sequence);
/* Blocks of the host, which must be free, become its own. */
void pool_take_host(Pool *pool, Sequence *sequence, guint32 blocks);
/* Its host blocks are given up: what it needs on the GPU it took before. */
void pool_release_host(Pool *pool, Sequence *sequence);
/* `tokens` of the sequence are known and are, or will be in this step, in its blocks: with prefix
 * caching those that are full of them count as cached. */
void pool_register(Pool *pool, Sequence *sequence, guint32 tokens);
/* TRUE if content that somebody might have found again was ever lost. */
gboolean pool_evicted(const Pool *pool);
