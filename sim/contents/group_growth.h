/* The blocks that all members of the decode clock together take and give back, tick by tick, in a
 * pool that groups of layers share (kv_groups.h).
 *
 * A decode takes blocks, and a window gives them back, at each multiple of a group's tokens. So
 * after a period of ticks, a multiple of all of these, each member does the same again, until a
 * window of it is full or a chunk ends. The sums over all members are kept by the place in the
 * period:
 *
 *     place        0   1   2   …  15 │ 0   1   …
 *     net         +3   0  -1      +2 │+3   0        taken less given back
 *     taken        4   0   1      +2 │ 4   0        by those that take more than they give back
 *
 * A member is counted when it joins or leaves, and when what it does in a period changes; nothing
 * is touched from tick to tick. Where blocks have names one that a window gives back is not free if
 * another request has it, too. That can be so only of the tokens that prefix hashes cover: while a
 * window passes these its changes are bounded, from both sides.
 */
#pragma once

#include "sim/kv_groups.h"

typedef struct {
  const KvGroups *groups;
  guint32 lag;    /* of a member's tokens, those in flight */
  guint32 period; /* ticks */
  gboolean cut;   /* the groups' own period is longer: a member is counted anew in each */
  gint32 *net;    /* [period]: blocks taken less given back, over all members, at most, */
  gint32 *least;  /* and at least: `net` itself where blocks are counted */
  guint32 *taken; /* [period]: as `net`, over members that take more than they give back */
  guint32 unsure; /* sum of net less least */
  guint32 *held;  /* [known]: blocks of a member by its tokens, as far as they were needed; NULL
                     where blocks have names */
  guint32 known;
} GroupGrowth;

/* named: blocks have names, and none of the groups is of states. */
GroupGrowth *group_growth_new(const KvGroups *groups, guint32 lag, gboolean named);
void group_growth_free(GroupGrowth *self);

/* Extends held[] up to `tokens`, for group_growth_blocks(). */
void group_growth_learn(GroupGrowth *self, guint32 tokens);

/* Blocks of a member after the step that computes its token number `tokens`. */
static inline guint32
group_growth_blocks(GroupGrowth *self, guint32 tokens)
{
  if (tokens >= self->known)
    group_growth_learn(self, tokens);
  return self->held[tokens];
}

/* Blocks that a member takes, less those that it gives back first, with the token behind `computed`
 * tokens. */
static inline gint32
group_growth_of(GroupGrowth *self, guint32 computed)
{
  return (gint32)(group_growth_blocks(self, computed + 1) - group_growth_blocks(self, computed));
}

/* A member that has `computed` tokens, at least 1, at the tick of that place. */
typedef struct {
  guint32 computed, place;
  guint32 hashed_tokens; /* its first ones, whose blocks others may have, too */
} GrowthMember;

/* Counts a member. Returns the number of tokens with which it must be removed and added again;
 * G_MAXUINT64: never. */
guint64 group_growth_add(GroupGrowth *self, const GrowthMember *member);
/* Takes out a member, by the same figures; returns the same. */
guint64 group_growth_remove(GroupGrowth *self, const GrowthMember *member);
