/* What the files of SGLang's scheduler share: its state from step to step. */
#pragma once

#include "sim/scheduler.h"

/* A request that allows more output tokens than this is planned for as if it allowed so many. */
#define SGLANG_CLIP_TOKENS 4096

typedef struct {
  /* The share of what the running requests may still generate that admission keeps free: it falls
   * with every decode step, and is estimated anew at a retraction. */
  double ratio, init_ratio, min_ratio, ratio_decay;
  gboolean batch_is_full; /* nobody is admitted until the running batch shrinks */
  Sequence *chunked;      /* whose prompt is computed in part; it is in self->prefilling */
  guint32 prefilled;      /* sequences of the last step, if that was a prefill */
  gboolean will_publish;  /* the step in flight is a prefill: its end changes the radix cache */
  guint32 running_known;  /* those that ran after the last decision */
  guint32 free_rows;      /* of the table of requests: max_num_seqs in all */
  guint32 queue_looks;    /* attempts to admit from a waiting queue */
} SglangState;

/* Blocks that can be had: free ones, those that can be evicted, and those that retracted requests
 * keep. */
guint32 sglang_available_blocks(const Scheduler *self);
/* Evicts until so many blocks are free, and then takes what retracted requests keep. FALSE if so
 * many are not to be had. */
gboolean sglang_free_blocks(Scheduler *self, Step *step, guint32 blocks);
/* TRUE if requests wait, on the host or not. */
gboolean sglang_waits(const Scheduler *self);
/* As scheduler_entry_kind(), of one that may have come back in this very step. */
EntryKind sglang_kind(const Step *step, const Sequence *sequence);

/* Output tokens that have arrived: the one on its way is not known yet. */
guint32 sglang_outputs(const Scheduler *self, const Sequence *sequence);

/* Of requests whose last token is on its way, those that end by their length leave the running
 * batch. TRUE if there was one. */
gboolean sglang_drop_ending(Scheduler *self);

/* The step is a prefill, if anything can be prefilled; FALSE if not. */
gboolean sglang_prefill(Scheduler *self, Step *step);

/* A decode step lacks blocks: some of the running sequences go, one at least. */
void sglang_retract(Scheduler *self, Step *step);

/* The sequence decodes in this step, one by one; it takes a block if it needs one, which must be
 * there. */
void sglang_add_decode(Scheduler *self, Step *step, Sequence *sequence);
/* TRUE if its next token needs a block. */
gboolean sglang_needs_block(const Scheduler *self, const Sequence *sequence);
