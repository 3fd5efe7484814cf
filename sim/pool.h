/* The KV pool: how many blocks are free on the GPU and on the host, and who holds how many.
 *
 * Which block is whose, and what of freed ones can be found again, is its contents' (contents.h).
 * Groups of layers that give blocks back (kv_groups.h) share the pool: what a sequence holds then
 * follows from its tokens. Invariant: free + held (+ leaked) == total on each side, a block that
 * several hold counted once, which tests/unit/sim/invariants.c holds over random scenarios.
 */
#pragma once

#include "contents.h"

struct Pool {
  guint32 block_size;   /* tokens */
  guint32 total_blocks; /* usable ones */
  guint32 free_blocks;
  guint32 evictable_blocks; /* that nobody holds, and that are free once pool_evict() is told */
  guint32 shared_blocks;    /* of contents/reuse.c: holders of blocks beyond the first of each */
  guint32 host_total_blocks;
  guint32 host_free_blocks;
  guint32 host_owed_blocks;    /* that wait for room there, and hold none (scheduler/disk.c) */
  guint32 host_writing_blocks; /* held, and free when their copies to the disk have ended */
  guint32 disk_total_blocks;
  guint32 disk_free_blocks;
  guint32 leaving_blocks;     /* not free yet: they are being copied to the host */
  guint32 host_leaked_blocks; /* held by requests that the engine dropped without freeing them */
  const KvGroups *groups;     /* borrowed; NULL: one, of all blocks of block_size tokens */
  const ContentsClass *class; /* of what is in the blocks, */
  gpointer contents;          /* which are its own */
  gboolean evicted;           /* content was lost that somebody might have found again */
  guint64 decisions;          /* that have begun */
  GArray *given; /* of guint32, borrowed: gets the name of each block that is taken; may be NULL */
};

/* groups: of which it is the memory; NULL: of one. */
void pool_init(Pool *pool, guint32 block_size, guint32 usable_blocks, guint32 host_blocks,
               const KvGroups *groups);
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
  pool->class->take(pool, NULL, blocks);
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
/* With groups whose blocks have names: it takes what it lacks, which must be free. */
static inline void
pool_take_to(Pool *pool, Sequence *sequence, guint32 tokens)
{
  pool->class->take_to(pool, sequence, tokens);
}
/* With groups: the sequence gives back the blocks that it cannot see any more. */
static inline void
pool_give_back(Pool *pool, Sequence *sequence, guint32 settled)
{
  if (pool->class->give_back != NULL)
    pool->class->give_back(pool, sequence, settled);
}

/* What there is of the first most_tokens tokens of a sequence that has no blocks but those that it
 * kept. It is to be shared or let go before anything else is asked for. */
PoolPrefix pool_find(Pool *pool, Sequence *sequence, guint32 most_tokens);
/* The same of a sequence that comes back from the host, so that a token is left to compute. With
 * groups nothing: of those all that was copied is copied back. */
PoolPrefix pool_find_returning(Pool *pool, Sequence *sequence, guint32 most_blocks);
void pool_let_go(Pool *pool, const PoolPrefix *prefix);
/* It takes what was found. */
void pool_share(Pool *pool, Sequence *sequence, const PoolPrefix *prefix);
/* Blocks that must be free for it to begin there and get to `tokens` in steps, with
 * in_flight_tokens under way at once; 0: as if groups gave nothing back. */
guint32 pool_admission_blocks(Pool *pool, Sequence *sequence, const PoolPrefix *prefix,
                              guint64 tokens, guint32 in_flight_tokens);
/* The same of one that comes back from the host, to `blocks` blocks or, where groups' have names,
 * to `tokens` tokens; and it takes what was found, and them, which must be free. */
guint32 pool_return_blocks(const Pool *pool, const Sequence *sequence, const PoolPrefix *prefix,
                           guint32 blocks, guint32 tokens);
void pool_bring_back(Pool *pool, Sequence *sequence, const PoolPrefix *prefix, guint32 blocks,
                     guint32 tokens);

/* It gives its last blocks back, which hold nothing yet. One group only. */
void pool_give_last(Pool *pool, Sequence *sequence, guint32 blocks);
/* The sequence gives all its GPU blocks back. */
void pool_release(Pool *pool, Sequence *sequence, Release why);
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
 * caching those that are full of them can be found. */
static inline void
pool_commit(Pool *pool, Sequence *sequence, guint32 tokens)
{
  if (pool->class->commit != NULL)
    pool->class->commit(pool, sequence, tokens);
}
/* A part of its prompt is computed, and it goes on. */
void pool_publish(Pool *pool, Sequence *sequence);
/* Of contents that nobody locks as much goes as it takes, if there is so much, to have `blocks`
 * free.
 */
void pool_evict(Pool *pool, guint32 blocks);
/* What there is of the request's first `tokens` tokens was used just now, though it waits. */
void pool_touch(Pool *pool, guint32 request, guint32 tokens);
/* The pool's blocks that are free, or hold only what may go. */
static inline guint32
pool_unheld_blocks(const Pool *pool)
{
  return pool->free_blocks + pool->evictable_blocks;
}
