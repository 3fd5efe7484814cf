/* A plan's arrays in one piece of memory, so that a step needs one copy to the GPU. Host code: the
 * pieces' places are worked out here, and are the same on both sides.
 *
 * A step of decodes that runs as a graph is padded to `rows` rows, sequences and samples: then the
 * places depend on `rows` and on the size of attention's plan alone, and what differs from step to
 * step in size, the block tables, comes last. Padding: token 0 at position 0 in slot -1, which
 * nobody writes, and row 0 sampled.
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

/* Packs the plan and attention's; `padded`: 0, or the number of rows. FALSE if the room is too
 * small; used_bytes says how much it would be. */
gboolean step_upload_pack(StepUpload *upload, const StepPlan *plan, guint32 padded,
                          gconstpointer attention_plan, gsize attention_bytes);

/* The most that plans of these sizes pack to. */
gsize step_upload_most_bytes(guint32 rows, guint32 sequences, guint32 blocks_of_a_sequence,
                             gsize attention_bytes);

/* The batch as attention takes it, its arrays at `base` + offsets. */
AttentionBatch step_upload_batch(const StepUpload *upload, const StepPlan *plan, const void *base);
