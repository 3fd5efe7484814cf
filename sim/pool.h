/* The KV pool: how many blocks are free on the GPU, on the host and on the disk, and how many each
 * sequence holds.
 *
 * The pool's contents (contents.h) know which block is whose and which KV can be found again. Where
 * groups of layers that give blocks back (kv_groups.h) share the pool, the blocks of a sequence
 * follow from its tokens. Invariant: free + held (+ leaked) == total on each side, a block that
 * several sequences hold counted once; tests/unit/sim/invariants.c checks it over random scenarios.
 */
#pragma once

#include "contents.h"
#include "window_pool.h"

struct Pool {
  guint32 block_size;   /* tokens */
  guint32 total_blocks; /* usable ones */
  guint32 free_blocks;
  guint32 evictable_blocks; /* that nobody holds, and that pool_evict() can free */
  guint32 shared_blocks;    /* of contents/reuse.c: holders of blocks beyond the first of each */
  guint32 host_total_blocks;
  guint32 host_free_blocks;
  guint32 host_owed_blocks;    /* that wait for room there and hold none (scheduler/disk.c) */
  guint32 host_writing_blocks; /* held, and free once their copies to the disk have ended */
  guint32 disk_total_blocks;
  guint32 disk_free_blocks;
  guint32 leaving_blocks;     /* not free: they are being copied to the host */
  guint32 host_leaked_blocks; /* held by requests that the engine dropped without freeing them */
  const KvGroups *groups;     /* borrowed; NULL: one group, with blocks of block_size tokens */
  WindowPool window;          /* SGLang's, of the layers that see a window; blocks as long */
  const ContentsClass *class; /* what is in the blocks, */
  gpointer contents;          /* in the class's own form */
  gboolean evicted;           /* content was lost that might have been found again */
  guint64 decisions;          /* that the scheduler has begun */
  GArray *given;    /* of guint32, borrowed: gets the id of each block that is taken; may be NULL */
  guint given_room; /* for array.h */
};

/* groups: borrowed; NULL: there is one. */
void pool_init(Pool *pool, guint32 block_size, guint32 usable_blocks, guint32 host_blocks,
               const KvGroups *groups);
void pool_clear(Pool *pool);

/* Blocks of `tokens` tokens in a pool of one group. */
static inline guint32
pool_blocks_for(const Pool *pool, guint64 tokens)
{
  return (guint32)((tokens + pool->block_size - 1) / pool->block_size);
}

/* Blocks that a sequence holds in a step that takes it from `computed` tokens, of which `settled`
 * are in no step in flight, to `tokens`. */
static inline guint32
pool_step_blocks(const Pool *pool, guint64 settled, guint64 computed, guint64 tokens)
{
  return pool->groups == NULL
             ? pool_blocks_for(pool, tokens)
             : (guint32)kv_groups_step_blocks(pool->groups, settled, computed, tokens);
}

/* The most blocks that a sequence holds on its way from nothing to `tokens`, with at most
 * step_tokens of them in steps that are in flight at once. */
static inline guint32
pool_most_blocks(const Pool *pool, guint64 tokens, guint32 step_tokens)
{
  return pool->groups == NULL ? pool_blocks_for(pool, tokens)
                              : (guint32)kv_groups_most_blocks(pool->groups, tokens, step_tokens);
}

/* TRUE if the sequence's blocks are known to hold so many tokens: what most steps find, without a
 * division. Never with groups. */
static inline gboolean
pool_holds(const Pool *pool, const Sequence *sequence, guint64 tokens)
{
  return pool->groups == NULL && tokens <= (guint64)sequence->blocks * pool->block_size;
}

/* Blocks that can be taken: where there is a window pool, of each as many. */
static inline guint32
pool_takeable_blocks(const Pool *pool)
{
  return window_pool_is_used(&pool->window) ? MIN(pool->free_blocks, pool->window.free_blocks)
                                            : pool->free_blocks;
}

/* Blocks of the window pool that the sequence itself holds: neither gone nor the prefix cache's. */
static inline guint32
pool_window_blocks(const Sequence *sequence)
{
  return sequence->blocks -
         MIN(sequence->blocks, MAX(sequence->window_gone, sequence->radix_blocks));
}

/* Takes free blocks without ids, for a caller that counts them itself. */
static inline void
pool_take(Pool *pool, guint32 blocks)
{
  pool->class->take(pool, NULL, blocks);
}

/* The sequence takes blocks, which must be free. */
static inline void
pool_take_for(Pool *pool, Sequence *sequence, guint32 blocks)
{
  pool->class->take(pool, sequence, blocks);
}

/* Grows what the sequence holds to `blocks`; fewer is no change. FALSE, and nothing is changed, if
 * too few are free. */
gboolean pool_grow(Pool *pool, Sequence *sequence, guint32 blocks);

/* Blocks that the sequence lacks for a step that takes it to `tokens` tokens; negative where it
 * gives back more than it takes. With groups it first gives back what a step after `settled`
 * tokens, those that no step in flight computes, does not need. */
gint64 pool_lacks(const Pool *pool, const Sequence *sequence, guint32 settled, guint64 tokens);
/* Gives back and takes those blocks. FALSE, and none is taken, if too few are free. */
gboolean pool_extend(Pool *pool, Sequence *sequence, guint32 settled, guint64 tokens);
/* With groups whose blocks have ids: takes what the sequence lacks, which must be free. */
static inline void
pool_take_to(Pool *pool, Sequence *sequence, guint32 tokens)
{
  pool->class->take_to(pool, sequence, tokens);
}
/* With groups: the sequence gives back what a step after `settled` tokens does not need. */
static inline void
pool_give_back(Pool *pool, Sequence *sequence, guint32 settled)
{
  if (pool->class->give_back != NULL)
    pool->class->give_back(pool, sequence, settled);
}

