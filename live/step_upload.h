/* Packs a plan's arrays into one buffer, so that a step needs one copy to the GPU. Host code: the
 * offsets of the arrays are the same on both sides.
 *
 * A step of decodes that runs as a graph is padded to `rows` rows, sequences and samples: then the
 * offsets depend on `rows` and on the size of attention's plan only. The block tables, whose size
 * differs from step to step, come last. Padding: token 0 at position 0 in slot -1, which is not
 * written, and row 0 sampled.
 */
#pragma once

#include "kernels/attention.h"
#include "step_plan.h"

enum { UPLOAD_ALIGN = 256 };

typedef struct {
  guint8 *memory; /* host side; what is sent. Borrowed */
  gsize room_bytes, used_bytes;
  /* Offsets into it. */
  gsize token_ids, positions, slots, query_starts, context_lens, sample_rows, uniforms,
      block_table_stride, attention_plan, block_tables;
  guint32 rows, sequences, samples; /* with padding */
} StepUpload;

/* Packs the plan and attention's plan. padded: the number of rows to pad to; 0: none. FALSE if the
 * buffer is too small: used_bytes is the size that is needed. */
gboolean step_upload_pack(StepUpload *upload, const StepPlan *plan, guint32 padded,
                          gconstpointer attention_plan, gsize attention_bytes);

/* The most bytes that plans within these limits take. */
gsize step_upload_most_bytes(guint32 rows, guint32 sequences, guint32 blocks_of_a_sequence,
                             gsize attention_bytes);

/* The batch for attention_run(), its arrays at `base` + offsets. */
AttentionBatch step_upload_batch(const StepUpload *upload, const StepPlan *plan, const void *base);
