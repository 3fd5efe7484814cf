/* A tier: memory behind the GPU's that keeps KV blocks by their content, with a prefix index of its
 * own.
 *
 * A block is storing (being written, not to be read yet), ready, or pinned (being read). Ready ones
 * that nobody reads are evicted, lowest rank first, and of one rank the block that lies farther
 * back. Ranks are given by those who use a block: a request has one rank for all that it stores and
 * loads, later requests higher ones; when it ends each of its blocks gets a fresh one, the last
 * block first. So least recently used requests go first, and within one the tail goes before the
 * head (vLLM's CPUOffloadingManager and its LRU policy, 0.33.0). The other order that it knows is
 * arc.h's: then ranks mean nothing.
 */
#pragma once

#include <glib.h>

typedef struct Tier Tier;

typedef enum { TIER_ABSENT, TIER_STORING, TIER_READY, TIER_PINNED } TierState;

typedef enum { TIER_LRU, TIER_ARC } TierPolicy;
/* vLLM's names of them; NULL ends the list. */
extern const char *const tier_policy_names[];

Tier *tier_new(guint32 blocks, TierPolicy policy);
void tier_free(Tier *tier);

guint32 tier_used_blocks(const Tier *tier);
TierState tier_state(const Tier *tier, guint64 key);
/* A rank that is higher than all before. */
guint64 tier_next_rank(Tier *tier);

/* A request of `rank` uses the block at `index` of its blocks: raises the block's rank. */
void tier_use(Tier *tier, guint64 key, guint64 rank, guint32 index);
/* A request is about to store a block that is absent, and has not tried before. */
void tier_miss(Tier *tier, guint64 key);
/* A request ended that used the block. stored: it only stored it; else, if `found`, it found it
 * there. */
void tier_end_use(Tier *tier, guint64 key, gboolean stored, gboolean found);
/* Makes room for `n_new` blocks, all or none; `keys` are spared. FALSE if there are too few to
 * evict. */
gboolean tier_make_room(Tier *tier, guint32 n_new, const guint64 *keys, guint32 n_keys);
/* Begins to store a block that is absent, for which room was made. */
void tier_store(Tier *tier, guint64 key, guint64 rank, guint32 index);
/* The block is written. */
void tier_stored(Tier *tier, guint64 key);
/* A ready block is being read; and no longer. */
void tier_pin(Tier *tier, guint64 key);
void tier_unpin(Tier *tier, guint64 key);
