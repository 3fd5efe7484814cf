/* A decoder's forward pass on the CPU, through the reference kernels: floats, double sums, a row at
 * a time, so that a row's result depends on nothing but its sequence.
 */
#pragma once

#include "cpu_copies.h"

typedef struct DecoderCpu DecoderCpu;

/* Borrows all arguments. weights: the layout's arena of floats. */
DecoderCpu *decoder_cpu_new(const DecoderConfig *config, const WeightLayout *layout,
                            const float *weights, guint32 max_model_len);
void decoder_cpu_free(DecoderCpu *decoder);

/* Runs the plan's rows on `pool`, which has the geometry and floats as elements. `logits` (of
 * float) is resized to [samples][vocab]. Adds the CPU time of each component to `times`.
 * layer_copies: makes the plan's copies, which were begun, layer by layer; NULL: they were made.
 * FALSE if what came back is not what was copied out. */
gboolean decoder_cpu_run(DecoderCpu *decoder, const StepPlan *plan, const KvGeometry *geometry,
                         void *pool, CpuCopies *layer_copies, GArray *logits, DeviceTimes *times,
                         GError **error);
