/* Attention of prefills on any GPU of compute capability 8.0 and up.
 *
 *     thread block   128 query rows of one head; keys and values in tiles of 64, last ones first
 *     warp           32 of the rows, as two fragments of 16
 *
 *     wait for K │ load V │ scores = Q K^T │ wait for V │ load the next K │ weigh │ out += P V
 *
 * One buffer each for K and V: the load of one runs beside the product of the other, and two thread
 * blocks on a multiprocessor hide the rest. Query fragments are read again for each product, which
 * costs less than the registers. P goes from the scores' registers to the next product's. Keys are
 * processed from the last to the first, so that only the first tiles are masked. Rows' sums stay in
 * the lanes until the end.
 *
 * The block table is read once for each row of a tile: of the eight lanes that load a row, four
 * look up one row each and share it by shuffle. V's rows have the same offsets as K's.
 *
 * Rejected: 8 warps (slower at 2k tokens); two buffers each for K and V (only one thread block fits
 * a multiprocessor).
 */
#include "kernels/attention_kernels.h"

namespace
{

constexpr unsigned LANES = 32, WARPS = 4, THREADS = WARPS * LANES;
constexpr unsigned ROWS = PREFILL_ROWS, KEYS = 64;
constexpr unsigned WARP_ROWS = ROWS / WARPS, FRAGMENTS = WARP_ROWS / 16;
constexpr unsigned VECTOR = 8; /* elements in 16 bytes */
constexpr unsigned ROW_LANES = 8, PASS_ROWS = THREADS / ROW_LANES;
constexpr unsigned ALL = 0xffffffff;

template <unsigned head_dim> struct Tiles {
  uint16_t q[ROWS * head_dim], k[KEYS * head_dim], v[KEYS * head_dim];
};

/* An XOR swizzle of the row's vectors, so that eight rows of one column are in different banks. */
template <unsigned head_dim>
__device__ __forceinline__ unsigned
tile_place(unsigned row, unsigned vector)
{
  return row * head_dim + (vector ^ row % 8) * VECTOR;
}

/* The row of a pass that this thread loads a part of; a pass has the rows that all threads load at
 * once. */
__device__ __forceinline__ unsigned
pass_row(void)
{
  return threadIdx.x / ROW_LANES;
}

/* Loads this thread's vectors of its row in a pass; from: its first one. */
template <unsigned head_dim>
__device__ __forceinline__ void
load_row(uint16_t *tile, unsigned pass, const uint16_t *from, bool valid)
{
  static_assert(PASS_ROWS % 8 == 0, "a thread's vectors change places in all passes alike");
  uint16_t *to = &tile[tile_place<head_dim>(pass_row(), threadIdx.x % ROW_LANES)];

#pragma unroll
  for (unsigned dim = 0; dim < head_dim; dim += ROW_LANES * VECTOR)
    device_copy_async(to + pass * PASS_ROWS * head_dim + dim, from + dim, valid);
}

template <unsigned head_dim>
__device__ __forceinline__ void
load_queries(uint16_t *tile, const uint16_t *q, size_t row_stride, const PackedHeads &packed,
             unsigned first_row, int num_rows)
{
  const uint16_t *vectors = q + threadIdx.x % ROW_LANES * VECTOR;

#pragma unroll
  for (unsigned pass = 0; pass < ROWS / PASS_ROWS; pass++) {
    const unsigned row = pass * PASS_ROWS + pass_row();
    const bool valid = (int)row < num_rows;
    const size_t offset = packed_row<head_dim>(first_row + row, packed, row_stride);
    load_row<head_dim>(tile, pass, valid ? vectors + offset : vectors, valid);
  }
}

/* The offset of the row that this lane looks up for its eight lanes: lane i of them looks up the
 * row of pass i. Past the last key the last one is looked up again, so that every address is valid.
 */
__device__ __forceinline__ int64_t
look_up(const AttentionArguments &a, const int32_t *block_table, int first_key, int num_keys)
{
  const unsigned pass = threadIdx.x % ROW_LANES % (KEYS / PASS_ROWS);
  const int key = first_key + (int)(pass * PASS_ROWS + pass_row());

  return token_offset(a, block_table, min(key, num_keys - 1));
}

/* Starts the copies of a tile of keys or values; rows from num_rows on become zeros. */
template <unsigned head_dim>
__device__ __forceinline__ void
load_tile(uint16_t *tile, const uint16_t *pool, int64_t lane_offset, int num_rows)
{
  const uint16_t *vectors = pool + threadIdx.x % ROW_LANES * VECTOR;
  const unsigned first_lane = threadIdx.x % LANES / ROW_LANES * ROW_LANES;

#pragma unroll
  for (unsigned pass = 0; pass < KEYS / PASS_ROWS; pass++)
    load_row<head_dim>(tile, pass, vectors + __shfl_sync(ALL, lane_offset, first_lane + pass),
                       (int)(pass * PASS_ROWS + pass_row()) < num_rows);
}

using Scores = float[FRAGMENTS][KEYS / 8][4];
template <unsigned head_dim> using Values = float[FRAGMENTS][head_dim / 8][4];
using Rows = float[FRAGMENTS][2]; /* a lane's upper and lower row of each fragment */

template <Dtype dtype, unsigned head_dim>
__device__ __forceinline__ void
multiply_keys(Scores &scores, const uint16_t *q, const uint16_t *k)
{
  const unsigned lane = threadIdx.x % LANES, first_row = threadIdx.x / LANES * WARP_ROWS;

#pragma unroll
  for (unsigned step = 0; step < head_dim / 16; step++) {
    uint32_t rows[FRAGMENTS][4];
#pragma unroll
    for (unsigned f = 0; f < FRAGMENTS; f++)
      device_load_matrices(
          rows[f], &q[tile_place<head_dim>(first_row + f * 16 + lane % 16, step * 2 + lane / 16)]);
#pragma unroll
    for (unsigned keys = 0; keys < KEYS / 16; keys++) {
      uint32_t parts[4];
      device_load_matrices(
          parts,
          &k[tile_place<head_dim>(keys * 16 + lane / 16 * 8 + lane % 8, step * 2 + lane / 8 % 2)]);
#pragma unroll
      for (unsigned f = 0; f < FRAGMENTS; f++) {
        device_multiply_add<dtype>(scores[f][2 * keys], rows[f], parts[0], parts[1]);
        device_multiply_add<dtype>(scores[f][2 * keys + 1], rows[f], parts[2], parts[3]);
      }
    }
  }
}

template <Dtype dtype, unsigned head_dim>
__device__ __forceinline__ void
multiply_values(Values<head_dim> &values, const Scores &weights, const uint16_t *v)
{
  const unsigned lane = threadIdx.x % LANES;

#pragma unroll
  for (unsigned step = 0; step < KEYS / 16; step++) {
    uint32_t packed[FRAGMENTS][4];
#pragma unroll
    for (unsigned f = 0; f < FRAGMENTS; f++)
#pragma unroll
      for (unsigned i = 0; i < 4; i++) {
        const float(&part)[4] = weights[f][2 * step + i / 2];
        packed[f][i] = device_pack<dtype>(part[i % 2 * 2], part[i % 2 * 2 + 1]);
      }
#pragma unroll
    for (unsigned dims = 0; dims < head_dim / 16; dims++) {
      uint32_t parts[4];
      device_load_matrices_transposed(
          parts, &v[tile_place<head_dim>(step * 16 + lane % 16, dims * 2 + lane / 16)]);
#pragma unroll
      for (unsigned f = 0; f < FRAGMENTS; f++) {
        device_multiply_add<dtype>(values[f][2 * dims], packed[f], parts[0], parts[1]);
        device_multiply_add<dtype>(values[f][2 * dims + 1], packed[f], parts[2], parts[3]);
      }
    }
  }
}

/* Masks scores: row r of the sequence sees the keys below first_limit + r / packed heads. Rows that
 * are no query are not masked correctly, and their results are not stored. */
__device__ __forceinline__ void
mask(Scores &scores, int first_key, unsigned first_row, const PackedHeads &packed, int first_limit)
{
  const unsigned lane = threadIdx.x % LANES, warp_row = threadIdx.x / LANES * WARP_ROWS;

#pragma unroll
  for (unsigned f = 0; f < FRAGMENTS; f++)
#pragma unroll
    for (unsigned half = 0; half < 2; half++) {
      const unsigned row = first_row + warp_row + f * 16 + half * 8 + lane / 4;
      const int limit = first_limit + (int)packed_token(row, packed);
#pragma unroll
      for (unsigned keys = 0; keys < KEYS / 8; keys++)
#pragma unroll
        for (unsigned i = 0; i < 2; i++)
          if (first_key + (int)(keys * 8 + lane % 4 * 2 + i) >= limit)
            scores[f][keys][half * 2 + i] = -INFINITY;
    }
}

/* Turns scores into weights relative to the largest score so far, and rescales the earlier sums. */
template <unsigned head_dim>
__device__ __forceinline__ void
weigh(Scores &scores, Values<head_dim> &values, Rows &largest, Rows &sums, float scale_log2)
{
#pragma unroll
  for (unsigned f = 0; f < FRAGMENTS; f++)
#pragma unroll
    for (unsigned half = 0; half < 2; half++) {
      float above = largest[f][half];
#pragma unroll
      for (unsigned keys = 0; keys < KEYS / 8; keys++)
        above = fmaxf(above, fmaxf(scores[f][keys][half * 2], scores[f][keys][half * 2 + 1]));
      above = fmaxf(above, __shfl_xor_sync(ALL, above, 1));
      above = fmaxf(above, __shfl_xor_sync(ALL, above, 2));

      /* A row that has seen no key yet has no scale: all its weights are zero. */
      const float base = above == -INFINITY ? 0 : above * scale_log2;
      const float shrink = device_exp2(largest[f][half] * scale_log2 - base);
      largest[f][half] = above;
      sums[f][half] *= shrink;
#pragma unroll
      for (unsigned keys = 0; keys < KEYS / 8; keys++)
#pragma unroll
        for (unsigned i = half * 2; i < half * 2 + 2; i++) {
          scores[f][keys][i] = device_exp2(scores[f][keys][i] * scale_log2 - base);
          sums[f][half] += scores[f][keys][i];
        }
#pragma unroll
      for (unsigned dims = 0; dims < head_dim / 8; dims++) {
        values[f][dims][half * 2] *= shrink;
        values[f][dims][half * 2 + 1] *= shrink;
      }
    }
}

/* Adds a row's sums over the four lanes that share it; each lane gets the total. */
__device__ __forceinline__ void
add_sums(Rows &sums)
{
#pragma unroll
  for (unsigned f = 0; f < FRAGMENTS; f++)
#pragma unroll
    for (unsigned half = 0; half < 2; half++) {
      sums[f][half] += __shfl_xor_sync(ALL, sums[f][half], 1);
      sums[f][half] += __shfl_xor_sync(ALL, sums[f][half], 2);
    }
}

/* Writes the results as whole vectors, by way of the rows of `tile` that only this warp reads. out:
 * the sequence's first row. */
template <Dtype dtype, unsigned head_dim>
__device__ __forceinline__ void
store_values(uint16_t *tile, const Values<head_dim> &values, const Rows &sums, uint16_t *out,
             size_t row_stride, const PackedHeads &packed, unsigned first_row, int num_rows)
{
  const unsigned lane = threadIdx.x % LANES, warp_row = threadIdx.x / LANES * WARP_ROWS;

#pragma unroll
  for (unsigned f = 0; f < FRAGMENTS; f++)
#pragma unroll
    for (unsigned half = 0; half < 2; half++) {
      const unsigned row = warp_row + f * 16 + half * 8 + lane / 4;
      const float share = __fdividef(1, sums[f][half]);
#pragma unroll
      for (unsigned dims = 0; dims < head_dim / 8; dims++)
        *(uint32_t *)&tile[tile_place<head_dim>(row, dims) + lane % 4 * 2] = device_pack<dtype>(
            values[f][dims][half * 2] * share, values[f][dims][half * 2 + 1] * share);
    }
  __syncwarp();
#pragma unroll 2
  for (unsigned i = 0; i < WARP_ROWS * head_dim / VECTOR / LANES; i++) {
    const unsigned index = i * LANES + lane, vector = index % (head_dim / VECTOR);
    const unsigned row = warp_row + index / (head_dim / VECTOR);
    if ((int)row < num_rows)
      *(uint4 *)&out[packed_row<head_dim>(first_row + row, packed, row_stride) + vector * VECTOR] =
          *(const uint4 *)&tile[tile_place<head_dim>(row, vector)];
  }
}

/* Writes the sums as a partial result, which is merged with those of other keys. Skips rows that
 * are no query. */
template <unsigned head_dim>
__device__ __forceinline__ void
store_partial(const AttentionPartials &partials, int partial, const Values<head_dim> &values,
              const Rows &largest, const Rows &sums, int num_rows, float scale_log2)
{
  const unsigned lane = threadIdx.x % LANES, warp_row = threadIdx.x / LANES * WARP_ROWS;

#pragma unroll
  for (unsigned f = 0; f < FRAGMENTS; f++)
#pragma unroll
    for (unsigned half = 0; half < 2; half++) {
      const unsigned row = warp_row + f * 16 + half * 8 + lane / 4;
      if ((int)row >= num_rows)
        continue;
      const size_t index = (size_t)partial * partials.rows + row;
      float *to = partials.values + index * head_dim + lane % 4 * 2;
#pragma unroll
      for (unsigned dims = 0; dims < head_dim / 8; dims++)
        *(float2 *)(to + dims * 8) =
            make_float2(values[f][dims][half * 2], values[f][dims][half * 2 + 1]);
      if (lane % 4 == 0)
        partials.totals[index] = make_float2(largest[f][half] * scale_log2, sums[f][half]);
    }
}

/* An item's rows, and the first key that the sequence's row 0 does not see. */
struct Place {
  size_t first_query; /* of its sequence */
  unsigned head, first_row;
  int num_rows, first_limit;
};

__device__ __forceinline__ Place
find_rows(const AttentionArguments &a, const PrefillWork &work, const PrefillItem &item)
{
  const int first_query = a.query_starts[item.sequence];
  const int new_tokens = a.query_starts[item.sequence + 1] - first_query;
  const int num_rows = min(new_tokens * (int)work.packed.count - item.first_row, (int)ROWS);

  return {(size_t)first_query, (unsigned)item.head, (unsigned)item.first_row, num_rows,
          a.context_lens[item.sequence] - new_tokens + 1};
}

template <Dtype dtype, unsigned head_dim>
__device__ __forceinline__ void
store_item(Tiles<head_dim> &tiles, const AttentionArguments &a, const PrefillWork &work,
           const PrefillItem &item, const Values<head_dim> &values, const Rows &largest,
           const Rows &sums)
{
  const Place at = find_rows(a, work, item);
  uint16_t *out = a.out + at.first_query * a.out_row_stride + (size_t)at.head * head_dim;

  if (item.partial < 0)
    store_values<dtype, head_dim>(tiles.q, values, sums, out, a.out_row_stride, work.packed,
                                  at.first_row, at.num_rows);
  else
    store_partial<head_dim>(work.partials, item.partial, values, largest, sums, at.num_rows,
                            a.scale_log2);
}

/* What only masking or the end needs is read again there, to save registers. */
template <Dtype dtype, unsigned head_dim>
__device__ __forceinline__ void
compute_item(Tiles<head_dim> &tiles, const AttentionArguments &a, const PrefillWork &work,
             const PrefillItem &item)
{
  const Place at = find_rows(a, work, item);
  const int all_see = at.first_limit + (int)packed_token(at.first_row, work.packed);
  const int least_key = item.first_key, end_key = item.end_key;
  const size_t kv_head = at.head / (a.heads / a.kv_heads) * a.head_stride;
  const int32_t *block_table = a.block_tables + (size_t)item.sequence * a.block_table_stride;

  int first_key = (end_key - 1) / (int)KEYS * (int)KEYS;
  int64_t offset = look_up(a, block_table, first_key, end_key);
  load_queries<head_dim>(tiles.q,
                         a.q + at.first_query * a.q_row_stride + (size_t)at.head * head_dim,
                         a.q_row_stride, work.packed, at.first_row, at.num_rows);
  load_tile<head_dim>(tiles.k, a.k + kv_head, offset, end_key - first_key);
  device_copy_async_commit();

  Values<head_dim> values = {};
  Rows largest, sums = {};
#pragma unroll
  for (unsigned f = 0; f < FRAGMENTS; f++)
    largest[f][0] = largest[f][1] = -INFINITY;

  for (; first_key >= least_key; first_key -= (int)KEYS) {
    Scores scores = {};
    device_copy_async_wait<0>();
    __syncthreads(); /* K is there, and nobody reads V any more */
    load_tile<head_dim>(tiles.v, a.v + kv_head, offset, end_key - first_key);
    device_copy_async_commit();
    if (first_key > least_key)
      offset = look_up(a, block_table, first_key - (int)KEYS, end_key);
    multiply_keys<dtype, head_dim>(scores, tiles.q, tiles.k);
    if (first_key + (int)KEYS > all_see) {
      const Place again = find_rows(a, work, item);
      mask(scores, first_key, again.first_row, work.packed, again.first_limit);
    }

    device_copy_async_wait<0>();
    __syncthreads(); /* V is there, and nobody reads K any more */
    if (first_key > least_key) {
      load_tile<head_dim>(tiles.k, a.k + kv_head, offset, (int)KEYS);
      device_copy_async_commit();
    }
    weigh<head_dim>(scores, values, largest, sums, a.scale_log2);
    multiply_values<dtype, head_dim>(values, scores, tiles.v);
  }
  add_sums(sums);
  store_item<dtype, head_dim>(tiles, a, work, item, values, largest, sums);
}

template <Dtype dtype, unsigned head_dim>
__global__ void
__launch_bounds__(THREADS, 2) prefill(const AttentionArguments a, const PrefillWork work)
{
  device_begin();
  Tiles<head_dim> &tiles = *(Tiles<head_dim> *)device_shared_memory();

  compute_item<dtype, head_dim>(tiles, a, work, work.items[blockIdx.x]);
}

template <Dtype dtype, unsigned head_dim>
cudaError_t
launch(const AttentionArguments &a, const PrefillWork &work, cudaStream_t stream)
{
  return device_launch_large<prefill<dtype, head_dim>, sizeof(Tiles<head_dim>)>(
      work.num_items, THREADS, stream, a, work);
}

} // namespace

cudaError_t
attention_prefill_launch(Dtype dtype, uint32_t head_dim, const AttentionArguments &arguments,
                         const PrefillWork &work, cudaStream_t stream)
{
  if (dtype == DTYPE_BF16)
    return head_dim == 64 ? launch<DTYPE_BF16, 64>(arguments, work, stream)
                          : launch<DTYPE_BF16, 128>(arguments, work, stream);
  return head_dim == 64 ? launch<DTYPE_FP16, 64>(arguments, work, stream)
                        : launch<DTYPE_FP16, 128>(arguments, work, stream);
}
