/* What the launcher of attention and its kernels share: the arguments as kernels take them, and
 * the walk through a block table. */
#pragma once

#include "kernels/attention.h"
#include "kernels/decode_plan.h"
#include "kernels/prefill_plan.h"

#include "kernels/device.h"

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

struct PrefillWork {
  const PrefillTile *tiles;
  uint32_t num_tiles;
  uint32_t num_groups; /* of KV heads, one worked on after the other */
  /* Of the persistent kernel: thread block i of num_lists computes items[starts[i]] up to those of
   * the next. */
  const uint32_t *items, *starts;
  uint32_t num_lists;
};

struct DecodeWork {
  const DecodePiece *pieces;
  const DecodeMerge *merges;
  uint32_t num_pieces, num_merges;
  float *partials;        /* [partial][head][head_dim]: sums of weighted values */
  float2 *partial_totals; /* [partial][head]: the largest score, times scale_log2, and the sum of
                             weights */
};

cudaError_t attention_prefill_launch(Dtype dtype, uint32_t head_dim,
                                     const AttentionArguments &arguments, const PrefillWork &work,
                                     cudaStream_t stream);
/* The same for compute capability 9.0. */
cudaError_t attention_prefill_sm90_launch(Dtype dtype, uint32_t head_dim,
                                          const AttentionArguments &arguments,
                                          const PrefillWork &work, cudaStream_t stream);
/* How many thread blocks a piece of a decode takes. */
uint32_t attention_decode_thread_blocks(uint32_t heads, uint32_t kv_heads);
cudaError_t attention_decode_launch(Dtype dtype, uint32_t head_dim,
                                    const AttentionArguments &arguments, const DecodeWork &work,
                                    cudaStream_t stream);

/* Which tile and which query head an item of a prefill's work is about. */
struct PrefillPlace {
  PrefillTile tile;
  uint32_t head;
};

/* As prefill_items_tile(). */
__device__ __forceinline__ PrefillPlace
prefill_place(const AttentionArguments &a, const PrefillWork &work, uint32_t item)
{
  const uint32_t ratio = a.heads / a.kv_heads;
  const uint32_t group = ((item / work.num_tiles / ratio + 1) * work.num_groups - 1) / a.kv_heads;
  const uint32_t first_head = group * a.kv_heads / work.num_groups * ratio;
  const uint32_t heads = (group + 1) * a.kv_heads / work.num_groups * ratio - first_head;
  const uint32_t within = item - first_head * work.num_tiles;

  return {work.tiles[within / heads], first_head + within % heads};
}

/* Where a sequence's token lies in the pool, from K's or V's place of this KV head. */
__device__ __forceinline__ int64_t
token_offset(const AttentionArguments &a, const int32_t *block_table, int32_t token)
{
  const uint32_t block = (uint32_t)token / a.block_size;
  const uint32_t place = (uint32_t)token - block * a.block_size;

  return (int64_t)block_table[block] * (int64_t)a.block_stride + place * (int64_t)a.token_stride;
}
