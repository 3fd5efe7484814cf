/* Attention over the paged KV cache: prefills with a cached prefix, decodes, and both in a batch.
 *
 *     softmax(scale * q k^T) v, causal: of a sequence of c tokens, n of them new, new token i sees
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
  /* On the GPU: decodes read the stride from here instead, since a graph repeats its launches with
   * the same arguments. NULL: they take block_table_stride. */
  const uint32_t *block_table_stride_place;
} AttentionBatch;

typedef struct {
  uint32_t heads;                      /* query heads, a multiple of kv->kv_heads */
  float scale;                         /* usually 1 / sqrt(head_dim) */
  size_t q_row_stride, out_row_stride; /* elements from row to row; heads are contiguous */
} AttentionShape;

/* q and out: [rows][heads][head_dim]. Every query row is computed by itself, in the order of its
 * keys, so that a row's result does not depend on what else is in the batch, on the block size or
 * on how a prefill is cut into chunks. */
void attention_reference(const AttentionShape *shape, const AttentionBatch *batch,
                         const PagedKv *kv, const float *q, float *out);

/* On the GPU: fp16 and bf16, head dims 64 and 128, blocks of 1 to 256 tokens, a scale above 0;
 * q, out, k, v and their strides are multiples of 16 bytes. Sequences without new tokens are
 * skipped. Functions return a cudaError_t, 0 for success: cudaErrorInvalidValue or
 * cudaErrorMisalignedAddress for other arguments, or CUDA's error. The stream reports errors of a
 * kernel that runs. */
typedef struct {
  uint32_t multiprocessors;
  bool has_wgmma;      /* compute capability 9.0, and ATTENTION_PORTABLE is not set */
  bool cuts_prefills;  /* few or short prefills: heads are packed, keys cut (prefill_plan.h) */
  bool levels_decodes; /* thread blocks get equal work (decode_plan.h) */
  /* With has_wgmma: */
  bool widens_tiles; /* tiles of heads of 64 dimensions have 192 rows */
  bool maps_blocks;  /* keys and values are copied by blocks, with tensor maps */
} AttentionDevice;

/* Environment variable: where it is set, every GPU takes the portable prefill kernel. */
#define ATTENTION_PORTABLE "SPILLWAY_PORTABLE_ATTENTION"

/* The current GPU, without what kernels/without.h turns off. cudaErrorNotSupported below compute
 * capability 8.0. */
int attention_device_query(AttentionDevice *device);

/* The kind of kernels, which times of attention and of whole steps depend on: "sm_90a", or "sm_80"
 * for the portable ones, with what is turned off: "sm_90a without decode-lists,tensor-maps".
 * ATTENTION_DEVICE_NAME_BYTES are enough. */
enum { ATTENTION_DEVICE_NAME_BYTES = 128 };
void attention_device_name(const AttentionDevice *device, char *name, size_t num_bytes);

/* How a batch is divided among thread blocks: computed on the host once a step, used by all its
 * layers. It depends on the batch's lengths and the number of heads, not on its block tables. */
typedef struct AttentionPlan AttentionPlan;

/* Reads the lengths of `batch`, in host memory, and nothing else of it. The caller frees the plan.
 */
int attention_plan_new(const AttentionDevice *device, const AttentionShape *shape,
                       const PagedKv *kv, const AttentionBatch *batch, AttentionPlan **plan);
void attention_plan_free(AttentionPlan *plan);
/* For CUDA graphs, whose launches are fixed: pads a plan of decodes only to `num_sequences`, at
 * least as many as it has. Plans of one device and shape that are padded to the same number, and
 * of which attention_plan_is_cut() says the same, have the same grids, sizes and offsets; they run
 * with a batch of num_sequences. cudaErrorInvalidValue for any other plan. */
int attention_plan_pad(AttentionPlan *plan, uint32_t num_sequences);
/* Whether any sequence of the decodes is cut into pieces. */
bool attention_plan_is_cut(const AttentionPlan *plan);

/* The largest data and workspace of any plan, padded or not, for up to so many query rows and
 * sequences. */
void attention_plan_most_bytes(const AttentionDevice *device, const AttentionShape *shape,
                               const PagedKv *kv, uint32_t num_rows, uint32_t num_sequences,
                               size_t *data_bytes, size_t *workspace_bytes);

/* The data that must be copied to the GPU before the first run; owned by the plan. */
const void *attention_plan_data(const AttentionPlan *plan, size_t *num_bytes);
/* Bytes of workspace on the GPU that a run writes; may be 0. Runs share it one at a time. */
size_t attention_plan_workspace_bytes(const AttentionPlan *plan);

/* Runs in `stream`, without waiting. All pointers, also those in `batch` and `kv`, are to memory
 * that the GPU reaches; `batch` and `shape` are those of the plan. plan_data: the copy on the GPU
 * of attention_plan_data(). */
int attention_run(Dtype dtype, const AttentionShape *shape, const AttentionBatch *batch,
                  const PagedKv *kv, const void *q, void *out, const AttentionPlan *plan,
                  const void *plan_data, void *workspace, struct CUstream_st *stream);

#ifdef __cplusplus
}
#endif
