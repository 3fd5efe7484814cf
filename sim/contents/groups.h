/* What is known of groups' blocks: for contents/groups*.c and their test. */
#pragma once

#include "named_blocks.h"
#include "sim/pool.h"

typedef struct {
  NamedBlocks blocks;
  const Workload *workload;
  const KvGroups *groups;
  GroupRetention retention;
  gboolean two_ended, windows_two_ended;
  guint32 unit_tokens; /* that all groups' blocks are a multiple of: content has a key at each */
  guint32 alignment;   /* tokens, a multiple of all groups' blocks: every hit is a multiple of it */
  const KvGroupKind **kind_of; /* by group */
  GArray *new_states;          /* of guint64: keys of states that this decision's steps write, */
  guint64 decision;            /* by the pool's count */
} GroupCache;

/* Sets unit, alignment and kinds by the groups. */
void group_cache_align(GroupCache *cache);
/* Of one group's block: the same tokens in another group are other content. */
guint64 group_cache_key(const GroupCache *cache, Sequence *sequence, guint32 group, guint32 index);
/* The block of the group that holds `index` of the sequence's blocks. */
gboolean group_cache_find(const GroupCache *cache, Sequence *sequence, guint32 group, guint32 index,
                          guint32 *id);
/* Of the sequence's first most_tokens tokens, those that are there in every group. Notes where a
 * prefix ends that a group with the whole context has, and others lack. */
guint32 group_cache_hits(const GroupCache *cache, Sequence *sequence, guint32 most_tokens);
