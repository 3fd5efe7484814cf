/* A cost model fitted to steps that were timed: each component a sum of a few counts of the step,
 * every one with a coefficient. For executors whose costs are so simple, as the CPU's are; a GPU's
 * have steps and plateaus, which profiles know (profile_cost.h).
 *
 *   projections   1, tokens                     output head  1, sampled sequences
 *   elementwise   1, tokens                     host         1, sequences, tokens
 *   attention     tokens, pairs of a prefill's token and one that it sees, contexts of decodes
 *   copies        blocks
 *
 * Coefficients are whole picoseconds, at least 0; the fit minimizes the relative deviation, not its
 * square, so that a step that something else delayed counts little.
 */
#pragma once

#include "sim/cost.h"
#include "sim/step.h"

typedef struct {
  gint64 tokens, pairs, contexts, sequences, sampled, copy_out_blocks, copy_in_blocks;
} StepCounts;

typedef struct {
  StepCounts counts;
  gint64 component_ps[COST_COMPONENTS];
} StepSample;

/* Of a step whose plain decodes are listed. */
StepCounts step_counts_of(const Step *step);

/* The caller frees the model. Without samples everything is 0. */
CostModel *step_fit_new(const StepSample *samples, guint n);
