/* What a vLLM server takes of a card beside weights and KV, as its own start-up finds it out: by a
 * profile run of the largest step, and what the driver counts beyond that. By version, read in the
 * published 0.8.5 to 0.32 and held against start-up logs (tests/unit/calib/server-memory.c).
 *
 * The profile run is a forward pass of max_num_batched_tokens, then the sampler for max_num_seqs
 * sequences; the larger of the two peaks counts, not their sum, since the pass's results are freed
 * before the sampler runs. Where the sampler's is the larger, tensor parallelism does not lower it:
 * every rank samples from whole logits.
 */
#pragma once

#include "calib/devices/device.h"
#include "sim/model.h"

typedef struct {
  const Device *device;
  const Model *model;
  guint32 version; /* x of vLLM 0.x, from 8; 0: before the v1 engine */
  guint32 tensor_parallel_size;
  guint32 max_num_batched_tokens;
  guint32 max_num_seqs;
  guint32 data_parallel_size;     /* engines that share experts; 0 is 1 */
  guint32 expert_groups;          /* that experts are dealt out to; 0 is 1 */
  guint32 pipeline_parallel_size; /* 0 is 1 */
  gboolean eager;                 /* --enforce-eager: nothing is compiled, nothing captured */
} ServerSetup;

/* Ranks that a model's experts are shared by. */
static inline guint32
server_expert_ranks(const ServerSetup *setup)
{
  return setup->tensor_parallel_size * MAX(1, setup->data_parallel_size);
}

typedef struct {
  guint64 activation_bytes;    /* peak of the profile run */
  const char *activation_peak; /* in what: static text */
  guint64 non_torch_bytes;     /* loaded kernels, cuBLAS, NCCL: what PyTorch does not allocate */
  guint64 graph_bytes;         /* CUDA graphs, 0 in versions that do not count them */
} ServerMemory;

/* On one of the tensor-parallel group's devices. */
ServerMemory server_memory_find(const ServerSetup *setup);

/* What a server of vLLM pads experts in MXFP4 to on such a card: by Marlin's kernels, Triton's or
 * TensorRT-LLM's. */
ExpertPadding server_expert_padding(const Device *device, guint32 version);

/* What a server of SGLang takes on one of `ranks` devices before it loads weights: a share of the
 * memory is of what is left then. From its start-up logs (doc/memory.md). */
guint64 server_memory_before_weights(const Device *device, guint32 ranks);
