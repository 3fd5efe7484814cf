/* SGLang's scheduler: its state from step to step, and what its files share. */
#pragma once

#include "sim/scheduler.h"

/* Admission plans for at most so many output tokens a request. */
#define SGLANG_CLIP_TOKENS 4096

typedef struct {
  /* The share of what the running requests may still generate that admission keeps free: it falls
   * with every decode step, and is estimated anew at a retraction. */
  double ratio, init_ratio, min_ratio, ratio_decay;
  gboolean batch_is_full; /* nobody is admitted until the running batch shrinks */
  Sequence *chunked;      /* whose prompt is computed in part, in self->prefilling; NULL: none */
  guint32 prefilled;      /* sequences of the last step, if that was a prefill */
  gboolean brought_back;  /* the last step's decodes came back from the host, some of them */
  gboolean will_publish;  /* the step in flight is a prefill, or such a one: its end changes the
                             radix cache */
  guint32 running_known;  /* sequences that ran after the last decision */
  guint32 free_rows;      /* of the table of requests, which has max_num_seqs */
  guint32 queue_looks;    /* attempts to admit from the waiting queue */
} SglangState;

/* Blocks that can be had: free ones, evictable ones, and those that retracted requests keep. */
guint32 sglang_available_blocks(const Scheduler *self);
/* With a window pool: pages there that can be had. */
static inline guint32
sglang_window_blocks(const Scheduler *self)
{
  return self->pool.window.free_blocks + self->pool.window.evictable_blocks;
}
static inline gboolean
sglang_has_windows(const Scheduler *self)
{
  return window_pool_is_used(&self->pool.window);
}
/* Evicts, then takes from retracted requests what they keep, until `blocks` blocks are free, of a
 * window pool as many. FALSE if that is not enough. */
gboolean sglang_free_blocks(Scheduler *self, Step *step, guint32 blocks);
/* TRUE if requests wait, on the host or not. */
gboolean sglang_waits(const Scheduler *self);
/* As scheduler_entry_kind(), for a sequence that may have come back in this very step. */
EntryKind sglang_kind(const Step *step, const Sequence *sequence);

/* Output tokens that have arrived: the one on its way is not known yet. */
guint32 sglang_outputs(const Scheduler *self, const Sequence *sequence);

/* With a window pool: gives back what the windows of those that decode have passed; */
void sglang_pass_windows(Scheduler *self);
/* and of one that is about to compute the next part of its prompt, without a radix cache. */
void sglang_pass_prefill(Scheduler *self, Sequence *sequence);

/* Takes out of the running batch the requests whose last token is in flight and that end by their
 * length. TRUE if there are any. */
gboolean sglang_drop_ending(Scheduler *self);

/* Makes the step a prefill, if anything can be prefilled; FALSE if not. */
gboolean sglang_prefill(Scheduler *self, Step *step);

/* For a decode step that lacks blocks: retracts running sequences, at least one. */
void sglang_retract(Scheduler *self, Step *step);

/* The next request whose EOS is in flight, from *i on; NULL: there is none. These are not known to
 * have ended, and decode once more; they stand anywhere among the members of the clock. */
Sequence *sglang_next_eos_in_flight(const Scheduler *self, guint *i);

/* Adds a sequence that is no member of the clock to a decode step, with a block if it needs one,
 * which must be free. */
void sglang_add_decode(Scheduler *self, Step *step, Sequence *sequence);
/* TRUE if its next token needs a block. */
gboolean sglang_needs_block(const Scheduler *self, const Sequence *sequence);
