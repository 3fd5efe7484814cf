/* What the launcher of attention and its kernels share: the arguments as kernels take them, where
 * rows lie, and the walk through a block table. */
#pragma once

#include "kernels/attention.h"
#include "kernels/decode_plan.h"
#include "kernels/prefill_plan.h"

#include "kernels/device.h"

/* Of a tile: of the portable kernel, and of that for compute capability 9.0; the latter's of heads
 * of 64 dimensions may have more. */
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
  const uint32_t *block_table_stride_place; /* of decodes, or null */
  float scale_log2;                         /* of exp2 instead of exp */
};

/* Results of pieces that wait to be merged: of each a row a query row of its item. */
struct AttentionPartials {
  float *values;  /* [partial][row][head_dim]: sums of weighted values */
  float2 *totals; /* [partial][row]: the largest score, times scale_log2, and the sum of weights */
  uint32_t rows;
};

/* Query heads whose rows stand together, and 2^31 by their number, rounded up: a row times that is
 * its token, exactly for rows below 2^31 by the number. */
struct PackedHeads {
  uint32_t count, reciprocal;
};

/* Of the persistent kernel: thread block i of num_lists computes items[starts[i]] up to those of
 * the next. The portable one has a thread block an item. */
struct PrefillWork {
  const PrefillItem *items;
  const uint32_t *starts;
  uint32_t num_items, num_lists, tile_rows;
  PackedHeads packed;
  AttentionPartials partials;
};

/* Of every list there is a thread block for each tile of heads. */
struct DecodeWork {
  const DecodePiece *pieces;
  const uint32_t *starts;
  uint32_t num_lists;
  AttentionPartials partials; /* a row is a query head */
};

/* What an item's, or a sequence's, pieces gave. A decode is an item of all heads, packed. */
struct MergeWork {
  const AttentionMerge *merges;
  uint32_t num_merges;
  PackedHeads packed;
  AttentionPartials partials;
};

cudaError_t attention_prefill_launch(Dtype dtype, uint32_t head_dim,
                                     const AttentionArguments &arguments, const PrefillWork &work,
                                     cudaStream_t stream);
/* The same for compute capability 9.0; `in_boxes`: blocks go by tensor maps where their size
 * allows.
 */
cudaError_t attention_prefill_sm90_launch(Dtype dtype, uint32_t head_dim,
                                          const AttentionArguments &arguments,
                                          const PrefillWork &work, bool in_boxes,
                                          cudaStream_t stream);
cudaError_t attention_merge_launch(Dtype dtype, uint32_t head_dim,
                                   const AttentionArguments &arguments, const MergeWork &work,
                                   cudaStream_t stream);
/* How many thread blocks a piece of a decode takes. */
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

/* Where the row lies, from the sequence's first token's first head of those that are packed:
 * elements. */
template <unsigned head_dim>
__device__ __forceinline__ size_t
packed_row(unsigned row, const PackedHeads &packed, size_t row_stride)
{
  const unsigned token = packed_token(row, packed);

  return token * row_stride + (row - token * packed.count) * head_dim;
}

/* Where a sequence's token lies in the pool, from K's or V's place of this KV head. */
__device__ __forceinline__ int64_t
token_offset(const AttentionArguments &a, const int32_t *block_table, int32_t token)
{
  const uint32_t block = (uint32_t)token / a.block_size;
  const uint32_t place = (uint32_t)token - block * a.block_size;

  return (int64_t)block_table[block] * (int64_t)a.block_stride + place * (int64_t)a.token_stride;
}
