/* Merges the partial results of pieces of keys: of prefills' items, and of decodes, which count as
 * an item of all query heads of one token. A warp merges a row: it first reads the largest scores
 * of all pieces, then each piece's row once.
 */
#include "kernels/attention_kernels.h"

namespace
{

constexpr unsigned LANES = 32, WARPS = 4, THREADS = WARPS * LANES;

template <Dtype dtype, unsigned head_dim>
__global__ void
__launch_bounds__(THREADS) merge_rows(const AttentionArguments a, const MergeWork work)
{
  device_begin();
  constexpr unsigned LANE_DIMS = head_dim / LANES;
  const AttentionPartials partials = work.partials;
  const unsigned index = blockIdx.x * WARPS + threadIdx.x / LANES, lane = threadIdx.x % LANES;

  if (index >= work.num_merges * partials.rows)
    return;
  const AttentionMerge merge = work.merges[index / partials.rows];
  const unsigned row = index % partials.rows;
  if (merge.num_partials == 0)
    return; /* of a padded plan */
  const int first_query = a.query_starts[merge.sequence];
  const int new_tokens = a.query_starts[merge.sequence + 1] - first_query;
  if ((int)row >= new_tokens * (int)work.packed.count - merge.first_row)
    return; /* no query */
  const size_t first = (size_t)merge.first_partial * partials.rows + row;
  float largest = -INFINITY, weights = 0, values[LANE_DIMS] = {};

  for (int i = 0; i < merge.num_partials; i++)
    largest = fmaxf(largest, partials.totals[first + (size_t)i * partials.rows].x);
  for (int i = 0; i < merge.num_partials; i++) {
    const size_t partial = first + (size_t)i * partials.rows;
    const float2 total = partials.totals[partial];
    const float shrink = device_exp2(total.x - largest);
    const float *part = &partials.values[partial * head_dim + lane * LANE_DIMS];
    weights += shrink * total.y;
#pragma unroll
    for (unsigned d = 0; d < LANE_DIMS; d++)
      values[d] += shrink * part[d];
  }
  uint16_t *out =
      a.out + (size_t)first_query * a.out_row_stride + (size_t)merge.head * head_dim +
      packed_row<head_dim>((unsigned)merge.first_row + row, work.packed, a.out_row_stride) +
      lane * LANE_DIMS;
  const float share = __fdividef(1, weights);
#pragma unroll
  for (unsigned d = 0; d < LANE_DIMS; d += 2)
    *(uint32_t *)&out[d] = device_pack<dtype>(values[d] * share, values[d + 1] * share);
}

template <Dtype dtype, unsigned head_dim>
cudaError_t
launch(const AttentionArguments &a, const MergeWork &work, cudaStream_t stream)
{
  const unsigned rows = work.num_merges * work.partials.rows;

  return device_launch(merge_rows<dtype, head_dim>, (rows + WARPS - 1) / WARPS, THREADS, 0, stream,
                       a, work);
}

} // namespace

cudaError_t
attention_merge_launch(Dtype dtype, uint32_t head_dim, const AttentionArguments &arguments,
                       const MergeWork &work, cudaStream_t stream)
{
  if (dtype == DTYPE_BF16)
    return head_dim == 64 ? launch<DTYPE_BF16, 64>(arguments, work, stream)
                          : launch<DTYPE_BF16, 128>(arguments, work, stream);
  return head_dim == 64 ? launch<DTYPE_FP16, 64>(arguments, work, stream)
                        : launch<DTYPE_FP16, 128>(arguments, work, stream);
}
