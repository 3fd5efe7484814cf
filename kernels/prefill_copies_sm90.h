/* The shared memory of prefills on compute capability 9.0, and the warps that fill it.
 *
 * A thread block takes one item of work after the other: a tile of query rows of one head. Q and
 * what an item is about lie in two places by turns, keys and values in two stages each, so the
 * copies of an item begin while the one before is computed. A barrier in shared memory says of each
 * stage that it is full, another that it is empty; that the first keys of an item are there says so
 * of its Q as well.
 *
 * Copies go token by token, because a block may have any number of tokens and any strides. Where
 * blocks divide a tile, a tensor map {dim, head, token, block} could copy a block at once with one
 * thread; that is left for later.
 */
#pragma once

#include "kernels/attention_kernels.h"
#include "kernels/device_sm90.h"

constexpr unsigned LANES = 32, GROUP_THREADS = 128, CONSUMERS = 2;
constexpr unsigned THREADS = (1 + CONSUMERS) * GROUP_THREADS;
constexpr unsigned ROWS = PREFILL_ROWS, GROUP_ROWS = 64, KEYS = PREFILL_TILE_KEYS;
constexpr unsigned STAGES = 2;
constexpr unsigned VECTOR = 8; /* elements in 16 bytes */
constexpr unsigned ROW_LANES = 8, COPY_WARPS = 2;
constexpr unsigned PASS_ROWS = COPY_WARPS * LANES / ROW_LANES, PASSES = KEYS / PASS_ROWS;
constexpr unsigned ALL = 0xffffffff;
static_assert(ROWS == CONSUMERS * GROUP_ROWS && ROWS == KEYS, "Q is a tile like any other");

/* A row's part in a panel is what the 128-byte swizzle takes: 64 dimensions. */
constexpr unsigned PANEL_DIMS = 64, ROW_BYTES = PANEL_DIMS * sizeof(uint16_t);
constexpr unsigned ATOM_ROWS = 8, ATOM_BYTES = ATOM_ROWS * ROW_BYTES;
constexpr unsigned PANEL_BYTES = ROWS * ROW_BYTES;

template <unsigned head_dim> struct Tile {
  uint16_t panels[head_dim / PANEL_DIMS][ROWS][PANEL_DIMS];
};

enum Operand : unsigned { OPERAND_K, OPERAND_V, NUM_OPERANDS };

/* What those who compute need to know of an item. */
struct Item {
  size_t out_offset; /* of its sequence's first row and its own first head, in elements */
  int first_row, num_rows;
  int first_limit; /* row r of the sequence sees the keys below this + r / packed heads */
  int first_key, end_key;
  int partial;
  bool is_last;
};

template <unsigned head_dim> struct Shared {
  Tile<head_dim> q[STAGES], tiles[NUM_OPERANDS][STAGES];
  Item items[STAGES];
  uint64_t full[NUM_OPERANDS][STAGES], empty[NUM_OPERANDS][STAGES], empty_q[STAGES];
};

/* Which stage the n-th tile or item of a thread block has, and in which phase of its barriers. */
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

template <unsigned head_dim>
__device__ __forceinline__ void
init_barriers(Shared<head_dim> &shared)
{
  const unsigned consumer_warps = CONSUMERS * GROUP_THREADS / LANES;

  for (unsigned stage = 0; stage < STAGES; stage++) {
    for (unsigned operand = 0; operand < NUM_OPERANDS; operand++) {
      device_barrier_init(&shared.full[operand][stage], COPY_WARPS);
      device_barrier_init(&shared.empty[operand][stage], consumer_warps);
    }
    device_barrier_init(&shared.empty_q[stage], consumer_warps);
  }
}

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
load_queries(Tile<head_dim> &tile, const uint16_t *q, size_t row_stride, const PackedHeads &packed,
             unsigned first_row, int num_rows)
{
  const uint16_t *vectors = q + threadIdx.x % ROW_LANES * VECTOR;

#pragma unroll 2
  for (unsigned pass = 0; pass < PASSES; pass++) {
    const unsigned row = pass * PASS_ROWS + pass_row();
    const bool valid = (int)row < num_rows;
    const size_t offset = packed_row<head_dim>(first_row + row, packed, row_stride);
    load_row(tile, pass, valid ? vectors + offset : vectors, valid);
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
    const uint64_t row = __shfl_sync(ALL, places[pass / ROW_LANES], first_lane + pass % ROW_LANES);
    load_row(tile, pass, (const uint16_t *)row + threadIdx.x % ROW_LANES * VECTOR,
             (int)(pass * PASS_ROWS + pass_row()) < num_rows);
  }
}

/* Q's rows of an item, and the item itself. */
template <unsigned head_dim>
__device__ __forceinline__ void
load_item(Shared<head_dim> &shared, const AttentionArguments &a, const PackedHeads &packed,
          const PrefillItem &at, unsigned stage, bool is_last)
{
  const int first_query = a.query_starts[at.sequence];
  const int new_tokens = a.query_starts[at.sequence + 1] - first_query;
  const int num_rows = min(new_tokens * (int)packed.count - at.first_row, (int)ROWS);
  const size_t row = (size_t)first_query, head = (size_t)at.head * head_dim;

  load_queries(shared.q[stage], a.q + row * a.q_row_stride + head, a.q_row_stride, packed,
               (unsigned)at.first_row, num_rows);
  if (threadIdx.x == 0)
    shared.items[stage] = {row * a.out_row_stride + head,
                           at.first_row,
                           num_rows,
                           a.context_lens[at.sequence] - new_tokens + 1,
                           at.first_key,
                           at.end_key,
                           at.partial,
                           is_last};
}

/* One warp's part in the copies of all tiles of one operand; those of K take Q as well. */
template <unsigned head_dim>
__device__ __forceinline__ void
copy_tiles(Shared<head_dim> &shared, const AttentionArguments &a, const PrefillWork &work,
           Operand operand)
{
  const PrefillItem *items = work.items + work.starts[blockIdx.x];
  const unsigned num_items = work.starts[blockIdx.x + 1] - work.starts[blockIdx.x];
  unsigned n = 0; /* tiles copied */

  for (unsigned i = 0; i < num_items; i++) {
    const PrefillItem at = items[i];
    const int32_t *block_table = a.block_tables + (size_t)at.sequence * a.block_table_stride;
    const unsigned kv_head = (unsigned)at.head / (a.heads / a.kv_heads);
    const uint16_t *pool = (operand == OPERAND_K ? a.k : a.v) + kv_head * a.head_stride;
    int first_key = (at.end_key - 1) / (int)KEYS * (int)KEYS;
    Places places;

    if (operand == OPERAND_K) {
      const Step item = step_of(i);
      device_barrier_wait(&shared.empty_q[item.stage], item.parity ^ 1);
      load_item(shared, a, work.packed, at, item.stage, i + 1 == num_items);
    }
    look_up(places, a, pool, block_table, first_key, at.end_key);
    for (; first_key >= at.first_key; first_key -= (int)KEYS, n++) {
      const Step step = step_of(n);
      device_barrier_wait(&shared.empty[operand][step.stage], step.parity ^ 1);
      load_tile(shared.tiles[operand][step.stage], places, at.end_key - first_key);
      device_copy_async_commit();
      if (first_key > at.first_key)
        look_up(places, a, pool, block_table, first_key - (int)KEYS, at.end_key);
      device_copy_async_wait<0>();
      device_fence_async();
      __syncwarp();
      if (threadIdx.x % LANES == 0)
        device_barrier_arrive(&shared.full[operand][step.stage]);
    }
  }
}
