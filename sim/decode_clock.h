/* The decode clock: the running sequences that compute one token in every step, all together.
 *
 * Between scheduling events nothing changes but their contexts, which all grow by one. So a member
 * is not touched from step to step: the clock ticks, and a member's state follows from the ticks
 * since it joined. Who ends next is the head of a heap; who takes a block at a tick is in a list,
 * one for each position in a block; the contexts' sums move with the ticks in closed form.
 *
 *     ticks            …  1007  1008  1009  …
 *     computed tokens  a    30    31    32      a takes a block when its tokens fill the last one:
 *                      b    16    17    18      at 1009 (block_size 16), and is in due[1009 % 16]
 *
 * Invariants: all members tick or none does; every member yielded a token at the last tick; in the
 * running queue nothing that has work stands before a member. The pool's count is kept by whoever
 * ticks (scheduler.c), not here.
 */
#pragma once

#include "clock_heap.h"
#include "contexts.h"
#include "group_growth.h"

typedef struct {
  Sequence *head, *tail; /* in running order */
  guint32 length;
} DueList;

/* What the members see through one window: bases + growing x the coming tick + full, where those
 * that see more with each tick are in `kinks` by when that ends. Sums modulo 2^64. */
typedef struct {
  ClockHeap kinks;
  guint64 bases, full;
} SeenPart;

typedef struct {
  guint32 block_size;
  guint64 ticks;
  guint32 period; /* block_size; with counted groups growth->period */
  guint32 place;  /* ticks modulo period */
  guint32 count;
  gboolean supplied;      /* the blocks for the next tick have been taken already */
  gint64 last_end_ps;     /* when the last settled tick ended, */
  guint64 settled_ticks;  /* and the ticks then */
  DueList *due;           /* [block_size]; of one group */
  const KvGroups *groups; /* that share the pool; NULL: one. Then nobody is in `due`, but in */
  GroupGrowth *growth;    /* of counted blocks; NULL: they have names, or of one group */
  ClockHeap changes;      /* by the tick with which a member takes or gives back blocks that have
                             names, or is counted anew, */
  guint32 lag;            /* where so many of its tokens are in flight */
  GPtrArray *coming;      /* of Sequence: what decode_clock_coming_changes() returned last */
  ClockHeap ends;         /* when a member's last token is computed; `count` of them */
  ContextWindows windows;
  SeenPart seen[CONTEXT_WINDOWS];
  guint64 next_number;
  /* Over the members, of computed_tokens - ticks, which does not change: sums modulo 2^64. */
  guint64 offsets_sum, offsets_squares;
  gint64 offset_least, offset_largest; /* exact only where offsets_known */
  gboolean offsets_known;
} DecodeClock;

void decode_clock_init(DecodeClock *clock, guint32 block_size, const ContextWindows *windows);
/* Before the first member joins. */
void decode_clock_use_groups(DecodeClock *clock, const KvGroups *groups, guint32 lag,
                             gboolean counted);
void decode_clock_clear(DecodeClock *clock);

/* A decode whose blocks hold the token of the coming tick joins, behind all members; it ends after
 * `tokens_left` ticks. */
void decode_clock_join(DecodeClock *clock, Sequence *sequence, guint32 tokens_left);
/* A member leaves, its state brought up to date, but for a token that is not settled. */
void decode_clock_leave(DecodeClock *clock, Sequence *sequence);

/* `n` steps have been computed; what they needed has been supplied. */
void decode_clock_tick(DecodeClock *clock, guint32 n);
/* All ticks so far are over, the last one at end_ps. */
static inline void
decode_clock_settle(DecodeClock *clock, gint64 end_ps)
{
  clock->settled_ticks = clock->ticks;
  clock->last_end_ps = end_ps;
}
/* With groups whose blocks have names: ticks for which no member takes or gives back blocks, once
 * it has what it needs for the coming one; with counted ones those for which clock->growth is true.
 * G_MAXUINT64 without. */
static inline guint64
decode_clock_ticks_to_change(const DecodeClock *clock)
{
  return clock_heap_ticks_to_first(&clock->changes, clock->ticks);
}
/* With names: the members that do at the coming tick and have not passed it, in running order; of
 * Sequence, until it is asked again. */
const GPtrArray *decode_clock_coming_changes(DecodeClock *clock);
/* With names: the first of them, NULL if there is none; and it has what it needs. */
Sequence *decode_clock_next_change(const DecodeClock *clock);
void decode_clock_pass_change(DecodeClock *clock);
/* Ticks until the first member ends; G_MAXUINT64 where there is none. */
static inline guint64
decode_clock_ticks_to_end(const DecodeClock *clock)
{
  return clock_heap_ticks_to_first(&clock->ends, clock->ticks);
}
/* A member that ended at this tick, which has left; NULL when there is none any more. */
static inline Sequence *
decode_clock_take_ended(DecodeClock *clock)
{
  Sequence *sequence;

  if (decode_clock_ticks_to_end(clock) != 0)
    return NULL;
  sequence = clock->ends.events[0].sequence;
  decode_clock_leave(clock, sequence);
  return sequence;
}
/* Ticks for which every member sees one token more at each, or the same at all: beyond them what a
 * window shows has a kink. G_MAXUINT64 where there is none. */
static inline guint64
decode_clock_ticks_to_kink(const DecodeClock *clock)
{
  guint64 ticks = G_MAXUINT64;

  for (guint32 i = 0; i < clock->windows.n; i++)
    ticks = MIN(ticks, clock_heap_ticks_to_first(&clock->seen[i].kinks, clock->ticks));
  return ticks;
}

static inline guint32
decode_clock_tokens(const DecodeClock *clock, const Sequence *member)
{
  return member->computed_tokens + (guint32)(clock->ticks - member->joined_ticks);
}

/* GPU blocks of a member that a step has taken to `tokens` tokens. */
static inline guint32
decode_clock_blocks_at(const DecodeClock *clock, guint32 tokens)
{
  guint32 computed = tokens - 1;

  if (clock->groups == NULL)
    return (tokens + clock->block_size - 1) / clock->block_size;
  if (clock->growth != NULL)
    return group_growth_blocks(clock->growth, tokens);
  return (guint32)kv_groups_step_blocks(clock->groups, computed - MIN(clock->lag, computed),
                                        computed, tokens);
}

/* GPU blocks that a member holds. Of groups' with names whoever changes them keeps the count. */
static inline guint32
decode_clock_blocks(const DecodeClock *clock, const Sequence *member)
{
  if (clock->groups != NULL && clock->growth == NULL)
    return member->blocks;
  return decode_clock_blocks_at(clock,
                                decode_clock_tokens(clock, member) + (clock->supplied ? 1 : 0));
}

/* Those that take a block at the tick `later` ticks after the coming one. */
static inline DueList *
decode_clock_due(const DecodeClock *clock, guint64 later)
{
  return &clock->due[later == 0 ? clock->place : (clock->place + later) % clock->period];
}

/* Adds what the members read at the coming tick. The contexts are of the clock's windows. Written
 * in place: the sums are copied once a step as it is. */
void decode_clock_add_contexts(DecodeClock *clock, DecodeContexts *contexts);
