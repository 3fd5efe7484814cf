/* A decoder on the GPU: takes a plan, and runs it as a pass (decoder_pass.h) or as graphs
 * (decoder_graphs.h).
 */
#pragma once

#include "decoder_memory.h"

typedef struct DecoderGpu DecoderGpu;

/* FALSE and an error if the GPU's kernels cannot run the model's shape. */
gboolean decoder_gpu_check_shape(const Model *model, GError **error);

/* Adds the GPU memory that a decoder takes besides weights and pool. */
void decoder_gpu_add_needs(const DeviceSetup *setup, const DecoderRoom *room, Budget *budget);

/* weights: the layout's arena on the GPU; pool: the KV pool. Borrows all but room. */
DecoderGpu *decoder_gpu_new(const DeviceSetup *setup, const KvGeometry *geometry,
                            const DecoderRoom *room, const void *weights, void *pool,
                            GError **error);
void decoder_gpu_free(DecoderGpu *decoder);

/* Runs steps of every kind once, with tokens whose KV is not written, and captures the graphs:
 * after that CUDA has loaded and chosen what it does at first use. */
gboolean decoder_gpu_warm_up(DecoderGpu *decoder, cudaStream_t stream, GError **error);

/* Prepares the plan: packs its inputs and plans attention. FALSE if it is larger than the room.
 * Products of a new size are run once before; their time is added to *first_time_ns, and is no part
 * of the step's. */
gboolean decoder_gpu_prepare(DecoderGpu *decoder, const StepPlan *plan, cudaStream_t stream,
                             gint64 *first_time_ns, GError **error);

/* Enqueues the prepared plan; sampled tokens stay on the GPU. head_start: an event that is recorded
 * before the output head. gate: may be NULL. */
gboolean decoder_gpu_run(DecoderGpu *decoder, const StepPlan *plan, LayerGate gate,
                         gpointer gate_data, cudaEvent_t head_start, cudaStream_t stream,
                         GError **error);
/* Copies the logits of the last run, which must be over; `logits` (of float) is resized. FALSE if
 * CUDA fails. */
gboolean decoder_gpu_logits(const DecoderGpu *decoder, GArray *logits);
/* The tokens of the last run's samples, on the GPU. */
const gint32 *decoder_gpu_sampled(const DecoderGpu *decoder);
