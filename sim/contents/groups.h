/* The prefix cache of groups of layers: for contents/groups*.c and their test. */
#pragma once

#include "content_key.h"
#include "named_blocks.h"
#include "sim/pool.h"

/* A sequence's blocks in one group. */
struct GroupTable {
  guint32 *ids; /* [length]; 0: given back, or never taken */
  guint32 length, room;
  guint32 first;      /* blocks before it have been given back */
  guint32 registered; /* blocks before it are known to the cache */
};

typedef struct {
  NamedBlocks blocks;
  const Workload *workload;
  const KvGroups *groups;
  GroupRetention retention;
  gboolean two_ended, windows_two_ended, withholds_states_again;
  guint32 unit_tokens; /* the greatest common divisor of the groups' block lengths: unit of content
                          keys */
  guint32 alignment;   /* their least common multiple, tokens: every hit is a multiple of it */
  gboolean goes_early; /* blocks may be given back before their alignment is full */
  const KvGroupKind **kind_of; /* by group, */
  guint32 *units_of;           /* and so many units a block of it */
  GArray *new_states;          /* of guint64: keys of states that the step being decided writes, */
  guint64 decision;            /* in this one of Pool.decisions */
} GroupCache;

/* Sets unit_tokens, alignment, kind_of and units_of from the groups. */
void group_cache_align(GroupCache *cache);
/* The key of one group's block; the same tokens in another group are other content. */
static inline guint64
group_cache_key(const GroupCache *cache, Sequence *sequence, guint32 group, guint32 index)
{
  guint32 last_unit = (index + 1) * cache->units_of[group] - 1;
  guint64 content = content_key(cache->workload, cache->unit_tokens, sequence, last_unit);
  guint64 key = mix64(content + (group + 1) * MIX64_STEP);

  return MAX(key, 1);
}
/* Finds the block that holds the index-th of the sequence's blocks in the group; FALSE: none does.
 */
gboolean group_cache_find(const GroupCache *cache, Sequence *sequence, guint32 group, guint32 index,
                          guint32 *id);
/* How many of the sequence's first most_tokens tokens are there in every group. Notes in
 * shared_prefix_tokens where a longer prefix ends that only groups with the whole context have. */
guint32 group_cache_hits(const GroupCache *cache, Sequence *sequence, guint32 most_tokens);
/* As pool_commit(). */
void group_cache_commit(Pool *pool, Sequence *sequence, guint32 tokens);
/* Keys (of guint64) of states that the step being decided writes. */
GArray *group_cache_new_states(const Pool *pool);
