/* TensorRT-LLM's scheduler: what trtllm.c, trtllm_contexts.c and trtllm_room.c share. */
#pragma once

#include "sim/scheduler.h"

/* A sequence that computes its prompt in the step (a context), or comes back from the host. */
typedef struct {
  Sequence *sequence;
  guint32 rest;   /* tokens that it has to compute */
  guint32 tokens; /* of these in this step */
  EntryKind kind;
} TrtllmContext;

typedef struct {
  guint64 promised_blocks; /* that started requests hold at their ends */
  GArray *contexts;        /* of TrtllmContext: the decision's, in order */
  GArray *coming;          /* of guint64: keys of blocks that contexts are computing */
} TrtllmState;

/* One decision; requests have their turns in order of arrival. */
typedef struct {
  Scheduler *self;
  Step *step;
  TrtllmState *state;
  Sequence *waiting, *swapped; /* the next to have its turn of each queue; NULL: none */
  gint64 unpromised_blocks;    /* guaranteed: blocks that nobody who had a turn needs to its end */
  guint32 spoken_blocks;       /* else: free blocks for contexts that fit but have no tokens now */
  guint32 tokens;              /* left in the step */
  guint32 chunk_tokens; /* chunked: left for contexts, as far as is known before all had a turn */
  guint32 passed;       /* requests that fit, or will share what is being computed, and wait */
  guint32 end;          /* a request that was paused: later ones have no turn */
  gboolean closed;      /* no request starts any more */
} TrtllmDecision;

static inline gboolean
trtllm_guarantees(const Scheduler *self)
{
  return self->config.capacity_policy != CAPACITY_MAX_UTILIZATION;
}

static inline gboolean
trtllm_generates(const Sequence *sequence)
{
  return sequence->stage == STAGE_DECODE;
}

/* TRUE if queues are in order of arrival: unless a victim policy ranks. */
static inline gboolean
trtllm_keeps_order(const Scheduler *self)
{
  return self->config.victim->rank == NULL;
}

/* Max-utilization: TRUE if a later request than `waiting` runs, and can be paused for it. */
static inline gboolean
trtllm_may_pause(const Scheduler *self, const Sequence *waiting)
{
  const Sequence *last = self->running.tail;

  return !trtllm_guarantees(self) && trtllm_keeps_order(self) && last != NULL &&
         last->request > waiting->request;
}

/* trtllm_room.c ----------------------------------------------------------------------------- */

/* Blocks that the sequence holds at its end, if it generates all that its client allows. */
guint64 trtllm_blocks_at_end(const Scheduler *self, const Sequence *sequence);
/* Pauses the victim: it loses its KV, or goes to the host, and waits; later ones have no turn. */
void trtllm_pause(TrtllmDecision *d, Sequence *victim, const Sequence *beneficiary,
                  guint32 short_blocks);
/* TRUE if `blocks` blocks are free for the sequence, beyond spoken_blocks. Under max-utilization
 * pauses the last that started until they are, but none that stands before the sequence. */
gboolean trtllm_find_room(TrtllmDecision *d, Sequence *sequence, guint32 blocks);

/* trtllm_contexts.c ------------------------------------------------------------------------- */

/* The next that waits, on the host or not, and has had no turn; NULL: there is none. */
static inline Sequence *
trtllm_first_waiting(const TrtllmDecision *d)
{
  if (d->waiting == NULL || (d->swapped != NULL && d->swapped->request < d->waiting->request))
    return d->swapped;
  return d->waiting;
}

/* Notes the blocks that contexts are computing, for which others may wait. */
void trtllm_note_coming(TrtllmDecision *d);
/* The turn of a sequence that has started and has its blocks. FALSE: there are no tokens for it. */
gboolean trtllm_go_on(TrtllmDecision *d, Sequence *sequence);
/* The turn of trtllm_first_waiting(). FALSE: it does not fit, and the decision ends. */
gboolean trtllm_try(TrtllmDecision *d);
/* Shares the step's tokens among the contexts, and lists them in the step. */
void trtllm_run_contexts(TrtllmDecision *d);
