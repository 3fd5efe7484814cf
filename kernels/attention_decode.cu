/* Attention of one new token in each sequence: a stream over the KV cache.
 *
 *     thread block   one piece of context after the other, of one KV head and up to 16 query heads
 *     warp           every fourth tile of 16 tokens, on its own until the end
 *
 *     scores (16 heads x 16 tokens)  =  Q (16 x dim, in registers) K^T     m16n8k16, twice a step
 *     values (16 heads x dim)       +=  P (scores' registers, packed) V
 *
 * The query heads of a KV head fill the rows of one matrix product, so KV is read once for all of
 * them. Each warp keeps its next two tiles of K and V in flight in a ring of its own and waits for
 * no other warp; the block table is read one tile ahead of these. At the end the four warps' sums
 * are merged through shared memory, and those of pieces by attention_merge.cu.
 *
 * Rejected: tiles shared by the warps (a barrier of the thread block for each tile); a thread for
 * each dimension, without the matrix unit (bound by arithmetic from 4 query heads a KV head on).
 */
#include "kernels/attention_kernels.h"

namespace
{

constexpr unsigned LANES = 32, WARPS = 4, THREADS = WARPS * LANES;
constexpr unsigned TILE_TOKENS = 16, TILE_HEADS = 16;
constexpr unsigned STAGES = 3;
constexpr unsigned VECTOR = 8; /* elements in 16 bytes */
constexpr unsigned ALL = 0xffffffff;

template <unsigned head_dim> struct Stage {
  uint16_t k[TILE_TOKENS * head_dim], v[TILE_TOKENS * head_dim];
};

/* The warps' sums, which take the place of their rings at the end of a piece. */
template <unsigned head_dim> struct Sums {
  float values[TILE_HEADS][head_dim];
  float largest[TILE_HEADS], weights[TILE_HEADS];
};

template <unsigned head_dim>
constexpr size_t SHARED_BYTES = WARPS *STAGES * sizeof(Stage<head_dim>);

/* An XOR swizzle of the row's vectors, so that eight rows of one column are in different banks. */
template <unsigned head_dim>
__device__ __forceinline__ unsigned
tile_place(unsigned token, unsigned vector)
{
  return token * head_dim + (vector ^ token % 8) * VECTOR;
}

/* Starts the warp's copies of one tile; tokens from num_tokens on become zeros. lane_offset: of
 * lane l, the offset of token l % 16 in the pool. */
template <unsigned head_dim>
__device__ __forceinline__ void
load_tile(Stage<head_dim> &stage, const uint16_t *k, const uint16_t *v, int64_t lane_offset,
          int num_tokens)
{
  constexpr unsigned ROW_LANES = head_dim / VECTOR, PASS_TOKENS = LANES / ROW_LANES;
  const unsigned lane = threadIdx.x % LANES, vector = lane % ROW_LANES;

#pragma unroll
  for (unsigned pass = 0; pass < TILE_TOKENS / PASS_TOKENS; pass++) {
    const unsigned token = pass * PASS_TOKENS + lane / ROW_LANES;
    const int64_t from = __shfl_sync(ALL, lane_offset, token) + vector * VECTOR;
    const unsigned place = tile_place<head_dim>(token, vector);
    device_copy_async(&stage.k[place], k + from, (int)token < num_tokens);
    device_copy_async(&stage.v[place], v + from, (int)token < num_tokens);
  }
}

/* Loads the query heads as rows, straight from memory; rows without a head are zero. */
template <unsigned head_dim>
__device__ __forceinline__ void
load_queries(uint32_t (&parts)[head_dim / 16][4], const uint16_t *q, unsigned num_heads)
{
  const unsigned row = threadIdx.x % LANES / 4, pair = threadIdx.x % 4 * 2;

#pragma unroll
  for (unsigned step = 0; step < head_dim / 16; step++)
#pragma unroll
    for (unsigned i = 0; i < 4; i++) {
      const unsigned head = row + i % 2 * 8, dim = step * 16 + pair + i / 2 * 8;
      parts[step][i] = head < num_heads ? *(const uint32_t *)&q[head * head_dim + dim] : 0;
    }
}

template <Dtype dtype, unsigned head_dim>
__device__ __forceinline__ void
multiply_keys(float (&scores)[2][4], const uint32_t (&q)[head_dim / 16][4], const uint16_t *k)
{
  const unsigned lane = threadIdx.x % LANES;

#pragma unroll
  for (unsigned step = 0; step < head_dim / 16; step++) {
    uint32_t keys[4];
    device_load_matrices(
        keys, &k[tile_place<head_dim>(lane / 16 * 8 + lane % 8, step * 2 + lane / 8 % 2)]);
    device_multiply_add<dtype>(scores[0], q[step], keys[0], keys[1]);
    device_multiply_add<dtype>(scores[1], q[step], keys[2], keys[3]);
  }
}

template <Dtype dtype, unsigned head_dim>
__device__ __forceinline__ void
multiply_values(float (&values)[head_dim / 8][4], const float (&weights)[2][4], const uint16_t *v)
{
  const unsigned lane = threadIdx.x % LANES;
  const uint32_t packed[4] = {
      device_pack<dtype>(weights[0][0], weights[0][1]),
      device_pack<dtype>(weights[0][2], weights[0][3]),
      device_pack<dtype>(weights[1][0], weights[1][1]),
      device_pack<dtype>(weights[1][2], weights[1][3]),
  };

#pragma unroll
  for (unsigned dims = 0; dims < head_dim / 16; dims++) {
    uint32_t parts[4];
    device_load_matrices_transposed(parts,
                                    &v[tile_place<head_dim>(lane % 16, dims * 2 + lane / 16)]);
    device_multiply_add<dtype>(values[2 * dims], packed, parts[0], parts[1]);
    device_multiply_add<dtype>(values[2 * dims + 1], packed, parts[2], parts[3]);
  }
}

/* Turns scores into weights relative to the largest score so far; half: the lane's upper or lower
 * row. Returns the factor that rescales earlier weights. */
__device__ __forceinline__ float
weigh(float (&scores)[2][4], unsigned half, float scale_log2, float &largest, float &sum)
{
  float above = largest;

#pragma unroll
  for (unsigned i = 0; i < 4; i++)
    above = fmaxf(above, scores[i / 2][half * 2 + i % 2]);
  above = fmaxf(above, __shfl_xor_sync(ALL, above, 1));
  above = fmaxf(above, __shfl_xor_sync(ALL, above, 2));

  const float base = above == -INFINITY ? 0 : above * scale_log2;
  const float shrink = device_exp2(largest * scale_log2 - base);
  sum *= shrink;
#pragma unroll
  for (unsigned i = 0; i < 4; i++) {
    float &score = scores[i / 2][half * 2 + i % 2];
    score = device_exp2(score * scale_log2 - base);
    sum += score;
  }
  largest = above;
  return shrink;
}

/* A warp's running sums over its tiles. */
template <unsigned head_dim> struct Running {
  float values[head_dim / 8][4];
  float largest[2], sums[2]; /* of this lane's two rows; sums of its columns only */
};

template <Dtype dtype, unsigned head_dim>
__device__ __forceinline__ void
add_tile(Running<head_dim> &running, const uint32_t (&q)[head_dim / 16][4],
         const Stage<head_dim> &stage, int tokens_left, float scale_log2)
{
  float scores[2][4] = {};

  multiply_keys<dtype, head_dim>(scores, q, stage.k);
#pragma unroll
  for (unsigned i = 0; i < 8; i++)
    if ((int)(i / 4 * 8 + threadIdx.x % 4 * 2 + i % 2) >= tokens_left)
      scores[i / 4][i % 4] = -INFINITY;
  const float upper = weigh(scores, 0, scale_log2, running.largest[0], running.sums[0]);
  const float lower = weigh(scores, 1, scale_log2, running.largest[1], running.sums[1]);
  if (__any_sync(ALL, upper != 1 || lower != 1)) {
#pragma unroll
    for (unsigned dims = 0; dims < head_dim / 8; dims++) {
      running.values[dims][0] *= upper;
      running.values[dims][1] *= upper;
      running.values[dims][2] *= lower;
      running.values[dims][3] *= lower;
    }
  }
  multiply_values<dtype, head_dim>(running.values, scores, stage.v);
}

template <unsigned head_dim>
__device__ __forceinline__ void
store_sums(Sums<head_dim> &sums, Running<head_dim> &running, float scale_log2)
{
  const unsigned row = threadIdx.x % LANES / 4, pair = threadIdx.x % 4 * 2;

#pragma unroll
  for (unsigned half = 0; half < 2; half++) {
    running.sums[half] += __shfl_xor_sync(ALL, running.sums[half], 1);
    running.sums[half] += __shfl_xor_sync(ALL, running.sums[half], 2);
    sums.largest[row + half * 8] = running.largest[half] * scale_log2;
    sums.weights[row + half * 8] = running.sums[half];
#pragma unroll
    for (unsigned dims = 0; dims < head_dim / 8; dims++)
      *(float2 *)&sums.values[row + half * 8][dims * 8 + pair] =
          make_float2(running.values[dims][half * 2], running.values[dims][half * 2 + 1]);
  }
}

/* Merges two dimensions of one head over all warps, into the output or as a partial result. */
template <Dtype dtype, unsigned head_dim>
__device__ __forceinline__ void
merge_warps(const Sums<head_dim> *sums, unsigned row, unsigned dim, uint16_t *out, int64_t partial,
            const AttentionPartials &partials)
{
  float largest = -INFINITY, weights = 0;
  float2 values = make_float2(0, 0);

#pragma unroll
  for (unsigned warp = 0; warp < WARPS; warp++)
    largest = fmaxf(largest, sums[warp].largest[row]);
#pragma unroll
  for (unsigned warp = 0; warp < WARPS; warp++) {
    const float shrink = device_exp2(sums[warp].largest[row] - largest);
    const float2 part = *(const float2 *)&sums[warp].values[row][dim];
    weights += shrink * sums[warp].weights[row];
    values.x += shrink * part.x;
    values.y += shrink * part.y;
  }
  if (partial < 0) {
    const float share = __fdividef(1, weights);
    *(uint32_t *)&out[dim] = device_pack<dtype>(values.x * share, values.y * share);
  } else {
    *(float2 *)&partials.values[partial * head_dim + dim] = values;
    if (dim == 0)
      partials.totals[partial] = make_float2(largest, weights);
  }
}

template <Dtype dtype, unsigned head_dim>
__device__ __forceinline__ void
decode_piece(const AttentionArguments &a, const DecodeWork &work, const DecodePiece &piece,
             unsigned kv_head, unsigned head_tile)
{
  const unsigned group = a.heads / a.kv_heads;
  const unsigned warp = threadIdx.x / LANES, lane = threadIdx.x % LANES;
  const unsigned first_head = kv_head * group + head_tile * TILE_HEADS;
  const unsigned num_heads = min(TILE_HEADS, (kv_head + 1) * group - first_head);
  const size_t row = (size_t)a.query_starts[piece.sequence];

  const uint16_t *k = a.k + kv_head * a.head_stride, *v = a.v + kv_head * a.head_stride;
  const uint32_t table_stride =
      a.block_table_stride_place != nullptr ? *a.block_table_stride_place : a.block_table_stride;
  const int32_t *block_table = a.block_tables + (size_t)piece.sequence * table_stride;
  const int end = piece.first_token + piece.num_tokens;
  const int step = WARPS * TILE_TOKENS;
  const int first = piece.first_token + (int)(warp * TILE_TOKENS);
  Stage<head_dim> *ring = (Stage<head_dim> *)device_shared_memory() + warp * STAGES;

  uint32_t q[head_dim / 16][4];
  load_queries<head_dim>(q, a.q + row * a.q_row_stride + (size_t)first_head * head_dim, num_heads);
  /* Past the last token the last one is looked up again, so that every address is valid. */
  const int lane_token = (int)(lane % TILE_TOKENS);
  int64_t offset = token_offset(a, block_table, min(first + lane_token, end - 1));
  for (unsigned stage = 0; stage < STAGES - 1; stage++) {
    const int token = first + (int)stage * step;
    load_tile(ring[stage], k, v, offset, end - token);
    device_copy_async_commit();
    offset = token_offset(a, block_table, min(token + step + lane_token, end - 1));
  }

  Running<head_dim> running = {};
  running.largest[0] = running.largest[1] = -INFINITY;
  unsigned stage = 0;
  for (int token = first; token < end; token += step) {
    device_copy_async_wait<STAGES - 2>();
    __syncwarp(); /* all lanes' copies are there, and nobody reads the stage before this one */
    const int next = token + (int)(STAGES - 1) * step;
    load_tile(ring[stage == 0 ? STAGES - 1 : stage - 1], k, v, offset, end - next);
    device_copy_async_commit();
    offset = token_offset(a, block_table, min(next + step + lane_token, end - 1));
    add_tile<dtype, head_dim>(running, q, ring[stage], end - token, a.scale_log2);
    stage = stage == STAGES - 1 ? 0 : stage + 1;
  }

  Sums<head_dim> *sums = (Sums<head_dim> *)device_shared_memory();
  device_copy_async_wait<0>();
  __syncthreads(); /* the rings are done with */
  store_sums(sums[warp], running, a.scale_log2);
  __syncthreads();
  for (unsigned i = threadIdx.x; i < num_heads * (head_dim / 2); i += THREADS) {
    const unsigned head = i / (head_dim / 2), dim = i % (head_dim / 2) * 2;
    uint16_t *out = a.out + row * a.out_row_stride + (size_t)(first_head + head) * head_dim;
    const int64_t partial =
        piece.partial < 0 ? -1 : (int64_t)piece.partial * work.partials.rows + first_head + head;
    merge_warps<dtype, head_dim>(sums, head, dim, out, partial, work.partials);
  }
}

template <Dtype dtype, unsigned head_dim>
__global__ void
__launch_bounds__(THREADS) decode_pieces(const AttentionArguments a, const DecodeWork work)
{
  device_begin();
  const unsigned head_tiles = (a.heads / a.kv_heads - 1) / TILE_HEADS + 1;
  const unsigned list = blockIdx.x / (a.kv_heads * head_tiles);
  const uint32_t end = work.starts[list + 1];

  for (uint32_t i = work.starts[list]; i < end; i++) {
    decode_piece<dtype, head_dim>(a, work, work.pieces[i], blockIdx.x / head_tiles % a.kv_heads,
                                  blockIdx.x % head_tiles);
    __syncthreads(); /* the sums are read */
  }
}

template <Dtype dtype, unsigned head_dim>
cudaError_t
launch(const AttentionArguments &a, const DecodeWork &work, cudaStream_t stream)
{
  static_assert(sizeof(Sums<head_dim>) * WARPS <= SHARED_BYTES<head_dim>, "sums replace rings");
  const unsigned thread_blocks =
      work.num_lists * attention_decode_thread_blocks(a.heads, a.kv_heads);

  return device_launch_large<decode_pieces<dtype, head_dim>, SHARED_BYTES<head_dim>>(
      thread_blocks, THREADS, stream, a, work);
}

} // namespace

uint32_t
attention_decode_thread_blocks(uint32_t heads, uint32_t kv_heads)
{
  return kv_heads * ((heads / kv_heads - 1) / TILE_HEADS + 1);
}

cudaError_t
attention_decode_launch(Dtype dtype, uint32_t head_dim, const AttentionArguments &arguments,
                        const DecodeWork &work, cudaStream_t stream)
{
  if (dtype == DTYPE_BF16)
    return head_dim == 64 ? launch<DTYPE_BF16, 64>(arguments, work, stream)
                          : launch<DTYPE_BF16, 128>(arguments, work, stream);
  return head_dim == 64 ? launch<DTYPE_FP16, 64>(arguments, work, stream)
                        : launch<DTYPE_FP16, 128>(arguments, work, stream);
}
