/* Attention over the paged KV cache: prefills with a cached prefix, decodes, and both in a batch.
 *
 *     softmax(scale * q k^T) v, causal: query i of a sequence that brings n of its c tokens sees
 *     keys 0 … c - n + i.  A decode is n = 1.  Query head h reads KV head h / (heads / kv_heads).
 *
 * The batch is ragged: sequence s has query rows query_starts[s] … query_starts[s + 1] - 1 and
 * context_lens[s] tokens in the pool, the new ones among them (kv_write comes before).
 */
#pragma once

#include "paged_kv.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  uint32_t num_sequences;
  const int32_t *query_starts; /* num_sequences + 1 of them, from 0 */
  const int32_t *context_lens; /* tokens, at least as many as there are query rows */
  const int32_t *block_tables; /* [num_sequences][block_table_stride]: block ids, in order */
  uint32_t block_table_stride;
  /* On the GPU: where decodes read block_table_stride instead, for launches that a graph repeats.
   * NULL: what is above. */
  const uint32_t *block_table_stride_place;
} AttentionBatch;

typedef struct {
  uint32_t heads;                      /* of the queries, a multiple of kv->kv_heads */
  float scale;                         /* 1 / sqrt(head_dim), as a rule */
  size_t q_row_stride, out_row_stride; /* elements from a row to the next; heads are contiguous */
} AttentionShape;

/* q and out: [rows][heads][head_dim]. Every query row is computed by itself, in the order of its
 * keys, so that a row's result does not depend on what else is in the batch, on the block size or
 * on how a prefill is cut into chunks. */
void attention_reference(const AttentionShape *shape, const AttentionBatch *batch,
                         const PagedKv *kv, const float *q, float *out);

/* On the GPU: fp16 and bf16, head dims 64 and 128, blocks of 1 to 256 tokens, a scale above 0;
 * q, out, k, v and their strides on multiples of 16 bytes. Sequences without new tokens are passed
 * over. Functions return a cudaError_t, 0 for success: cudaErrorInvalidValue and
 * cudaErrorMisalignedAddress for arguments that are none of this, or what CUDA gave. What goes
 * wrong while a kernel runs is told by the stream. */
typedef struct {
  uint32_t multiprocessors;
  bool has_wgmma;      /* compute capability 9.0, and this program has code for it */
  bool cuts_prefills;  /* few or short ones: heads are packed, keys cut (prefill_plan.h) */
  bool levels_decodes; /* thread blocks get equal work (decode_plan.h) */
  /* With has_wgmma: */
  bool widens_tiles; /* of heads of 64 dimensions, to 192 rows */
  bool maps_blocks;  /* keys and values are copied a block at a time, by tensor maps */
} AttentionDevice;

/* An environment variable: where it is set, prefills go the portable way on every GPU, should the
 * other fail on one. */
#define ATTENTION_PORTABLE "SPILLWAY_PORTABLE_ATTENTION"

/* The current GPU, and what kernels/without.h leaves; cudaErrorNotSupported below compute
 * capability 8.0. */
int attention_device_query(AttentionDevice *device);

/* What tells times of attention and of whole steps apart: "sm_90a", or "sm_80" for the portable
 * kernels, and what of kernels/without.h is left out: "sm_90a without decode-lists,tensor-maps". */
enum { ATTENTION_DEVICE_NAME_BYTES = 128 };
void attention_device_name(const AttentionDevice *device, char *name, size_t num_bytes);

/* How a batch is cut into thread blocks: worked out on the host once a step, used by all its
 * layers. It depends on the batch's lengths and the number of heads, not on its block tables. */
typedef struct AttentionPlan AttentionPlan;

/* Of `batch`, in host memory, only the lengths are read. The caller frees the plan. */
int attention_plan_new(const AttentionDevice *device, const AttentionShape *shape,
                       const PagedKv *kv, const AttentionBatch *batch, AttentionPlan **plan);
void attention_plan_free(AttentionPlan *plan);
/* For CUDA graphs, whose launches stay as they are: makes a plan of nothing but decodes, at most
 * `num_sequences` of them, one of num_sequences. All plans of one device and shape that are
 * padded to as many and are alike in whether any sequence is cut have the same grids and the same
 * sizes and places of data and workspace; they run with a batch of num_sequences. */
int attention_plan_pad(AttentionPlan *plan, uint32_t num_sequences);
bool attention_plan_is_cut(const AttentionPlan *plan);

/* The most that the data and the workspace of a plan take, padded or not, over all batches of up to
 * so many query rows and sequences. */
void attention_plan_most_bytes(const AttentionDevice *device, const AttentionShape *shape,
                               const PagedKv *kv, uint32_t num_rows, uint32_t num_sequences,
                               size_t *data_bytes, size_t *workspace_bytes);

/* What has to be copied to the GPU before the first run; the plan's own memory. */
const void *attention_plan_data(const AttentionPlan *plan, size_t *num_bytes);
/* Memory on the GPU that runs of this plan write, one at a time; may be 0. */
size_t attention_plan_workspace_bytes(const AttentionPlan *plan);

/* Runs in `stream`, without waiting. All pointers, those in `batch` and `kv` too, are to memory
 * that the GPU reaches; `batch` and `shape` are those of the plan. `plan_data`: the copy. */
int attention_run(Dtype dtype, const AttentionShape *shape, const AttentionBatch *batch,
                  const PagedKv *kv, const void *q, void *out, const AttentionPlan *plan,
                  const void *plan_data, void *workspace, struct CUstream_st *stream);

#ifdef __cplusplus
}
#endif
