/* A step as a device runs it: rows of tokens with their slots in the paged KV pool, and blocks to
 * copy out and in before them. Plain arrays, the same for every device.
 *
 * Order: first all copies out, then all copies in, then the rows. A block that is copied out may be
 * overwritten by what comes after. Copies beside the steps (jobs) begin with the rows, and end when
 * the device says so: until then nobody writes what they read, or reads what they write.
 */
#pragma once

#include "sim/copy_direction.h"

#include <glib.h>

typedef struct {
  guint32 request;
  gint32 device_block;
  gint32 host_block;
  gint32 disk_block;
} BlockCopy;

typedef struct {
  CopyDirection direction;
  guint first, n; /* of job_blocks */
} CopyJob;

typedef struct {
  /* One row for each token; a sequence's rows are contiguous, in the order of their positions. */
  GArray *token_ids; /* of gint32 */
  GArray *positions; /* of gint32 */
  GArray *slots;     /* of gint64: block * block_size + place in the block; -1: not written */
  /* For each sequence. */
  GArray *requests;     /* of guint32 */
  GArray *query_starts; /* of gint32: its first row; one more than there are sequences */
  GArray *context_lens; /* of gint32 */
  GArray *block_tables; /* of gint32: [sequences][block_table_stride] */
  guint32 block_table_stride;
  /* For each sampled token: a row's logits give the next token of a sequence. */
  GArray *sample_rows;      /* of gint32 */
  GArray *sample_sequences; /* of guint32: which of the sequences */
  GArray *uniforms;         /* of float in [0, 1) */

  GArray *copies_out; /* of BlockCopy */
  GArray *copies_in;
  GArray *jobs;       /* of CopyJob: of a way in their order */
  GArray *job_blocks; /* of BlockCopy */
} StepPlan;

StepPlan *step_plan_new(void);
void step_plan_free(StepPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StepPlan, step_plan_free)
void step_plan_clear(StepPlan *plan);

/* How many copies from `first` on have consecutive host blocks, and so are made as one. */
guint step_plan_copy_row(const GArray *copies, guint first);

static inline guint32
step_plan_rows(const StepPlan *plan)
{
  return plan->token_ids->len;
}

static inline guint32
step_plan_sequences(const StepPlan *plan)
{
  return plan->requests->len;
}
