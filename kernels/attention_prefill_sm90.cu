/* Attention of prefills on compute capability 9.0: as the portable kernel, with asynchronous
 * products of whole warpgroups (wgmma).
 *
 *     warpgroup 0       copies (prefill_copies_sm90.h): two warps Q and keys, two warps values
 *     the others        compute 64 query rows each, over all tiles of 128 keys, last ones first:
 *
 *       my turn │ next scores = Q K^T │ out += P V │ give turn │ weigh next scores │ rescale out
 *
 * Both products of a step are issued before its weights are computed, so they run beside them. The
 * computing warpgroups (consumers) take turns in issuing, so that one computes weights while the
 * other's products run. P is repacked in registers. There are as many thread blocks as
 * multiprocessors, and each takes the items of its list (prefill_plan.h) one after the other, so
 * that only the first item waits for its copies. Two warpgroups compute; for heads of 64
 * dimensions, whose products take half as long beside as many weights, three, so that more rows
 * share the keys that are read.
 *
 * Rejected: a thread block for each item (it waits for its copies, and the next cannot begin beside
 * it); one role that copies keys, then values (a tile's signal then waits until the slower consumer
 * frees the stage of the other operand).
 */
#include "kernels/prefill_copies_sm90.h"

namespace
{

/* By the number of consumers: threads, and the registers that a thread of the copying warpgroup and
 * of a consumer has, of the 65536. */
template <unsigned consumers> constexpr unsigned THREADS = (1 + consumers) * GROUP_THREADS;
template <unsigned consumers> constexpr unsigned COPY_REGISTERS = consumers == 2 ? 40 : 32;
template <unsigned consumers> constexpr unsigned COMPUTE_REGISTERS = consumers == 2 ? 232 : 160;

constexpr unsigned DESCRIPTOR_UNIT = 16; /* bytes */

/* Named barriers: the first of each kind; consumer i has the i-th after it. */
constexpr unsigned FIRST_TURN_BARRIER = 1, FIRST_ROWS_BARRIER = 4;

/* A lane has two of its warp's sixteen rows: lane / 4, and the one eight rows below. */

using Scores = float[KEYS / 8][4];
using Weights = uint32_t[KEYS / 16][4];
template <unsigned head_dim> using Values = float[head_dim / 8][4];

struct Rows {
  float largest[2], sums[2]; /* sums of this lane's columns only */
};

template <Dtype dtype, unsigned head_dim, unsigned rows>
__device__ __forceinline__ void
multiply_keys(Scores &scores, uint64_t q, uint64_t k)
{
  constexpr unsigned STEP_BYTES = 16 * sizeof(uint16_t), PANEL_STEPS = ROW_BYTES / STEP_BYTES;

#pragma unroll
  for (unsigned step = 0; step < head_dim / 16; step++) {
    const unsigned panel = step / PANEL_STEPS, bytes = step % PANEL_STEPS * STEP_BYTES;
    device_product<dtype, KEYS>(scores, q + (panel * rows * ROW_BYTES + bytes) / DESCRIPTOR_UNIT,
                                k + (panel * KEYS * ROW_BYTES + bytes) / DESCRIPTOR_UNIT, step > 0);
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

/* A lane's two rows see the keys below `limits`. */
__device__ __forceinline__ void
mask(Scores &scores, int first_key, const int (&limits)[2])
{
  const int first = first_key + (int)(threadIdx.x % 4 * 2);

#pragma unroll
  for (unsigned keys = 0; keys < KEYS / 8; keys++)
#pragma unroll
    for (unsigned i = 0; i < 4; i++)
      if ((int)(keys * 8 + i % 2) >= limits[i / 2] - first)
        scores[keys][i] = -INFINITY;
}

/* Turns scores into weights relative to the largest score so far. shrink: the factor that rescales
 * earlier sums, for each row. */
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

/* Packs weights as the first operand of the next product: a lane holds the same elements in the
 * sums of one and in the operand of the other, two groups of 8 columns in each step of 16. */
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

/* Adds a row's sums over the four lanes that share it; each lane gets the total. */
__device__ __forceinline__ void
add_sums(Rows &rows)
{
#pragma unroll
  for (unsigned half = 0; half < 2; half++) {
    rows.sums[half] += __shfl_xor_sync(ALL, rows.sums[half], 1);
    rows.sums[half] += __shfl_xor_sync(ALL, rows.sums[half], 2);
  }
}

/* Writes the results as whole vectors, by way of this warpgroup's rows of Q. */
template <Dtype dtype, unsigned head_dim, unsigned rows_of_tile>
__device__ __forceinline__ void
store_values(Tile<head_dim, rows_of_tile> &tile, const Values<head_dim> &values, const Rows &rows,
             unsigned first_row, const Item &item, const AttentionArguments &a,
             const PackedHeads &packed)
{
  const unsigned lane = threadIdx.x % LANES;
  const unsigned warp_row = first_row + threadIdx.x % GROUP_THREADS / LANES * 16;
  uint16_t *out = a.out + item.out_offset;

#pragma unroll
  for (unsigned half = 0; half < 2; half++) {
    const float share = __fdividef(1, rows.sums[half]);
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
    if ((int)row < item.num_rows)
      *(uint4
            *)&out[packed_row<head_dim>((unsigned)item.first_row + row, packed, a.out_row_stride) +
                   vector * VECTOR] = *(const uint4 *)place(tile, row, vector);
  }
}

/* Writes the sums as a partial result, which is merged with those of other keys. Skips rows that
 * are no query. */
template <unsigned head_dim>
__device__ __forceinline__ void
store_partial(const AttentionPartials &partials, int partial, const Values<head_dim> &values,
              const Rows &rows, unsigned first_row, int num_rows, float scale_log2)
{
  const unsigned lane = threadIdx.x % LANES;
  const unsigned lane_row = first_row + threadIdx.x % GROUP_THREADS / LANES * 16 + lane / 4;

#pragma unroll
  for (unsigned half = 0; half < 2; half++) {
    const unsigned row = lane_row + half * 8;
    if ((int)row >= num_rows)
      continue;
    const size_t index = (size_t)partial * partials.rows + row;
    float *to = partials.values + index * head_dim + lane % 4 * 2;
#pragma unroll
    for (unsigned dims = 0; dims < head_dim / 8; dims++)
      *(float2 *)(to + dims * 8) = make_float2(values[dims][half * 2], values[dims][half * 2 + 1]);
    if (lane % 4 == 0)
      partials.totals[index] = make_float2(rows.largest[half] * scale_log2, rows.sums[half]);
  }
}

/* Signals that this warp no longer reads the stage. */
__device__ __forceinline__ void
release(uint64_t *empty)
{
  if (threadIdx.x % LANES == 0)
    device_barrier_arrive(empty);
}

/* The consumers issue their products by turns, in a ring; the first begins. Consumer i waits at
 * barrier i for the one before it, which arrives there when it has issued its own. A consumer gives
 * its turn away once for each turn that it took, so no barrier gets a second arrival before the
 * first was waited for. */
__device__ __forceinline__ void
take_turn(unsigned consumer)
{
  device_named_sync(FIRST_TURN_BARRIER + consumer, 2 * GROUP_THREADS);
}

/* The last consumer does not give its very last turn away: nobody would take it, and the thread
 * block would end with an unfinished barrier. */
template <unsigned consumers>
__device__ __forceinline__ void
give_turn(unsigned consumer, bool is_last)
{
  if (consumer + 1 < consumers || !is_last)
    device_named_arrive(FIRST_TURN_BARRIER + (consumer + 1) % consumers, 2 * GROUP_THREADS);
}

/* Descriptors of a warpgroup's operands, at their first stage. */
struct Operands {
  uint64_t q, k, v;
};

/* Computes one item for the warpgroup's rows. The scores of its first tile and the values of its
 * last are computed on their own, outside of the loop. n: the number of tiles before this item;
 * returns the number after it. */
template <Dtype dtype, unsigned head_dim, unsigned consumers>
__device__ __forceinline__ unsigned
compute_item(Shared<head_dim, consumers> &shared, const Item &item, const Operands &at,
             unsigned consumer, const PackedHeads &packed, unsigned n, float scale_log2,
             Values<head_dim> &values, Rows &rows)
{
  constexpr unsigned STAGE_UNITS = sizeof(Tile<head_dim, KEYS>) / DESCRIPTOR_UNIT;
  constexpr unsigned ROWS = consumers * GROUP_ROWS;
  const unsigned group_row = (unsigned)item.first_row + consumer * GROUP_ROWS;
  const unsigned lane_row =
      group_row + threadIdx.x % GROUP_THREADS / LANES * 16 + threadIdx.x % LANES / 4;
  const int limit = item.first_limit + (int)packed_token(group_row, packed); /* the least */
  const int limits[2] = {item.first_limit + (int)packed_token(lane_row, packed),
                         item.first_limit + (int)packed_token(lane_row + 8, packed)};
  int first_key = (item.end_key - 1) / (int)KEYS * (int)KEYS;
  Weights weights;
  Scores scores;
  float shrink[2];

  const Step first = step_of(n);
  take_turn(consumer);
  device_product_fence();
  multiply_keys<dtype, head_dim, ROWS>(scores, at.q, at.k + first.stage * STAGE_UNITS);
  device_product_commit();
  give_turn<consumers>(consumer, item.is_last && first_key == item.first_key);
  device_product_wait<0>();
  device_product_hold(scores);
  release(&shared.empty[OPERAND_K][first.stage]);
  if (first_key + (int)KEYS > limit)
    mask(scores, first_key, limits);
  weigh(scores, rows, shrink, scale_log2);
  pack<dtype>(weights, scores);

  for (first_key -= (int)KEYS; first_key >= item.first_key; first_key -= (int)KEYS, n++) {
    const Step now = step_of(n), next = step_of(n + 1);
    device_barrier_wait(&shared.full[OPERAND_K][next.stage], next.parity);
    take_turn(consumer);
    device_product_hold(values);
    device_product_hold(weights);
    device_product_fence();
    multiply_keys<dtype, head_dim, ROWS>(scores, at.q, at.k + next.stage * STAGE_UNITS);
    device_product_commit();
    device_barrier_wait(&shared.full[OPERAND_V][now.stage], now.parity);
    device_product_fence();
    multiply_values<dtype, head_dim>(values, weights, at.v + now.stage * STAGE_UNITS);
    device_product_commit();
    give_turn<consumers>(consumer, item.is_last && first_key == item.first_key);

    device_product_wait<1>();
    device_product_hold(scores);
    release(&shared.empty[OPERAND_K][next.stage]);
    if (first_key + (int)KEYS > limit)
      mask(scores, first_key, limits);
    weigh(scores, rows, shrink, scale_log2);

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
  multiply_values<dtype, head_dim>(values, weights, at.v + last.stage * STAGE_UNITS);
  device_product_commit();
  device_product_wait<0>();
  device_product_hold(values);
  release(&shared.empty[OPERAND_V][last.stage]);
  return n + 1;
}

/* Computes all items of the list for one warpgroup's rows. */
template <Dtype dtype, unsigned head_dim, unsigned consumers>
__device__ __forceinline__ void
compute(Shared<head_dim, consumers> &shared, const AttentionArguments &a, const PrefillWork &work,
        unsigned consumer)
{
  constexpr unsigned Q_STAGE_UNITS = sizeof shared.q[0] / DESCRIPTOR_UNIT;
  const unsigned first_row = consumer * GROUP_ROWS;
  const Operands at = {
      .q = device_matrix_swizzled(shared.q[0].panels[0][first_row], 16, ATOM_BYTES),
      .k = device_matrix_swizzled(&shared.tiles[OPERAND_K][0], 16, ATOM_BYTES),
      .v = device_matrix_swizzled(&shared.tiles[OPERAND_V][0], KEYS * ROW_BYTES, ATOM_BYTES),
  };
  unsigned n = 0; /* tiles computed */
  bool is_last = false;

  if (consumer == consumers - 1)
    give_turn<consumers>(consumer, false);
  for (unsigned round = 0; !is_last; round++) {
    const Step step = step_of(round), first = step_of(n);
    Rows rows = {{-INFINITY, -INFINITY}, {0, 0}};
    Values<head_dim> values = {};

    device_barrier_wait(&shared.full[OPERAND_K][first.stage], first.parity);
    const Item item = shared.items[step.stage];
    n = compute_item<dtype>(shared, item, {at.q + step.stage * Q_STAGE_UNITS, at.k, at.v}, consumer,
                            work.packed, n, a.scale_log2, values, rows);
    device_named_sync(FIRST_ROWS_BARRIER + consumer, GROUP_THREADS); /* nobody reads Q any more */
    add_sums(rows);
    if (item.partial < 0)
      store_values<dtype>(shared.q[step.stage], values, rows, first_row, item, a, work.packed);
    else
      store_partial<head_dim>(work.partials, item.partial, values, rows, first_row, item.num_rows,
                              a.scale_log2);
    __syncwarp();
    release(&shared.empty_q[step.stage]);
    is_last = item.is_last;
  }
}

template <Dtype dtype, unsigned head_dim, unsigned consumers>
__global__ void
__launch_bounds__(THREADS<consumers>, 1) prefill(const AttentionArguments a, const PrefillWork work,
                                                 const __grid_constant__ BlockMaps maps)
{
  device_begin();
  if (work.starts[blockIdx.x] == work.starts[blockIdx.x + 1])
    return; /* nothing was left for this list */
  if (DEVICE_SM90) {
    const unsigned warp = __shfl_sync(ALL, threadIdx.x / LANES, 0); /* known to be the same */
    const unsigned group = warp / (GROUP_THREADS / LANES);
    Shared<head_dim, consumers> &shared = *(Shared<head_dim, consumers> *)device_shared_memory();

    if (threadIdx.x == 0)
      init_barriers(shared);
    __syncthreads();
    if (group == 0) {
      device_registers_lower<COPY_REGISTERS<consumers>>();
      copy_tiles(shared, a, work, maps, warp < COPY_WARPS ? OPERAND_K : OPERAND_V);
    } else {
      device_registers_raise<COMPUTE_REGISTERS<consumers>>();
      compute<dtype>(shared, a, work, group - 1);
    }
  } else {
    __trap(); /* an error, rather than results that were never written */
  }
}

/* The log2 of a box's tokens, those of a block, or a tile's of longer blocks, so that a box is
 * whole atoms of the swizzle; 0: blocks of this size are copied token by token. */
unsigned
box_shift(uint32_t block_size)
{
  for (unsigned shift = 3; 1u << shift <= KEYS; shift++)
    if (block_size == 1u << shift || (1u << shift == KEYS && block_size % KEYS == 0))
      return shift;
  return 0;
}

cudaError_t
make_maps(BlockMaps *maps, uint32_t head_dim, const AttentionArguments &a, bool in_boxes)
{
  const uint64_t sizes[] = {head_dim, a.block_size, a.kv_heads};
  const uint64_t strides[] = {a.token_stride * sizeof(uint16_t), a.head_stride * sizeof(uint16_t),
                              a.block_stride * sizeof(uint16_t)};

  *maps = {};
  maps->shift = in_boxes ? box_shift(a.block_size) : 0;
  if (maps->shift == 0)
    return cudaSuccess;
  const cudaError_t status = device_tensor_map(&maps->k, a.k, sizes, strides, 1u << maps->shift);
  return status != cudaSuccess
             ? status
             : device_tensor_map(&maps->v, a.v, sizes, strides, 1u << maps->shift);
}

template <Dtype dtype, unsigned head_dim, unsigned consumers>
cudaError_t
launch(const AttentionArguments &a, const PrefillWork &work, const BlockMaps &maps,
       cudaStream_t stream)
{
  return device_launch_large<prefill<dtype, head_dim, consumers>,
                             sizeof(Shared<head_dim, consumers>)>(
      work.num_lists, THREADS<consumers>, stream, a, work, maps);
}

template <Dtype dtype>
cudaError_t
launch_for(uint32_t head_dim, const AttentionArguments &a, const PrefillWork &work,
           const BlockMaps &maps, cudaStream_t stream)
{
  if (head_dim == 128)
    return launch<dtype, 128, 2>(a, work, maps, stream);
  return work.tile_rows == PREFILL_WIDE_ROWS ? launch<dtype, 64, 3>(a, work, maps, stream)
                                             : launch<dtype, 64, 2>(a, work, maps, stream);
}

} // namespace

cudaError_t
attention_prefill_sm90_launch(Dtype dtype, uint32_t head_dim, const AttentionArguments &arguments,
                              const PrefillWork &work, bool in_boxes, cudaStream_t stream)
{
  BlockMaps maps;
  const cudaError_t status = make_maps(&maps, head_dim, arguments, in_boxes);

  if (status != cudaSuccess)
    return status;
  return dtype == DTYPE_BF16 ? launch_for<DTYPE_BF16>(head_dim, arguments, work, maps, stream)
                             : launch_for<DTYPE_FP16>(head_dim, arguments, work, maps, stream);
}
