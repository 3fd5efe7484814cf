/* The prefix cache of vLLM's hybrid manager: blocks of all groups of layers (kv_groups.h) in one
 * pool, with names (named_blocks.h), and a table of blocks a group and sequence.
 *
 *     whole context   [ 4 ][ 9 ][ 2 ][ 7 ][ 1 ]
 *     window          [   ][   ][ 3 ][ 8 ][ 5 ]    what is out of sight was given back
 *     states          [   ][   ][   ][   ][ 6 ]    one, behind the last token of its block
 *
 * What is given back stays in the queue of free blocks with its content. A prefix of n tokens is
 * there if every group has of it what goes on behind n tokens: all of it; of a window the blocks
 * that it shows; of chunks those since the last chunk began; the state behind token n. So n is the
 * longest that all groups agree on, a multiple of all groups' blocks. Source: vLLM 0.11 to 0.33,
 * v1/core/kv_cache_coordinator.py and single_type_kv_cache_manager.py.
 */
#pragma once

#include "kv_groups.h"
#include "sequence.h"
#include "workload.h"

typedef struct GroupCache GroupCache;

/* Which full blocks of windows and states count as cached. */
typedef enum {
  RETAIN_ALL,
  RETAIN_REACHABLE, /* (0.22) those at the end of a multiple of all groups' blocks */
  RETAIN_REPLAYED,  /* (0.29) those that a repetition of the prompt needs, or of a prefix of it that
                       was found to be shared */
} GroupRetention;

typedef struct {
  const KvGroups *groups; /* borrowed */
  guint32 num_blocks;     /* count of ids, the engine's own among them */
  GroupRetention retention;
  gboolean two_ended;         /* what is given back without content is the next to be used again, */
  gboolean windows_two_ended; /* and that of groups with windows (0.23), else all is the last */
} GroupCacheConfig;

GroupCache *group_cache_new(const Workload *workload, const GroupCacheConfig *config);
void group_cache_free(GroupCache *cache);
guint32 group_cache_free_blocks(const GroupCache *cache);
/* TRUE if content was ever lost because its block was taken. */
gboolean group_cache_evicted(const GroupCache *cache);
/* A decision begins. */
void group_cache_begin(GroupCache *cache);

/* Tokens of the sequence, which holds nothing, that are there in every group; at least one is left
 * to compute. Notes where a prefix ends that a group with the whole context has, and others lack.
 */
guint32 group_cache_hits(GroupCache *cache, Sequence *sequence);
/* Blocks that the pool must have for a sequence that begins behind `cached` such tokens and is then
 * taken to `tokens`: new ones, and found ones that nobody holds. in_flight_tokens: a window's group
 * is not asked for more than it ever holds while so many tokens are computed at once; 0: for all.
 * G_MAXUINT32 where a state was only written in this decision. */
guint32 group_cache_admission_blocks(GroupCache *cache, Sequence *sequence, guint32 cached,
                                     guint32 tokens, guint32 in_flight_tokens);

/* A sequence that holds nothing takes what goes on behind its first `cached` tokens, which are
 * there. */
void group_cache_share(GroupCache *cache, Sequence *sequence, guint32 cached);
/* It gives back what a step behind `computed` tokens does not need. */
void group_cache_give_back(GroupCache *cache, Sequence *sequence, guint32 computed);
/* How many those are. */
guint32 group_cache_gone_blocks(const GroupCache *cache, const Sequence *sequence,
                                guint32 computed);
/* Blocks that it lacks in all groups to be taken to `tokens`. One without blocks has its first
 * `computed` tokens elsewhere, and needs of them what goes on. */
guint32 group_cache_lacks(const GroupCache *cache, const Sequence *sequence, guint32 computed,
                          guint32 tokens);
/* It takes them, of which there must be as many. */
void group_cache_take(GroupCache *cache, Sequence *sequence, guint32 computed, guint32 tokens);
/* Registers the content of its full blocks, those below `tokens`. */
void group_cache_register(GroupCache *cache, Sequence *sequence, guint32 tokens);
/* Gives all its blocks back. */
void group_cache_release(GroupCache *cache, Sequence *sequence);
/* It will not be asked again. */
void group_cache_forget(Sequence *sequence);

/* For group_hits.c --------------------------------------------------------------------------- */

/* The block of the group that holds `index` of the sequence's blocks. */
gboolean group_cache_find(GroupCache *cache, Sequence *sequence, guint32 group, guint32 index,
                          guint32 *id);
const KvGroups *group_cache_groups(const GroupCache *cache);
/* Tokens that every hit is a multiple of. */
guint32 group_cache_alignment(const GroupCache *cache);
