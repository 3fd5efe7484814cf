/* What attention's launcher and its kernels share: the kernels' arguments, the places of rows, and
 * the lookup in a block table. */
#pragma once

#include "kernels/attention.h"
#include "kernels/decode_plan.h"
#include "kernels/prefill_plan.h"

#include "kernels/device.h"

/* Rows of a tile. Wide ones are for heads of 64 dimensions on compute capability 9.0. */
constexpr uint32_t PREFILL_ROWS = 128, PREFILL_WIDE_ROWS = 192;

/* Strides count elements. */
struct AttentionArguments {
  const uint16_t *q;
  uint16_t *out;
  const uint16_t *k, *v;
  size_t q_row_stride, out_row_stride;
  size_t block_stride, head_stride, token_stride;
  uint32_t block_size;
  uint32_t heads, kv_heads;
  const int32_t *query_starts, *context_lens, *block_tables;
  uint32_t block_table_stride;
  const uint32_t *block_table_stride_place; /* decodes read the stride here; may be null */
  float scale_log2;                         /* scale * log2(e), for exp2 instead of exp */
};

/* Partial results of pieces, which are merged. */
struct AttentionPartials {
  float *values;  /* [partial][row][head_dim]: sums of weighted values */
  float2 *totals; /* [partial][row]: the largest score * scale_log2, and the sum of weights */
  uint32_t rows;  /* query rows of a tile; of decodes, query heads */
};

/* How many query heads are packed into a tile, and 2^31 / count rounded up: the upper half of
 * 2 * row * reciprocal is row / count, exact for rows below 2^31 / count. */
struct PackedHeads {
  uint32_t count, reciprocal;
};

/* Thread block i of the persistent kernel computes items[starts[i]] … items[starts[i + 1] - 1]; the
 * portable one has a thread block for each item. */
struct PrefillWork {
  const PrefillItem *items;
  const uint32_t *starts;
  uint32_t num_items, num_lists, tile_rows;
  PackedHeads packed;
  AttentionPartials partials;
};

/* Each list has a thread block for each tile of heads. */
struct DecodeWork {
  const DecodePiece *pieces;
  const uint32_t *starts;
  uint32_t num_lists;
  AttentionPartials partials; /* a row is a query head */
};

/* Merges the pieces of items or of sequences. A decode is an item with all heads packed. */
struct MergeWork {
  const AttentionMerge *merges;
  uint32_t num_merges;
  PackedHeads packed;
  AttentionPartials partials;
};

cudaError_t attention_prefill_launch(Dtype dtype, uint32_t head_dim,
                                     const AttentionArguments &arguments, const PrefillWork &work,
                                     cudaStream_t stream);
/* The same for compute capability 9.0. in_boxes: copies blocks by tensor maps, where their size
 * allows it. */
cudaError_t attention_prefill_sm90_launch(Dtype dtype, uint32_t head_dim,
                                          const AttentionArguments &arguments,
                                          const PrefillWork &work, bool in_boxes,
                                          cudaStream_t stream);
cudaError_t attention_merge_launch(Dtype dtype, uint32_t head_dim,
                                   const AttentionArguments &arguments, const MergeWork &work,
                                   cudaStream_t stream);
/* How many thread blocks a piece of a decode takes: one for each KV head and 16 of its query heads.
 */
uint32_t attention_decode_thread_blocks(uint32_t heads, uint32_t kv_heads);
cudaError_t attention_decode_launch(Dtype dtype, uint32_t head_dim,
                                    const AttentionArguments &arguments, const DecodeWork &work,
                                    cudaStream_t stream);

/* The query token of row `row` of a sequence. */
__device__ __forceinline__ unsigned
packed_token(unsigned row, const PackedHeads &packed)
{
  return __umulhi(2 * row, packed.reciprocal);
}

/* The offset of a row, in elements, from the first packed head of the sequence's first new token.
 */
template <unsigned head_dim>
__device__ __forceinline__ size_t
packed_row(unsigned row, const PackedHeads &packed, size_t row_stride)
{
  const unsigned token = packed_token(row, packed);

  return token * row_stride + (row - token * packed.count) * head_dim;
}

/* The offset of a sequence's token, in elements, from the KV head's first element in the pool. */
__device__ __forceinline__ int64_t
token_offset(const AttentionArguments &a, const int32_t *block_table, int32_t token)
{
  const uint32_t block = (uint32_t)token / a.block_size;
  const uint32_t place = (uint32_t)token - block * a.block_size;

  return (int64_t)block_table[block] * (int64_t)a.block_stride + place * (int64_t)a.token_stride;
}
