/* One forward pass of a decoder on the GPU: the same operations in the same order as in
 * decoder_cpu.c, enqueued in a stream.
 *
 * All that a pass reads and writes is at addresses that stay for the device's life, so that a pass
 * of padded decodes can be captured as a graph and launched again for other steps.
 */
#pragma once

#include <cuda_runtime_api.h>

#include "device.h"
#include "kernels/gemm.h"
#include "step_upload.h"

/* Called before a layer's KV is touched: makes the stream wait for the layer's copies. Returns a
 * cudaError_t. */
typedef int (*LayerGate)(gpointer data, guint32 layer, cudaStream_t stream);

/* What a decoder has on the GPU. */
typedef struct {
  const DecoderConfig *config;
  const Model *model;
  const WeightLayout *layout;
  const KvGeometry *geometry;
  const char *weights;
  void *pool;
  Dtype dtype;
  gsize q_width, qkv_width;
  SamplingParams sampling;
  Gemm *gemm;
  float *cos_sin;
  char *inputs; /* the upload */
  void *attention_workspace;
  void *residual, *hidden, *qkv, *attended, *gate_up, *activated, *sampled_rows, *logits;
  gint32 *sampled;
} DecoderMemory;

typedef struct {
  const DecoderMemory *memory;
  const StepUpload *upload;
  AttentionBatch batch; /* on the GPU */
  const AttentionPlan *attention;
  LayerGate gate; /* may be NULL */
  gpointer gate_data;
  cudaStream_t stream;
  /* The first call that failed: 0, a cudaError_t, or below 0 a cuBLASLt status' negative. */
  int status;
  const char *failed;
  gint32 failed_layer; /* -1: none */
} DecoderPass;

AttentionShape decoder_attention_shape(const DecoderMemory *memory);

DecoderPass decoder_pass(const DecoderMemory *memory, const StepUpload *upload,
                         const StepPlan *plan, const AttentionPlan *attention, cudaStream_t stream);

/* From token ids to the normed rows behind the last layer. */
void decoder_pass_layers(DecoderPass *pass);
/* From these to the samples' tokens. */
void decoder_pass_head(DecoderPass *pass);
/* Only the products of one layer, or of the head, so that cuBLASLt chooses and loads their kernels.
 */
void decoder_pass_products(DecoderPass *pass);
void decoder_pass_head_product(DecoderPass *pass);

/* Keeps the first status that is not 0. what: a string constant; layer: -1 for none. */
void decoder_pass_keep(DecoderPass *pass, int status, const char *what, gint32 layer);
/* Sets the error of a pass that failed ("attention of layer 3: …"). Returns FALSE. */
gboolean decoder_pass_fail(const DecoderPass *pass, GError **error);
