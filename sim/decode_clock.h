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
 * Invariants: every member yielded a token at the last tick, but for those that missed it; in the
 * running queue nothing that has work stands before a member. The caller (scheduler/clock.c) keeps
 * the pool's count.
 */
#pragma once

#include "clock_heap.h"
#include "contexts.h"
#include "sim/contents/group_growth.h"

typedef struct {
  Sequence *head, *tail; /* in running order */
  guint32 length;
} DueList;

/* What the members see through one window at the coming tick: bases + kinks.count x that tick +
 * full. Members that see more with each tick are in `kinks`, by the tick at which that ends. Sums
 * modulo 2^64. */
typedef struct {
  ClockHeap kinks;
  guint64 bases, full;
} SeenPart;

typedef struct {
  guint32 block_size;
  guint64 ticks;
  guint32 period; /* block_size; with groups that are foreseen growth->period */
  guint32 place;  /* ticks modulo period */
  guint32 count;
  gboolean supplied;     /* the blocks for the next tick have been taken already */
  gint64 last_end_ps;    /* when the last settled tick ended, */
  guint64 settled_ticks; /* and the ticks then */
  DueList *due;          /* [due_places], of Sequence: where groups share the pool and blocks have
                            names by the tick at which a member's blocks change next */
  guint32 due_places; /* block_size; with such groups more than ticks from a change to the next */
  /* Where groups share the pool. */
  const KvGroups *groups; /* NULL: they do not */
  gboolean counted;       /* their blocks have no names */
  GroupGrowth *growth;    /* NULL: what changes is not foreseen, as there are states with names */
  ClockHeap changes;      /* by the tick at which a member is to be counted anew in `growth` */
  gboolean passes;        /* without groups: `changes` has the ticks at which members next give back
                             what their windows have passed (window_pool.h) */
  guint32 lag;            /* of a member's tokens, those in flight */
  GPtrArray *coming;      /* of Sequence: what decode_clock_coming_changes() returned last */

  /* A member that gets no block in a step, and those behind it, miss its tick: they are absent from
   * the decision on until the tick, and have missed it until the next. */
  gboolean apart;        /* somebody is absent, or has missed the last tick: */
  guint64 absent_number; /* joined_number of the first; G_MAXUINT64: none is absent */
  guint32 absent;
  guint64 missed_number; /* the same of those that missed the last tick, */
  guint32 missed;
  gint64 missed_end_ps; /* and when they had their last tokens */

  ClockHeap ends; /* by the tick that computes a member's last token; `count` events */
  ContextWindows windows;
  SeenPart seen[CONTEXT_WINDOWS]; /* by window */
  guint64 next_number;
  /* Sums, modulo 2^64, over the members' computed_tokens - ticks, which does not change. */
  guint64 offsets_sum, offsets_squares;
  gint64 offset_least, offset_largest; /* exact only where offsets_known */
  gboolean offsets_known;
} DecodeClock;

void decode_clock_init(DecodeClock *clock, guint32 block_size, const ContextWindows *windows);
/* Groups (borrowed) share the pool; `lag` tokens of a member are in flight; `counted`: blocks have
 * no names. Before the first member joins. */
void decode_clock_use_groups(DecodeClock *clock, const KvGroups *groups, guint32 lag,
                             gboolean counted);
/* Members give back what their windows have passed. Before the first joins. */
static inline void
decode_clock_use_passes(DecodeClock *clock)
{
  clock->passes = TRUE;
}
void decode_clock_clear(DecodeClock *clock);

/* Adds a decode behind all members. Its blocks must hold the token of the coming tick; it ends
 * after `tokens_left` ticks, at least 1. */
void decode_clock_join(DecodeClock *clock, Sequence *sequence, guint32 tokens_left);
/* Takes a member out and brings its state up to date, but for a token that is not settled. */
void decode_clock_leave(DecodeClock *clock, Sequence *sequence);

/* Without groups: the member gets no token at the coming tick. Nobody behind it does, either: the
 * caller tells of each. */
static inline void
decode_clock_be_absent(DecodeClock *clock, const Sequence *member)
{
  clock->absent_number = MIN(clock->absent_number, member->joined_number);
  clock->absent++;
  clock->apart = TRUE;
}
static inline gboolean
decode_clock_is_absent(const DecodeClock *clock, const Sequence *member)
{
  return clock->apart && member->joined_number >= clock->absent_number;
}
/* Before the tick: one of those that are absent, in running order, misses it. */
void decode_clock_miss(DecodeClock *clock, Sequence *member);
/* TRUE if the member missed the last tick; of one that joins at the coming tick nobody asks. */
static inline gboolean
decode_clock_missed(const DecodeClock *clock, const Sequence *member)
{
  return clock->apart && member->joined_number >= clock->missed_number;
}

/* What windows and groups change until the clock's tick, for decode_clock_tick(). */
void decode_clock_pass(DecodeClock *clock);

