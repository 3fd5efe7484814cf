/* What the members of the decode clock take and give back of a pool that groups of layers share
 * (kv_groups.h), where its blocks are counted: all of them together, tick by tick.
 *
 * A decode takes its blocks, and a window gives them back, with each multiple of a group's tokens.
 * So after a period of ticks, a multiple of them all, each member does the same again, until a
 * window of it is full or a chunk ends. What all do is kept by the place in the period:
 *
 *     place        0   1   2   …  15 │ 0   1   …
 *     net         +3   0  -1      +2 │+3   0        taken less given back
 *     taken        4   0   1      +2 │ 4   0        by those that take more than they give back
 *
 * A member is counted when it joins or leaves, and where its changes become others; from tick to
 * tick nothing is touched.
 */
#pragma once

#include "sim/kv_groups.h"

typedef struct {
  const KvGroups *groups;
  guint32 lag;    /* of a member's tokens so many are in flight */
  guint32 period; /* ticks */
  gboolean cut;   /* the groups' own period is longer: a member is counted anew in each */
  gint32 *net;    /* [period], over all members; and of those whose own is positive */
  guint32 *taken;
  guint32 *held; /* blocks by tokens, as far as anybody asked; `known` of them */
  guint32 known;
} GroupGrowth;

GroupGrowth *group_growth_new(const KvGroups *groups, guint32 lag);
void group_growth_free(GroupGrowth *self);

/* For group_growth_blocks(). */
void group_growth_learn(GroupGrowth *self, guint32 tokens);

/* Blocks of a member that a step has taken to `tokens` tokens. */
static inline guint32
group_growth_blocks(GroupGrowth *self, guint32 tokens)
{
  if (tokens >= self->known)
    group_growth_learn(self, tokens);
  return self->held[tokens];
}

/* Blocks that a member takes, less those that it gives back first, with a token behind `computed`.
 */
static inline gint32
group_growth_of(GroupGrowth *self, guint32 computed)
{
  return (gint32)(group_growth_blocks(self, computed + 1) - group_growth_blocks(self, computed));
}

/* A member is counted that has `computed` tokens, not 0, at the tick of that place. Returns the
 * number of tokens with which it is to be taken out and counted again; G_MAXUINT64: never. */
guint64 group_growth_add(GroupGrowth *self, guint32 computed, guint32 place);
/* It is not any more, by the same; and the same is returned. */
guint64 group_growth_remove(GroupGrowth *self, guint32 computed, guint32 place);
