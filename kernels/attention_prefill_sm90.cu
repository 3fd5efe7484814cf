/* Attention of prefills on compute capability 9.0: the portable kernel's work, by products of whole
 * warpgroups that run by themselves.
 *
 *     warpgroup 0       copies (prefill_copies_sm90.h): two warps Q and keys, two warps values
 *     warpgroups 1, 2   64 query rows each, all tiles of 128 keys, last ones first:
 *
 *       my turn │ next scores = Q K^T │ out += P V │ other's turn │ weigh next scores │ shrink out
 *
 * Both products of a step are issued before its weights are computed, so they run beside them; and
 * the warpgroups take turns in issuing, so that one weighs while the other multiplies. P is
 * repacked in registers. There are as many thread blocks as multiprocessors, and each takes the
 * items of its list (prefill_plan.h) one after the other, so that only the first waits for its
 * copies.
 *
 * Rejected: a thread block an item (it waits for its copies, and the next cannot begin beside it);
 * one role that copies keys, then values (a tile's signal then waits until the slower consumer
 * frees the other's stage).
 */
#include "kernels/prefill_copies_sm90.h"

namespace
{

/* What a copying thread and a computing one keep: of the 65536 registers, all but 1024. */
constexpr unsigned COPY_REGISTERS = 40, COMPUTE_REGISTERS = 232;

constexpr unsigned DESCRIPTOR_UNIT = 16; /* bytes */

/* The named barriers of the consumers, by their number. */
constexpr unsigned FIRST_TURN_BARRIER = 1, FIRST_ROWS_BARRIER = FIRST_TURN_BARRIER + CONSUMERS;

/* A lane has two rows of its warp's sixteen: lane / 4, and eight below. */

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

/* A row's sum is with four lanes, each of which gets it. */
__device__ __forceinline__ void
add_sums(Rows &rows)
{
#pragma unroll
  for (unsigned half = 0; half < 2; half++) {
    rows.sums[half] += __shfl_xor_sync(ALL, rows.sums[half], 1);
    rows.sums[half] += __shfl_xor_sync(ALL, rows.sums[half], 2);
  }
}

/* Through Q's rows of this warpgroup, so that whole vectors are written. */
template <Dtype dtype, unsigned head_dim>
__device__ __forceinline__ void
store_values(Tile<head_dim> &tile, const Values<head_dim> &values, const Rows &rows,
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

/* The sums as they are, to be merged with those of other keys. Rows that are no query are left. */
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

/* Where a warpgroup's operands lie, as descriptors of their first place. */
struct Operands {
  uint64_t q, k, v;
};

/* One item: all tiles for the warpgroup's rows. The scores of the first tile are on their own, the
 * values of the last. `n` counts tiles; returns the count behind the item. */
template <Dtype dtype, unsigned head_dim>
__device__ __forceinline__ unsigned
compute_item(Shared<head_dim> &shared, const Item &item, const Operands &at, unsigned consumer,
             const PackedHeads &packed, unsigned n, float scale_log2, Values<head_dim> &values,
             Rows &rows)
{
  constexpr unsigned STAGE_UNITS = sizeof(Tile<head_dim>) / DESCRIPTOR_UNIT;
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
  multiply_keys<dtype, head_dim>(scores, at.q, at.k + first.stage * STAGE_UNITS);
  device_product_commit();
  give_turn(consumer, item.is_last && first_key == item.first_key);
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
    multiply_keys<dtype, head_dim>(scores, at.q, at.k + next.stage * STAGE_UNITS);
    device_product_commit();
    device_barrier_wait(&shared.full[OPERAND_V][now.stage], now.parity);
    device_product_fence();
    multiply_values<dtype, head_dim>(values, weights, at.v + now.stage * STAGE_UNITS);
    device_product_commit();
    give_turn(consumer, item.is_last && first_key == item.first_key);

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

/* All items, for one warpgroup's rows. */
template <Dtype dtype, unsigned head_dim>
__device__ __forceinline__ void
compute(Shared<head_dim> &shared, const AttentionArguments &a, const PrefillWork &work,
        unsigned consumer)
{
  constexpr unsigned STAGE_UNITS = sizeof(Tile<head_dim>) / DESCRIPTOR_UNIT;
  const unsigned first_row = consumer * GROUP_ROWS;
  const Operands at = {
      .q = device_matrix_swizzled(shared.q[0].panels[0][first_row], 16, ATOM_BYTES),
      .k = device_matrix_swizzled(&shared.tiles[OPERAND_K][0], 16, ATOM_BYTES),
      .v = device_matrix_swizzled(&shared.tiles[OPERAND_V][0], PANEL_BYTES, ATOM_BYTES),
  };
  unsigned n = 0; /* tiles computed */
  bool is_last = false;

  if (consumer == 1)
    give_turn(consumer, false);
  for (unsigned round = 0; !is_last; round++) {
    const Step step = step_of(round), first = step_of(n);
    Rows rows = {{-INFINITY, -INFINITY}, {0, 0}};
    Values<head_dim> values = {};

    device_barrier_wait(&shared.full[OPERAND_K][first.stage], first.parity);
    const Item item = shared.items[step.stage];
    n = compute_item<dtype, head_dim>(shared, item, {at.q + step.stage * STAGE_UNITS, at.k, at.v},
                                      consumer, work.packed, n, a.scale_log2, values, rows);
    device_named_sync(FIRST_ROWS_BARRIER + consumer, GROUP_THREADS); /* nobody reads Q any more */
    add_sums(rows);
    if (item.partial < 0)
      store_values<dtype, head_dim>(shared.q[step.stage], values, rows, first_row, item, a,
                                    work.packed);
    else
      store_partial<head_dim>(work.partials, item.partial, values, rows, first_row, item.num_rows,
                              a.scale_log2);
    __syncwarp();
    release(&shared.empty_q[step.stage]);
    is_last = item.is_last;
  }
}

template <Dtype dtype, unsigned head_dim>
__global__ void
__launch_bounds__(THREADS, 1) prefill(const AttentionArguments a, const PrefillWork work)
{
  device_begin();
  if (work.starts[blockIdx.x] == work.starts[blockIdx.x + 1])
    return; /* nothing was left for this list */
  if (DEVICE_SM90) {
    const unsigned warp = __shfl_sync(ALL, threadIdx.x / LANES, 0); /* known to be the same */
    const unsigned group = warp / (GROUP_THREADS / LANES);
    Shared<head_dim> &shared = *(Shared<head_dim> *)device_shared_memory();

    if (threadIdx.x == 0)
      init_barriers(shared);
    __syncthreads();
    if (group == 0) {
      device_registers_lower<COPY_REGISTERS>();
      copy_tiles(shared, a, work, warp < COPY_WARPS ? OPERAND_K : OPERAND_V);
    } else {
      device_registers_raise<COMPUTE_REGISTERS>();
      compute<dtype, head_dim>(shared, a, work, group - 1);
    }
  } else {
    __trap(); /* better no result than one that nobody wrote */
  }
}

template <Dtype dtype, unsigned head_dim>
cudaError_t
launch(const AttentionArguments &a, const PrefillWork &work, cudaStream_t stream)
{
  return device_launch_large<prefill<dtype, head_dim>, sizeof(Shared<head_dim>)>(
      work.num_lists, THREADS, stream, a, work);
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
