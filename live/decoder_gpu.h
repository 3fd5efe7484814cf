/* A decoder's forward pass on the GPU: the same operations in the same order as decoder_cpu.c.
 *
 * Steps that are nothing but decodes, up to GPU_GRAPH_ROWS of them, run as CUDA graphs: what lies
 * between two attentions is one graph, captured once for a number of rows (batches are padded to
 * it), since only attention depends on the lengths. Padding rows have slot -1 and are never read.
 * The setup may ask for graphs of no step, or of every one.
 */
#pragma once

#include "device.h"
#include "gpu_memory.h"
#include "step_upload.h"

enum { GPU_GRAPH_ROWS = 256 };

typedef struct DecoderGpu DecoderGpu;

/* weights: the layout's arena on the GPU; setup and geometry: borrowed. */
DecoderGpu *decoder_gpu_new(const DeviceSetup *setup, const KvGeometry *geometry,
                            const void *weights, GError **error);
void decoder_gpu_free(DecoderGpu *decoder);

/* The element type of the model's weights, activations and KV. */
Dtype decoder_gpu_dtype(const Model *model);

/* What has to be known on the GPU before a run; then the upload is to be sent. */
gboolean decoder_gpu_prepare(DecoderGpu *decoder, const StepPlan *plan, StepUpload *upload,
                             GError **error);

/* Asked before a layer's KV is touched: what the layer waits for. May be NULL. */
typedef gboolean (*LayerGate)(gpointer data, guint32 layer, cudaStream_t stream);

/* Enqueues the step that was prepared; sampled tokens are left on the GPU. head_start: recorded
 * before the output head. */
gboolean decoder_gpu_run(DecoderGpu *decoder, const StepPlan *plan, const StepUpload *upload,
                         void *pool, LayerGate gate, gpointer gate_data, cudaEvent_t head_start,
                         cudaStream_t stream, GError **error);
/* The logits of the last run, which is over; `logits` is of float and resized. */
gboolean decoder_gpu_logits(const DecoderGpu *decoder, GArray *logits);
/* On the GPU, one a sample of the last run. */
const gint32 *decoder_gpu_sampled(const DecoderGpu *decoder);
