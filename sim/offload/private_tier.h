/* A tier (tier.h) for requests that share no prefixes: a request only finds its own blocks, so
 * these need no keys and are a row of bytes, one a block.
 *
 *     rank 7  [ R R R R P P · · S S ]      R ready, P pinned, S storing, · absent
 *     rank 9  [ R R R ]
 *
 * All blocks of a request have its rank. Ready blocks of the request with the lowest rank are
 * evicted first, its last ones before the others, which is tier.h's order. Requests with something
 * to evict are in a heap by rank. tests/unit/sim/invariants.c holds one against the other.
 */
#pragma once

#include "tier.h"

typedef struct PrivateTier PrivateTier;

/* A request's blocks in the tier. */
typedef struct {
  guint64 rank;       /* 0: the request has not used the tier yet */
  guint8 *states;     /* a TierState a block */
  guint32 n_blocks;   /* that have a state; those behind are absent */
  guint32 room;       /* states that there is memory for */
  guint32 present;    /* blocks that are not absent, */
  guint32 evictable;  /* and of these, those that are ready */
  guint32 heap_place; /* where evictable is not 0 */
  gboolean forgotten; /* private_tier_forget() */
} PrivateBlocks;

PrivateTier *private_tier_new(guint32 blocks);
void private_tier_free(PrivateTier *tier);

guint32 private_tier_used_blocks(const PrivateTier *tier);

/* A request's blocks, none yet. The tier owns them; they are given back with private_tier_forget().
 */
PrivateBlocks *private_tier_add(PrivateTier *tier);
/* The request is gone: its blocks go when others need the room. None may be storing or pinned. */
void private_tier_forget(PrivateTier *tier, PrivateBlocks *blocks);
/* Gives them the highest rank: the request used them, or ended. */
void private_tier_raise(PrivateTier *tier, PrivateBlocks *blocks);

static inline TierState
private_tier_state(const PrivateBlocks *blocks, guint32 index)
{
  return index < blocks->n_blocks ? (TierState)blocks->states[index] : TIER_ABSENT;
}

/* The end of the run of blocks, from `first` on and at most to `end`, that are not absent.
 * *copying: some of them are storing or pinned. */
guint32 private_tier_run_end(const PrivateBlocks *blocks, guint32 first, guint32 end,
                             gboolean *copying);
/* Evicts until `n_new` blocks have room, but none of `blocks` [first, end). FALSE, and nothing is
 * evicted, if there are too few to evict. */
gboolean private_tier_make_room(PrivateTier *tier, guint32 n_new, PrivateBlocks *blocks,
                                guint32 first, guint32 end);
/* How many of the blocks [first, end) are in the state. */
guint32 private_tier_count(const PrivateBlocks *blocks, guint32 first, guint32 end,
                           TierState state);
/* Moves those of the blocks [first, end) that are in the state `from` to the state `to`; returns
 * how many. */
guint32 private_tier_change(PrivateTier *tier, PrivateBlocks *blocks, guint32 first, guint32 end,
                            TierState from, TierState to);
