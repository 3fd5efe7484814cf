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

#ifdef __cplusplus
}
#endif