/* Finds what is there of the first most_tokens tokens of a sequence that has no blocks but those
 * that it kept. The caller shares it or lets it go before it asks for anything else. */
PoolPrefix pool_find(Pool *pool, Sequence *sequence, guint32 most_tokens);
/* The same for a sequence that comes back from the host; at least one token is left to compute.
 * With groups nothing is found: all that was copied out is copied back. */
PoolPrefix pool_find_returning(Pool *pool, Sequence *sequence, guint32 most_blocks);
void pool_let_go(Pool *pool, const PoolPrefix *prefix);
/* The sequence takes what was found. */
void pool_share(Pool *pool, Sequence *sequence, const PoolPrefix *prefix);
/* Blocks that must be free for the sequence to begin behind the prefix and get to `tokens` in
 * steps, with in_flight_tokens under way at once; 0: as if groups gave nothing back. */
guint32 pool_admission_blocks(Pool *pool, Sequence *sequence, const PoolPrefix *prefix,
                              guint64 tokens, guint32 in_flight_tokens);
/* How many of those need not be, at most, where less of the prefix is there. */
static inline guint32
pool_idle_windows(Pool *pool, Sequence *sequence, const PoolPrefix *prefix)
{
  return pool->class->idle_windows != NULL ? pool->class->idle_windows(pool, sequence, prefix) : 0;
}
/* Blocks that must be free for a sequence that comes back from the host to hold `blocks` blocks or,
 * where groups' blocks have ids, `tokens` tokens. */
guint32 pool_return_blocks(const Pool *pool, const Sequence *sequence, const PoolPrefix *prefix,
                           guint32 blocks, guint32 tokens);
/* The sequence takes what was found, and those blocks, which must be free. */
void pool_bring_back(Pool *pool, Sequence *sequence, const PoolPrefix *prefix, guint32 blocks,
                     guint32 tokens);

/* The sequence gives back its last blocks, which hold nothing yet. One group only. */
void pool_give_last(Pool *pool, Sequence *sequence, guint32 blocks);
/* The sequence gives back all its GPU blocks. */
void pool_release(Pool *pool, Sequence *sequence, Release why);
/* Frees what is kept for a sequence that will not come back. */
void pool_forget(Pool *pool, Sequence *sequence);
/* A preempted sequence gives back all but its first `blocks` GPU blocks; with prefix caching
 * `blocks` must be 0. */
void pool_shrink(Pool *pool, Sequence *sequence, guint32 blocks);
/* The sequence shrinks to its first `blocks` GPU blocks and has `copied` blocks on the host, which
 * must have room unless the sequence's copies are free. */
void pool_swap_out(Pool *pool, Sequence *sequence, guint32 blocks, guint32 copied);
/* The sequence gives back all but its first `blocks` GPU blocks. `copied` of them are still being
 * read: these, with prefix caching all that it holds, are free after pool_end_swap_out(). */
void pool_begin_swap_out(Pool *pool, Sequence *sequence, guint32 blocks, guint32 copied);
void pool_end_swap_out(Pool *pool, Sequence *sequence);
/* The sequence takes blocks of the host, which must be free. */
void pool_take_host(Pool *pool, Sequence *sequence, guint32 blocks);
/* The sequence gives back its blocks on the host and on the disk. */
void pool_release_host(Pool *pool, Sequence *sequence);
/* The sequence's first `tokens` tokens are known and are in its blocks, at the latest after this
 * step: with prefix caching full blocks of them can be found. */
static inline void
pool_commit(Pool *pool, Sequence *sequence, guint32 tokens)
{
  if (pool->class->commit != NULL)
    pool->class->commit(pool, sequence, tokens);
}
/* The sequence has computed a part of its prompt and goes on: that part can be found. */
void pool_publish(Pool *pool, Sequence *sequence);
/* With a window pool: the sequence has computed `tokens` tokens that no step in flight still reads
 * behind their window. If `interval` of them or more have left it, gives back their blocks there,
 * but for those that the prefix cache has. */
void pool_pass_window(Pool *pool, Sequence *sequence, gint64 tokens, guint32 interval);
/* The tokens with which a sequence that decodes gives back next. */
guint64 pool_next_pass(const Pool *pool, const Sequence *sequence);
/* A sequence that comes back from the host, of so many blocks in all, has KV for the window of its
 * `tokens` tokens alone. */
void pool_begin_window(const Pool *pool, Sequence *sequence, guint32 tokens);
/* Evicts contents that nobody locks until `blocks` blocks are free, of the window pool as many, or
 * nothing is left to evict. */
void pool_evict(Pool *pool, guint32 blocks);
/* The same with a number of its own for the window pool. */
void pool_evict_both(Pool *pool, guint32 blocks, guint32 window_blocks);
/* Marks the first `tokens` tokens of a request, which waits, as used just now. */
void pool_touch(Pool *pool, guint32 request, guint32 tokens);
/* Blocks that are free, or whose content can be evicted. */
static inline guint32
pool_unheld_blocks(const Pool *pool)
{
  return pool->free_blocks + pool->evictable_blocks;
}
