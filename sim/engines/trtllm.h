/* What the files of TensorRT-LLM's scheduler share: trtllm.c, trtllm_contexts.c, trtllm_room.c. */
#pragma once

#include "sim/scheduler.h"

/* One that computes its prompt in the step, or comes back from the host. */
typedef struct {
  Sequence *sequence;
  guint32 rest;   /* tokens that it has not computed */
  guint32 tokens; /* of them in this step */
  EntryKind kind;
} TrtllmContext;

typedef struct {
  guint64 promised_blocks; /* that those that have started hold at their ends */
  GArray *contexts;        /* of TrtllmContext: of the decision, in order */
  GArray *coming;          /* of guint64: keys of blocks that contexts compute */
} TrtllmState;

/* A decision, in order of arrival. */
typedef struct {
  Scheduler *self;
  Step *step;
  TrtllmState *state;
  Sequence *waiting, *swapped; /* the next of those that wait, and on the host; NULL: none */
  gint64 unpromised_blocks;    /* guaranteed: what those that have not had their turn may ask for */
  guint32 spoken_blocks;       /* else: free ones of contexts that fit, but have no tokens now */
  guint32 tokens;              /* left in the step */
  guint32 chunk_tokens; /* chunked: left for contexts, as far as is known before all had a turn */
  guint32 passed;       /* that fit, or will share what is being computed, and wait */
  guint32 end;          /* a request that was paused: those behind it have no turn */
  gboolean closed;      /* nobody starts */
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

/* Who runs, and who waits, stands in order of arrival; a victim policy that ranks changes it. */
static inline gboolean
trtllm_keeps_order(const Scheduler *self)
{
  return self->config.victim->rank == NULL;
}

/* Max-utilization: somebody has started who arrived after `waiting`, and is paused for it. */
static inline gboolean
trtllm_may_pause(const Scheduler *self, const Sequence *waiting)
{
  const Sequence *last = self->running.tail;

  return !trtllm_guarantees(self) && trtllm_keeps_order(self) && last != NULL &&
         last->request > waiting->request;
}

/* trtllm_room.c ---------------------------------------------------------------------------------
 */

/* Blocks that it holds at its end, if it generates all that its client allows. */
guint64 trtllm_blocks_at_end(const Scheduler *self, const Sequence *sequence);
/* The victim loses its KV, or goes to the host, and waits; nobody behind it has a turn any more. */
void trtllm_pause(TrtllmDecision *d, Sequence *victim, const Sequence *beneficiary,
                  guint32 short_blocks);
/* Blocks are free for the sequence, beside those that are spoken for. Under max-utilization the
 * last that started is paused until they are, but nobody who stands before the sequence. FALSE:
 * they are not. */
gboolean trtllm_find_room(TrtllmDecision *d, Sequence *sequence, guint32 blocks);

/* trtllm_contexts.c -----------------------------------------------------------------------------
 */

/* The first of those that have had no turn and wait, on the host or not; NULL if nobody does. */
static inline Sequence *
trtllm_first_waiting(const TrtllmDecision *d)
{
  if (d->waiting == NULL || (d->swapped != NULL && d->swapped->request < d->waiting->request))
    return d->swapped;
  return d->waiting;
}

/* What contexts that are not done compute: others may wait for it. */
void trtllm_note_coming(TrtllmDecision *d);
/* A started one has its blocks, and its turn. FALSE: there are no tokens for it. */
gboolean trtllm_go_on(TrtllmDecision *d, Sequence *sequence);
/* The first of those that wait has its turn. FALSE: it does not fit, and the decision ends. */
gboolean trtllm_try(TrtllmDecision *d);
/* Contexts get their tokens. */
void trtllm_run_contexts(TrtllmDecision *d);
