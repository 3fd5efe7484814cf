/* The prefix cache of vLLM v1 where all layers keep all of the context: a sequence's blocks are its
 * tokens', and a hit is the longest run of its first ones that are there (named_blocks.h).
 *
 * A freed sequence's blocks are given back in reverse order, so that a prefix's end is lost before
 * its start.
 */
#pragma once

#include "sequence.h"
#include "workload.h"

typedef struct PrefixCache PrefixCache;

/* two_ended: freed blocks without content go to the head of the queue, else all to its tail. */
PrefixCache *prefix_cache_new(const Workload *workload, guint32 num_blocks, guint32 block_size,
                              gboolean two_ended);
void prefix_cache_free(PrefixCache *cache);

guint32 prefix_cache_free_blocks(const PrefixCache *cache);

/* TRUE if content was ever lost because its block was taken. */
gboolean prefix_cache_evicted(const PrefixCache *cache);

/* From now on `given` (of guint32, borrowed) is told of each block that somebody takes. */
void prefix_cache_watch(PrefixCache *cache, GArray *given);
/* What tells the content of the sequence's block at `index` from all others, and is not 0. */
guint64 prefix_cache_key(PrefixCache *cache, Sequence *sequence, guint32 index);

/* Leading blocks of the sequence whose content is there, at most `most`; at least one token is left
 * to compute. *n_idle is how many of them are in the free queue. */
guint32 prefix_cache_hits(PrefixCache *cache, Sequence *sequence, guint32 most, guint32 *n_idle);

/* Gives a sequence that holds no block the first `n` blocks of its content, which are hits. */
void prefix_cache_share(PrefixCache *cache, Sequence *sequence, guint32 n);
/* Takes `n` blocks from the head of the free queue. */
void prefix_cache_take(PrefixCache *cache, Sequence *sequence, guint32 n);
/* Registers the content of the sequence's full blocks: those below `tokens`. */
void prefix_cache_register(PrefixCache *cache, Sequence *sequence, guint32 tokens);
/* Gives all its blocks back. */
void prefix_cache_release(PrefixCache *cache, Sequence *sequence);
