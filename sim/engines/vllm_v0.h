/* What the passes of a step of vLLM 0.x hand to each other, and what follows from it. For the
 * engine's own files. */
#pragma once

#include "sim/scheduler.h"

/* Of one step. The queues are the scheduler's scratch. */
typedef struct {
  Scheduler *self;
  Step *step;
  gint64 tokens;           /* of the budget, left */
  guint32 seqs;            /* counted against max_num_seqs */
  gboolean by_arrival;     /* 0.5: queues are sorted before a pass */
  guint32 owed_blocks;     /* that starved sequences wait for, while they are copied out */
  guint32 members;         /* of the decode clock, if they run; they stay in running */
  Sequence *next;          /* of the running ones behind them, the first not come to; NULL: none */
  SequenceQueue *fresh;    /* prefills out of waiting */
  SequenceQueue *prefills; /* continued ones */
  SequenceQueue *decodes;
  SequenceQueue *back_prefills; /* swapped in in this step */
  SequenceQueue *back_decodes;
  SequenceQueue *dropped; /* victims, to go to the head of waiting */
  SequenceQueue *moved;   /* victims, to go to the tail of swapped */
  GArray *ignored_swapped;
} V0Plan;

/* The victim goes for the beneficiary, which lacks a block. */
void v0_preempt(V0Plan *p, Sequence *victim, const Sequence *beneficiary);
/* The members of the decode clock (vllm_v0_members.c). The budget reaches all of them, which are
 * the oldest of what runs. */
gboolean v0_reaches_members(const V0Plan *p);
/* The first that finds none of `left` blocks, though it may need none; NULL: all find one. */
Sequence *v0_first_short_member(const Scheduler *self, guint32 left);
/* They run all at once where they can. Else they are to be looked at one by one. */
void v0_run_members(V0Plan *p);

/* Tokens that it has to compute. */
guint32 v0_remaining_tokens(const Sequence *sequence);
/* The same in the step in which it comes back: of a gap, which no engine has, chunks. */
guint32 v0_returning_tokens(const V0Plan *p, const Sequence *sequence);

/* Copies beside the steps, a what-if (vllm_v0_copies.c). TRUE if what is being copied out will do
 * for the sequence, which lacks a block: it keeps its place and has no work in the step. */
gboolean v0_starves(V0Plan *p, const Sequence *sequence);
/* Who has been copied in has work again; of the others who has a gap computes it. */
void v0_join_returned(V0Plan *p);
/* The sequence, which is among the returning ones, computes of its gap what the budget allows. */
void v0_compute_front(V0Plan *p, Sequence *sequence);

/* The entries, in the engine's order of output. */
void v0_emit(V0Plan *p);
/* What runs after the step. Where the queue is sorted before it is used, the order is free. */
void v0_requeue(V0Plan *p);
