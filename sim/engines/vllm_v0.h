/* vLLM 0.5 and 0.6: what the passes of a step hand to each other, for the engine's own files. */
#pragma once

#include "sim/scheduler.h"

/* The plan of one step. Its queues are the scheduler's scratch. */
typedef struct {
  Scheduler *self;
  Step *step;
  gint64 tokens;        /* of the budget, left */
  guint32 seqs;         /* counted against max_num_seqs */
  gboolean by_arrival;  /* 0.5: queues are sorted before a pass */
  guint32 owed_blocks;  /* that starved sequences wait for, while they are copied out */
  guint32 members;      /* of the decode clock, that run and stay in `running` */
  Sequence *next;       /* the next running one behind the members to have its turn; NULL: none */
  SequenceQueue *fresh; /* prefills admitted from `waiting` */
  SequenceQueue *prefills; /* continued prefills */
  SequenceQueue *decodes;
  SequenceQueue *back_prefills; /* swapped in in this step, */
  SequenceQueue *back_decodes;  /* and these */
  SequenceQueue *dropped;       /* victims, to go to the head of `waiting` */
  SequenceQueue *moved;         /* victims, to go to the tail of `swapped` */
  GArray *ignored_swapped;      /* of guint32: requests dropped while swapped, told last */
} V0Plan;

/* Preempts the victim for the beneficiary, which lacks a block. */
void v0_preempt(V0Plan *p, Sequence *victim, const Sequence *beneficiary);
/* The members of the decode clock (vllm_v0_members.c). TRUE if there are any, and the budget
 * reaches all of them. */
gboolean v0_reaches_members(const V0Plan *p);
/* The first member that finds none of `left` blocks free, though it may need none; NULL: all find
 * one.
 */
Sequence *v0_first_short_member(const Scheduler *self, guint32 left);
/* Runs them all at once, where that comes to the same; else dissolves the clock. */
void v0_run_members(V0Plan *p);

/* Tokens that a sequence has to compute. */
guint32 v0_remaining_tokens(const Sequence *sequence);
/* The same in the step in which it comes back: a gap, which no engine has, is cut to the budget. */
guint32 v0_returning_tokens(const V0Plan *p, const Sequence *sequence);

/* Copies beside the steps, a what-if (vllm_v0_copies.c). TRUE if the sequence, which lacks a block,
 * starves: what is being copied out will do for it, so it keeps its place without work in the step.
 */
gboolean v0_starves(V0Plan *p, const Sequence *sequence);
/* Returning sequences that have been copied in run again; of the others those with a gap compute
 * it. */
void v0_join_returned(V0Plan *p);
/* A returning sequence computes of its gap what the budget allows. */
void v0_compute_front(V0Plan *p, Sequence *sequence);

/* Adds the step's entries, in the engine's order of output. */
void v0_emit(V0Plan *p);
/* Rebuilds the queues for after the step. */
void v0_requeue(V0Plan *p);
