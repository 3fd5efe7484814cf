/* Attention of prefills on compute capability 9.0: the portable kernel's work, by products of whole
 * warpgroups that run by themselves.
 *
 *     warpgroup 0       two warps copy Q and the keys' tiles, two the values', two tiles ahead
 *     warpgroups 1, 2   64 query rows each, all tiles of 128 keys, last ones first:
 *
 *       my turn │ next scores = Q K^T │ out += P V │ other's turn │ weigh next scores │ shrink out
 *
 * Both products of a step are issued before its weights are computed, so they run beside them; and
 * the warpgroups take turns in issuing, so that one weighs while the other multiplies. P is
 * repacked in registers. A stage is handed over by two barriers in shared memory, full and empty,
 * for keys and values each: one waits for no more than it needs.
 *
 * Copies go token by token, because a block may have any number of tokens and any strides. Where
 * blocks divide a tile, a tensor map {dim, head, token, block} could copy a block at once with one
 * thread; that is left for later. Rejected: one warpgroup that copies keys, then values (a tile's
 * signal then waits until the slower consumer frees the other's stage).
 */
#include "kernels/attention_kernels.h"

#include "kernels/device_sm90.h"

namespace
{

constexpr unsigned LANES = 32, GROUP_THREADS = 128, CONSUMERS = 2;
constexpr unsigned THREADS = (1 + CONSUMERS) * GROUP_THREADS;
constexpr unsigned ROWS = PREFILL_TILE_ROWS, GROUP_ROWS = 64, KEYS = 128;
constexpr unsigned STAGES = 2;
constexpr unsigned VECTOR = 8; /* elements in 16 bytes */
constexpr unsigned ROW_LANES = 8, COPY_WARPS = 2;
constexpr unsigned PASS_ROWS = COPY_WARPS * LANES / ROW_LANES, PASSES = KEYS / PASS_ROWS;
constexpr unsigned ALL = 0xffffffff;
static_assert(ROWS == CONSUMERS * GROUP_ROWS && ROWS == KEYS, "Q is a tile like any other");

/* What a copying thread and a computing one keep: of the 65536 registers, all but 1024. */
constexpr unsigned COPY_REGISTERS = 40, COMPUTE_REGISTERS = 232;

/* A row's part in a panel is what the 128-byte swizzle takes: 64 dimensions. */
constexpr unsigned PANEL_DIMS = 64, ROW_BYTES = PANEL_DIMS * sizeof(uint16_t);
constexpr unsigned ATOM_ROWS = 8, ATOM_BYTES = ATOM_ROWS * ROW_BYTES;
constexpr unsigned PANEL_BYTES = ROWS * ROW_BYTES;
constexpr unsigned DESCRIPTOR_UNIT = 16; /* bytes */

template <unsigned head_dim> struct Tile {
  uint16_t panels[head_dim / PANEL_DIMS][ROWS][PANEL_DIMS];
};

enum Operand : unsigned { OPERAND_K, OPERAND_V, NUM_OPERANDS };

template <unsigned head_dim> struct Shared {
  Tile<head_dim> q, tiles[NUM_OPERANDS][STAGES];
  uint64_t full[NUM_OPERANDS][STAGES], empty[NUM_OPERANDS][STAGES];
};

/* The named barriers of the consumers, by their number. */
constexpr unsigned FIRST_TURN_BARRIER = 1, FIRST_ROWS_BARRIER = FIRST_TURN_BARRIER + CONSUMERS;

/* Where a tile lies that is the n-th of its walk. */
struct Step {
  unsigned stage, parity;
};

__device__ __forceinline__ Step
step_of(unsigned n)
{
  return {n % STAGES, n / STAGES % 2};
}

template <unsigned head_dim>
__device__ __forceinline__ uint16_t *
place(Tile<head_dim> &tile, unsigned row, unsigned vector)
{
  const unsigned swapped = (vector ^ row) % (PANEL_DIMS / VECTOR);

  return &tile.panels[vector / (PANEL_DIMS / VECTOR)][row][swapped * VECTOR];
}

/* The copying warps */

/* A thread's place in a pass: eight lanes a row, so that all its rows have the same swizzle. */
__device__ __forceinline__ unsigned
pass_row(void)
{
  return threadIdx.x % (COPY_WARPS * LANES) / ROW_LANES;
}

/* Its 16 bytes of each panel. */
template <unsigned head_dim>
__device__ __forceinline__ void
load_row(Tile<head_dim> &tile, unsigned pass, const uint16_t *from, bool valid)
{
  static_assert(PASS_ROWS % ATOM_ROWS == 0, "all passes have the swizzle of the first");
  uint16_t *to = place(tile, pass_row(), threadIdx.x % ROW_LANES) + pass * PASS_ROWS * PANEL_DIMS;

#pragma unroll
  for (unsigned panel = 0; panel < head_dim / PANEL_DIMS; panel++)
    device_copy_async(to + panel * (PANEL_BYTES / sizeof *to), from + panel * PANEL_DIMS, valid);
}

template <unsigned head_dim>
__device__ __forceinline__ void
load_queries(Tile<head_dim> &tile, const uint16_t *q, size_t row_stride, int num_rows)
{
  const uint16_t *vectors = q + threadIdx.x % ROW_LANES * VECTOR;

#pragma unroll 4
  for (unsigned pass = 0; pass < PASSES; pass++) {
    const unsigned row = pass * PASS_ROWS + pass_row();
    const bool valid = (int)row < num_rows;
    load_row(tile, pass, valid ? vectors + row * row_stride : vectors, valid);
  }
}

/* Of the rows of its eight lanes, a lane looks up those of the passes that leave its number. Behind
 * the last key it is the last one again: a place that is there. */
using Places = uint64_t[PASSES / ROW_LANES];

__device__ __forceinline__ void
look_up(Places &places, const AttentionArguments &a, const uint16_t *pool,
        const int32_t *block_table, int first_key, int num_keys)
{
#pragma unroll
  for (unsigned i = 0; i < PASSES / ROW_LANES; i++) {
    const unsigned pass = i * ROW_LANES + threadIdx.x % ROW_LANES;
    const int key = first_key + (int)(pass * PASS_ROWS + pass_row());
    places[i] = (uint64_t)(pool + token_offset(a, block_table, min(key, num_keys - 1)));
  }
}

template <unsigned head_dim>
__device__ __forceinline__ void
load_tile(Tile<head_dim> &tile, const Places &places, int num_rows)
{
  const unsigned first_lane = threadIdx.x % LANES / ROW_LANES * ROW_LANES;

#pragma unroll
  for (unsigned pass = 0; pass < PASSES; pass++) {
    const uint64_t row =
        __shfl_sync(ALL, places[pass / ROW_LANES], first_lane + pass % ROW_LANES);
    load_row(tile, pass, (const uint16_t *)row + threadIdx.x % ROW_LANES * VECTOR,
             (int)(pass * PASS_ROWS + pass_row()) < num_rows);
  }
}

/* One warp's part in the copies of all tiles of one operand, and of Q with the first keys. */
template <unsigned head_dim>
__device__ __forceinline__ void
copy_tiles(Shared<head_dim> &shared, const AttentionArguments &a, const PrefillPlace &at,
           Operand operand)
{
  const int sequence = at.tile.sequence, num_keys = at.tile.num_keys;
  const int32_t *block_table = a.block_tables + (size_t)sequence * a.block_table_stride;
  const size_t kv_head = at.head / (a.heads / a.kv_heads) * a.head_stride;
  const uint16_t *pool = (operand == OPERAND_K ? a.k : a.v) + kv_head;
  int first_key = (num_keys - 1) / (int)KEYS * (int)KEYS;
  Places places;

  look_up(places, a, pool, block_table, first_key, num_keys);
  if (operand == OPERAND_K) {
    const int first_query = a.query_starts[sequence];
    const int num_rows = a.query_starts[sequence + 1] - first_query - at.tile.first_row;
    const size_t row = (size_t)(first_query + at.tile.first_row);
    load_queries(shared.q, a.q + row * a.q_row_stride + (size_t)at.head * head_dim,
                 a.q_row_stride, num_rows);
  }
  for (unsigned n = 0; first_key >= 0; n++, first_key -= (int)KEYS) {
    const Step step = step_of(n);
    device_barrier_wait(&shared.empty[operand][step.stage], step.parity ^ 1);
    load_tile(shared.tiles[operand][step.stage], places, num_keys - first_key);
    device_copy_async_commit();
    if (first_key > 0)
      look_up(places, a, pool, block_table, first_key - (int)KEYS, num_keys);
    device_copy_async_wait<0>();
    device_fence_async();
    __syncwarp();
    if (threadIdx.x % LANES == 0)
      device_barrier_arrive(&shared.full[operand][step.stage]);
  }
}

/* The computing warpgroups. A lane has two rows of its warp's sixteen: lane / 4, and eight below. */

using Scores = float[KEYS / 8][4];
using Weights = uint32_t[KEYS / 16][4];
template <unsigned head_dim> using Values = float[head_dim / 8][4];

struct Rows {
  float largest[2], sums[2]; /* sums of this lane's columns only */
};

template <Dtype dtype, unsigned head_dim>
__device__ __forceinline__ void
multiply_keys(Scores &scores, uint64_t q, uint64_t k)
{
  constexpr unsigned STEP_BYTES = 16 * sizeof(uint16_t), PANEL_STEPS = ROW_BYTES / STEP_BYTES;

#pragma unroll
  for (unsigned step = 0; step < head_dim / 16; step++) {
    const unsigned bytes = step / PANEL_STEPS * PANEL_BYTES + step % PANEL_STEPS * STEP_BYTES;
    device_product<dtype, KEYS>(scores, q + bytes / DESCRIPTOR_UNIT, k + bytes / DESCRIPTOR_UNIT,
                                step > 0);
  }
}

template <Dtype dtype, unsigned head_dim>
__device__ __forceinline__ void
multiply_values(Values<head_dim> &values, const Weights &weights, uint64_t v)
{
  constexpr unsigned STEP_BYTES = 16 * ROW_BYTES;

#pragma unroll
  for (unsigned step = 0; step < KEYS / 16; step++)
    device_product_add<dtype, head_dim>(values, weights[step],
                                        v + step * (STEP_BYTES / DESCRIPTOR_UNIT));
}

/* Row r of the warpgroup sees the keys below `limit` + r. Rows that are no query see any. */
__device__ __forceinline__ void
mask(Scores &scores, int first_key, int limit)
{
  const int row = (int)(threadIdx.x % GROUP_THREADS / LANES * 16 + threadIdx.x % LANES / 4);
  const int seen = limit + row - first_key - (int)(threadIdx.x % 4 * 2);

#pragma unroll
  for (unsigned keys = 0; keys < KEYS / 8; keys++)
#pragma unroll
    for (unsigned i = 0; i < 4; i++)
      if ((int)(keys * 8 + i % 2) >= seen + (int)(i / 2 * 8))
        scores[keys][i] = -INFINITY;
}

/* Turns scores into weights on the scale of the largest so far. Leaves by what earlier weights
 * shrink. */
__device__ __forceinline__ void
weigh(Scores &scores, Rows &rows, float (&shrink)[2], float scale_log2)
{
#pragma unroll
  for (unsigned half = 0; half < 2; half++) {
    float above = rows.largest[half];
#pragma unroll
    for (unsigned keys = 0; keys < KEYS / 8; keys++)
      above = fmaxf(above, fmaxf(scores[keys][half * 2], scores[keys][half * 2 + 1]));
    above = fmaxf(above, __shfl_xor_sync(ALL, above, 1));
    above = fmaxf(above, __shfl_xor_sync(ALL, above, 2));

    /* A row that has seen no key yet has no scale: all its weights are zero. */
    const float base = above == -INFINITY ? 0 : above * scale_log2;
    shrink[half] = device_exp2(rows.largest[half] * scale_log2 - base);
    rows.largest[half] = above;
    float sum = 0;
#pragma unroll
    for (unsigned keys = 0; keys < KEYS / 8; keys++)
#pragma unroll
      for (unsigned i = half * 2; i < half * 2 + 2; i++) {
        scores[keys][i] = device_exp2(scores[keys][i] * scale_log2 - base);
        sum += scores[keys][i];
      }
    rows.sums[half] = rows.sums[half] * shrink[half] + sum;
  }
}

/* Sums of a product lie with the lanes as the first operand of the next, two eights of columns in
 * one of its sixteen. */
template <Dtype dtype>
__device__ __forceinline__ void
pack(Weights &weights, const Scores &scores)
{
#pragma unroll
  for (unsigned step = 0; step < KEYS / 16; step++)
#pragma unroll
    for (unsigned i = 0; i < 4; i++)
      weights[step][i] = device_pack<dtype>(scores[2 * step + i / 2][i % 2 * 2],
                                            scores[2 * step + i / 2][i % 2 * 2 + 1]);
}

/* Through Q's rows of this warpgroup, so that whole vectors are written. */
template <Dtype dtype, unsigned head_dim>
__device__ __forceinline__ void
store_values(Tile<head_dim> &tile, const Values<head_dim> &values, Rows &rows, unsigned first_row,
             uint16_t *out, size_t row_stride, int num_rows)
{
  const unsigned lane = threadIdx.x % LANES;
  const unsigned warp_row = first_row + threadIdx.x % GROUP_THREADS / LANES * 16;

#pragma unroll
  for (unsigned half = 0; half < 2; half++) {
    float sum = rows.sums[half];
    sum += __shfl_xor_sync(ALL, sum, 1);
    sum += __shfl_xor_sync(ALL, sum, 2);
    const float share = __fdividef(1, sum);
#pragma unroll
    for (unsigned dims = 0; dims < head_dim / 8; dims++)
      *(uint32_t *)(place(tile, warp_row + lane / 4 + half * 8, dims) + lane % 4 * 2) =
          device_pack<dtype>(values[dims][half * 2] * share, values[dims][half * 2 + 1] * share);
  }
  __syncwarp();
#pragma unroll
  for (unsigned i = 0; i < 16 * head_dim / VECTOR / LANES; i++) {
    const unsigned index = i * LANES + lane, vector = index % (head_dim / VECTOR);
    const unsigned row = warp_row + index / (head_dim / VECTOR);
    if ((int)row < num_rows)
      *(uint4 *)&out[row * row_stride + vector * VECTOR] =
          *(const uint4 *)place(tile, row, vector);
  }
}

/* The stage's keys or values are done with by this warp. */
__device__ __forceinline__ void
release(uint64_t *empty)
{
  if (threadIdx.x % LANES == 0)
    device_barrier_arrive(empty);
}

/* The consumers issue their products by turns; the first begins. */
__device__ __forceinline__ void
take_turn(unsigned consumer)
{
  device_named_sync(FIRST_TURN_BARRIER + consumer, CONSUMERS * GROUP_THREADS);
}

__device__ __forceinline__ void
give_turn(unsigned consumer, bool is_last)
{
  if (consumer == 0 || !is_last)
    device_named_arrive(FIRST_TURN_BARRIER + (consumer ^ 1), CONSUMERS * GROUP_THREADS);
}

/* All tiles for one warpgroup's rows. */
template <Dtype dtype, unsigned head_dim>
__device__ __forceinline__ void
compute(Shared<head_dim> &shared, const AttentionArguments &a, const PrefillPlace &at,
        unsigned consumer)
{
  const int first_query = a.query_starts[at.tile.sequence];
  const int new_tokens = a.query_starts[at.tile.sequence + 1] - first_query;
  const int num_rows = min(new_tokens - at.tile.first_row, (int)ROWS);
  const unsigned first_row = consumer * GROUP_ROWS;
  const int limit = at.tile.num_keys - num_rows + 1 + (int)first_row;
  const uint64_t q = device_matrix_swizzled(shared.q.panels[0][first_row], 16, ATOM_BYTES);
  const uint64_t k = device_matrix_swizzled(&shared.tiles[OPERAND_K][0], 16, ATOM_BYTES);
  const uint64_t v = device_matrix_swizzled(&shared.tiles[OPERAND_V][0], PANEL_BYTES, ATOM_BYTES);
  constexpr unsigned STAGE_UNITS = sizeof(Tile<head_dim>) / DESCRIPTOR_UNIT;

  int first_key = (at.tile.num_keys - 1) / (int)KEYS * (int)KEYS;
  Rows rows = {{-INFINITY, -INFINITY}, {0, 0}};
  Values<head_dim> values = {};
  Weights weights;
  Scores scores;
  float shrink[2];

  if (consumer == 1)
    give_turn(consumer, false);
  device_barrier_wait(&shared.full[OPERAND_K][0], 0);
  take_turn(consumer);
  device_product_fence();
  multiply_keys<dtype, head_dim>(scores, q, k);
  device_product_commit();
  give_turn(consumer, first_key == 0);
  device_product_wait<0>();
  device_product_hold(scores);
  release(&shared.empty[OPERAND_K][0]);
  if (first_key + (int)KEYS > limit)
    mask(scores, first_key, limit);
  weigh(scores, rows, shrink, a.scale_log2);
  pack<dtype>(weights, scores);

  unsigned n = 0; /* tiles whose values are added */
  for (first_key -= (int)KEYS; first_key >= 0; first_key -= (int)KEYS, n++) {
    const Step now = step_of(n), next = step_of(n + 1);
    device_barrier_wait(&shared.full[OPERAND_K][next.stage], next.parity);
    take_turn(consumer);
    device_product_hold(values);
    device_product_hold(weights);
    device_product_fence();
    multiply_keys<dtype, head_dim>(scores, q, k + next.stage * STAGE_UNITS);
    device_product_commit();
    device_barrier_wait(&shared.full[OPERAND_V][now.stage], now.parity);
    device_product_fence();
    multiply_values<dtype, head_dim>(values, weights, v + now.stage * STAGE_UNITS);
    device_product_commit();
    give_turn(consumer, first_key == 0);

    device_product_wait<1>();
    device_product_hold(scores);
    release(&shared.empty[OPERAND_K][next.stage]);
    if (first_key + (int)KEYS > limit)
      mask(scores, first_key, limit);
    weigh(scores, rows, shrink, a.scale_log2);

    device_product_delay_wait(rows.sums[0] + rows.sums[1]); /* all weights are in them */
    device_product_wait<0>();
    device_product_hold(values);
    release(&shared.empty[OPERAND_V][now.stage]);
    pack<dtype>(weights, scores);
#pragma unroll
    for (unsigned dims = 0; dims < head_dim / 8; dims++)
#pragma unroll
      for (unsigned i = 0; i < 4; i++)
        values[dims][i] *= shrink[i / 2];
  }

  const Step last = step_of(n);
  device_barrier_wait(&shared.full[OPERAND_V][last.stage], last.parity);
  device_product_hold(values);
  device_product_hold(weights);
  device_product_fence();
  multiply_values<dtype, head_dim>(values, weights, v + last.stage * STAGE_UNITS);
  device_product_commit();
  device_product_wait<0>();
  device_product_hold(values);
  device_named_sync(FIRST_ROWS_BARRIER + consumer, GROUP_THREADS); /* nobody reads Q any more */
  const size_t row = (size_t)(first_query + at.tile.first_row);
  store_values<dtype, head_dim>(shared.q, values, rows, first_row,
                                a.out + row * a.out_row_stride + (size_t)at.head * head_dim,
                                a.out_row_stride, num_rows);
}

template <Dtype dtype, unsigned head_dim>
__global__ void
__launch_bounds__(THREADS, 1) prefill(const AttentionArguments a, const PrefillWork work)
{
  if (DEVICE_SM90) {
    const PrefillPlace at = prefill_place(a, work, blockIdx.x);
    const unsigned warp = __shfl_sync(ALL, threadIdx.x / LANES, 0); /* known to be the same */
    const unsigned group = warp / (GROUP_THREADS / LANES);
    Shared<head_dim> &shared = *(Shared<head_dim> *)device_shared_memory();

    if (threadIdx.x == 0)
      for (unsigned operand = 0; operand < NUM_OPERANDS; operand++)
        for (unsigned stage = 0; stage < STAGES; stage++) {
          device_barrier_init(&shared.full[operand][stage], COPY_WARPS);
          device_barrier_init(&shared.empty[operand][stage], CONSUMERS * GROUP_THREADS / LANES);
        }
    __syncthreads();
    if (group == 0) {
      device_registers_lower<COPY_REGISTERS>();
      copy_tiles(shared, a, at, warp < COPY_WARPS ? OPERAND_K : OPERAND_V);
    } else {
      device_registers_raise<COMPUTE_REGISTERS>();
      compute<dtype, head_dim>(shared, a, at, group - 1);
    }
  }
}

template <Dtype dtype, unsigned head_dim>
cudaError_t
launch(const AttentionArguments &a, const PrefillWork &work, cudaStream_t stream)
{
  return device_launch(prefill<dtype, head_dim>, work.num_tiles * a.heads, THREADS,
                       sizeof(Shared<head_dim>), stream, a, work);
}

} // namespace

cudaError_t
attention_prefill_sm90_launch(Dtype dtype, uint32_t head_dim, const AttentionArguments &arguments,
                              const PrefillWork &work, cudaStream_t stream)
{
  if (dtype == DTYPE_BF16)
    return head_dim == 64 ? launch<DTYPE_BF16, 64>(arguments, work, stream)
                          : launch<DTYPE_BF16, 128>(arguments, work, stream);
  return head_dim == 64 ? launch<DTYPE_FP16, 64>(arguments, work, stream)
                        : launch<DTYPE_FP16, 128>(arguments, work, stream);
}
