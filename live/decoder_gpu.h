/* A decoder on the GPU: takes a plan, and runs it as a pass (decoder_pass.h) or as graphs
 * (decoder_graphs.h).
 */
#pragma once

#include "decoder_memory.h"

typedef struct DecoderGpu DecoderGpu;

/* What the GPU's kernels cannot do is told before anything else. */
gboolean decoder_gpu_check_shape(const Model *model, GError **error);

/* Memory that it takes, apart from weights and pool. */
void decoder_gpu_add_needs(const DeviceSetup *setup, const DecoderRoom *room, Budget *budget);

/* weights: the layout's arena on the GPU; pool: the KV's; setup and geometry: borrowed. */
DecoderGpu *decoder_gpu_new(const DeviceSetup *setup, const KvGeometry *geometry,
                            const DecoderRoom *room, const void *weights, void *pool,
                            GError **error);
void decoder_gpu_free(DecoderGpu *decoder);

/* Runs steps of every kind once, on made-up tokens that are written nowhere, and captures the
 * graphs: what CUDA loads or chooses when it is first asked is then done. */
gboolean decoder_gpu_warm_up(DecoderGpu *decoder, cudaStream_t stream, GError **error);

/* Makes the plan ready to be run; FALSE if it is larger than there is room for. Products of a size
 * that comes for the first time are run once on the side: *first_time_ns, which is no part of the
 * step. */
gboolean decoder_gpu_prepare(DecoderGpu *decoder, const StepPlan *plan, cudaStream_t stream,
                             gint64 *first_time_ns, GError **error);

/* Enqueues the step that was prepared; sampled tokens are left on the GPU. head_start: recorded
 * before the output head. gate: may be NULL. */
gboolean decoder_gpu_run(DecoderGpu *decoder, const StepPlan *plan, LayerGate gate,
                         gpointer gate_data, cudaEvent_t head_start, cudaStream_t stream,
                         GError **error);
/* The logits of the last run, which is over; `logits` is of float and resized. */
gboolean decoder_gpu_logits(const DecoderGpu *decoder, GArray *logits);
/* On the GPU, one a sample of the last run. */
const gint32 *decoder_gpu_sampled(const DecoderGpu *decoder);
