/* A plan's arrays in one piece of memory, so that a step needs one copy to the GPU. Host code: the
 * pieces' places are worked out here, and are the same on both sides.
 */
#pragma once

#include "kernels/attention.h"
#include "step_plan.h"

enum { UPLOAD_ALIGN = 256 };

typedef struct {
  GByteArray *bytes; /* host side; what is sent */
  /* Offsets into it. */
  gsize token_ids, positions, slots, query_starts, context_lens, block_tables, sample_rows,
      uniforms;
  gsize attention_plan;
  guint32 rows; /* with padding */
} StepUpload;

StepUpload *step_upload_new(void);
void step_upload_free(StepUpload *upload);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StepUpload, step_upload_free)

/* Packs the plan, its rows padded to `rows` (token 0 at position 0, slot -1). */
void step_upload_pack(StepUpload *upload, const StepPlan *plan, guint32 rows);
/* Appends the plan of attention, and keeps its place. */
void step_upload_add_attention(StepUpload *upload, const void *data, gsize num_bytes);

/* The most that a plan of these sizes packs to, attention's plan apart. */
gsize step_upload_most_bytes(guint32 rows, guint32 sequences, guint32 blocks_of_a_sequence);

/* The batch as attention takes it, its arrays at `base` + offsets. */
AttentionBatch step_upload_batch(const StepUpload *upload, const StepPlan *plan, const void *base);

/* The number of rows that a batch of decodes is padded to: 1, 2, 4, then multiples of 8. */
guint32 step_upload_padded_rows(guint32 rows);