/* Counts `n` steps, whose blocks were supplied before. */
static inline void
decode_clock_tick(DecodeClock *clock, guint32 n)
{
  clock->ticks += n;
  clock->place = (clock->place + n) % clock->period;
  clock->supplied = FALSE;
  if (clock->windows.n > 0 || clock->growth != NULL)
    decode_clock_pass(clock);
}
/* Notes that all ticks so far are over, the last at end_ps. */
static inline void
decode_clock_settle(DecodeClock *clock, gint64 end_ps)
{
  clock->settled_ticks = clock->ticks;
  clock->last_end_ps = end_ps;
}
/* Where groups' blocks have names: ticks until a member's blocks change; G_MAXUINT64: there are no
 * members. */
guint64 decode_clock_ticks_to_due(const DecodeClock *clock);
/* With groups: ticks for which clock->growth holds; with passes, ticks for which no member gives
 * back. G_MAXUINT64 without them. */
static inline guint64
decode_clock_ticks_to_change(const DecodeClock *clock)
{
  return clock_heap_ticks_to_first(&clock->changes, clock->ticks);
}
/* With names: the members (of Sequence) whose blocks change at the coming tick and that have not
 * passed it, in running order. Valid until the next call. */
const GPtrArray *decode_clock_coming_changes(DecodeClock *clock);
/* With names: the first of those that change at the tick that is so much later than the coming one;
 * NULL: there is none. */
static inline Sequence *
decode_clock_next_change(const DecodeClock *clock, guint32 later)
{
  return clock->due[(clock->ticks + later) % clock->due_places].head;
}
/* The member has what it needs for that tick. */
void decode_clock_pass_change(DecodeClock *clock, Sequence *member, guint32 later);
/* With passes: a member that has just joined gives back next in a step that begins with so many of
 * its tokens known, at the earliest in the one behind the coming tick. */
void decode_clock_add_pass(DecodeClock *clock, Sequence *member, guint64 tokens);
/* The member that gives back first, if it does so `lag` ticks before the coming one or earlier;
 * NULL: none does. Then decode_clock_move_pass() says when it does so again. */
static inline Sequence *
decode_clock_next_pass(const DecodeClock *clock, guint32 lag)
{
  if (clock->changes.count == 0 || clock->changes.events[0].ticks + lag > clock->ticks)
    return NULL;
  return clock->changes.events[0].sequence;
}
void decode_clock_move_pass(DecodeClock *clock, guint64 tokens);
/* Ticks until the first member ends; G_MAXUINT64: there are no members. */
static inline guint64
decode_clock_ticks_to_end(const DecodeClock *clock)
{
  return clock_heap_ticks_to_first(&clock->ends, clock->ticks);
}
/* Takes out a member that ended at this tick; NULL: there is none left. */
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
/* Ticks for which what a member sees through a window grows by one at each, or stays, for every
 * member and window: beyond them a sum has a kink. G_MAXUINT64: there is none. */
static inline guint64
decode_clock_ticks_to_kink(const DecodeClock *clock)
{
  guint64 ticks = G_MAXUINT64;

  for (guint32 i = 0; i < clock->windows.n; i++)
    ticks = MIN(ticks, clock_heap_ticks_to_first(&clock->seen[i].kinks, clock->ticks));
  return ticks;
}

/* Tokens that a member has computed. */
static inline guint32
decode_clock_tokens(const DecodeClock *clock, const Sequence *member)
{
  return member->computed_tokens + (guint32)(clock->ticks - member->joined_ticks);
}

/* GPU blocks of a member after the step that computes its token number `tokens`. */
static inline guint32
decode_clock_blocks_at(const DecodeClock *clock, guint32 tokens)
{
  guint32 computed = tokens - 1;

  if (clock->groups == NULL)
    return (tokens + clock->block_size - 1) / clock->block_size;
  if (clock->counted)
    return group_growth_blocks(clock->growth, tokens);
  return (guint32)kv_groups_step_blocks(clock->groups, computed - MIN(clock->lag, computed),
                                        computed, tokens);
}

/* GPU blocks that a member holds. Where groups' blocks have names the caller keeps
 * member->blocks. */
static inline guint32
decode_clock_blocks(const DecodeClock *clock, const Sequence *member)
{
  gboolean supplied = clock->supplied && !decode_clock_is_absent(clock, member);

  if (clock->groups != NULL && !clock->counted)
    return member->blocks;
  return decode_clock_blocks_at(clock, decode_clock_tokens(clock, member) + (supplied ? 1 : 0));
}

/* The members that take a block `later` ticks after the coming one. */
static inline DueList *
decode_clock_due(const DecodeClock *clock, guint64 later)
{
  return &clock->due[later == 0 ? clock->place : (clock->place + later) % clock->period];
}

/* Without groups: those that take one a tick later than these. */
static inline const DueList *
decode_clock_due_after(const DecodeClock *clock, const DueList *due)
{
  return due + 1 == clock->due + clock->block_size ? clock->due : due + 1;
}

/* Adds the contexts that the members read at the coming tick; `contexts` has the clock's windows.
 */
void decode_clock_add_contexts(DecodeClock *clock, DecodeContexts *contexts);
