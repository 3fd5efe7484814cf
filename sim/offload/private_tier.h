/* A tier (tier.h) of a workload whose requests share nothing: blocks need no keys, a request only
 * ever finds its own, and they are bytes in a row, one a block.
 *
 *     rank 7  [ R R R R P P · · S S ]      R ready, P pinned, S storing, · absent
 *     rank 9  [ R R R ]
 *
 * All blocks of a request have its rank, so of the ready ones those of the lowest rank go first,
 * the last of them before the others: what tier.h says of blocks, said of requests. The ones that
 * have something to evict are in a heap by rank. tests/unit/sim/invariants.c holds one against the
 * other.
 */
#pragma once

#include "tier.h"

typedef struct PrivateTier PrivateTier;

/* A request's blocks in the tier. */
typedef struct {
  guint64 rank;       /* 0: it has not used the tier yet */
  guint8 *states;     /* a TierState a block */
  guint32 n_blocks;   /* that have a state */
  guint32 room;       /* for so many */
  guint32 present;    /* blocks that are not absent, */
  guint32 evictable;  /* and of these, those that are ready */
  guint32 heap_place; /* where evictable is not 0 */
  gboolean forgotten; /* by its request */
} PrivateBlocks;

PrivateTier *private_tier_new(guint32 blocks);
void private_tier_free(PrivateTier *tier);

guint32 private_tier_used_blocks(const PrivateTier *tier);

/* A request's, without any yet. The tier's own: given back with private_tier_forget(). */
PrivateBlocks *private_tier_add(PrivateTier *tier);
/* Nobody will ask for them: they go when others need their room. None may be storing or pinned. */
void private_tier_forget(PrivateTier *tier, PrivateBlocks *blocks);
/* They have the highest rank: the request used them, or ended. */
void private_tier_raise(PrivateTier *tier, PrivateBlocks *blocks);

static inline TierState
private_tier_state(const PrivateBlocks *blocks, guint32 index)
{
  return index < blocks->n_blocks ? (TierState)blocks->states[index] : TIER_ABSENT;
}

/* The end of the run of blocks, from `first` on and at most to `end`, that are not absent. *copying:
 * some of them are not ready. */
guint32 private_tier_run_end(const PrivateBlocks *blocks, guint32 first, guint32 end,
                             gboolean *copying);
/* Makes room for `n_new` blocks, all or none; those of `blocks` from `first` to below `end` are
 * spared. FALSE if there are too few to evict. */
gboolean private_tier_make_room(PrivateTier *tier, guint32 n_new, PrivateBlocks *blocks,
                                guint32 first, guint32 end);
/* Of the blocks from `first` to below `end`, how many are in the state. */
guint32 private_tier_count(const PrivateBlocks *blocks, guint32 first, guint32 end, TierState state);
/* All of these that are in the state `from` are now in the state `to`. Returns how many there
 * were. */
guint32 private_tier_change(PrivateTier *tier, PrivateBlocks *blocks, guint32 first, guint32 end,
                            TierState from, TierState to);
