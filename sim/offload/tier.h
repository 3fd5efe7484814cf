/* A tier: memory behind the GPU's that keeps KV blocks by their content, with a prefix index of its
 * own.
 *
 * A block is storing (being written, not readable yet), ready, or pinned (being read). Ready blocks
 * are evicted, lowest rank first, and of one rank the block that lies farther back in its request.
 * A request gives all that it stores and loads one rank, later requests a higher one; when it ends
 * each of its blocks gets a fresh rank, the last block first. So the least recently used requests
 * go first, and of one request the tail before the head (vLLM's CPUOffloadingManager with its LRU
 * policy, 0.33.0). With the other policy, ARC (arc.h), ranks mean nothing.
 */
#pragma once

#include <glib.h>

typedef struct Tier Tier;

typedef enum { TIER_ABSENT, TIER_STORING, TIER_READY, TIER_PINNED } TierState;

typedef enum { TIER_LRU, TIER_ARC } TierPolicy;
/* vLLM's names of the policies, NULL-terminated. */
extern const char *const tier_policy_names[];

Tier *tier_new(guint32 blocks, TierPolicy policy);
void tier_free(Tier *tier);

guint32 tier_used_blocks(const Tier *tier);
TierState tier_state(const Tier *tier, guint64 key);
/* A rank higher than all before. */
guint64 tier_next_rank(Tier *tier);

/* A request with `rank` uses the block, the index-th of its own: raises the block's rank. */
void tier_use(Tier *tier, guint64 key, guint64 rank, guint32 index);
/* A request is about to store a block that is absent, for the first time. */
void tier_miss(Tier *tier, guint64 key);
/* A request that used the block ended. stored: it only stored it; found: it found it there. */
void tier_end_use(Tier *tier, guint64 key, gboolean stored, gboolean found);
/* Evicts until `n_new` blocks have room, but none of `keys`. FALSE, and nothing is evicted, if
 * there are too few to evict. */
gboolean tier_make_room(Tier *tier, guint32 n_new, const guint64 *keys, guint32 n_keys);
/* Begins to store a block that is absent, for which room was made. */
void tier_store(Tier *tier, guint64 key, guint64 rank, guint32 index);
/* The block is written. */
void tier_stored(Tier *tier, guint64 key);
/* Begins, and ends, to read a ready block. */
void tier_pin(Tier *tier, guint64 key);
void tier_unpin(Tier *tier, guint64 key);
