/* The shared memory of prefills on compute capability 9.0, and the warps that fill it.
 *
 * A thread block takes one item of work after the other: a tile of query rows of one head. There
 * are two stages each of Q with its item, of keys and of values, so that the copies of an item
 * begin while the one before is computed. Each stage has a barrier in shared memory that says it is
 * full, and one that says it is empty; the barrier of an item's first keys stands for its Q as
 * well.
 *
 * A tile of keys or values is copied in boxes where the block size is a power of two from 8 on: a
 * tensor map {dimension, token, head, block} describes the pool, and one instruction copies 64
 * dimensions of a block's tokens (the tensor memory accelerator computes addresses, swizzles and
 * signals). Token by token go: blocks of other sizes; the tile in which a sequence ends, since the
 * block may hold anything after the last token, where a predicate writes zeros; and Q, whose rows
 * may be any number of packed heads, and of which an item has only one tile.
 *
 * Proxies: a copy token by token is a write of the generic proxy, so its thread fences before it
 * signals. A box is written, and a product's operand read, in the asynchronous proxy; that needs no
 * fence, since the barrier's transaction count makes the bytes visible to those who wait. A stage
 * is written again, in either proxy, only after its readers have waited for their products and
 * arrived at `empty`: a completed read needs no fence before a later write.
 */
#pragma once

#include "kernels/attention_kernels.h"
#include "kernels/device_sm90.h"

constexpr unsigned LANES = 32, GROUP_THREADS = 128, GROUP_ROWS = 64, KEYS = PREFILL_TILE_KEYS;
constexpr unsigned STAGES = 2;
constexpr unsigned VECTOR = 8; /* elements in 16 bytes */
constexpr unsigned ROW_LANES = 8, COPY_WARPS = 2;
constexpr unsigned PASS_ROWS = COPY_WARPS * LANES / ROW_LANES, PASSES = KEYS / PASS_ROWS;
constexpr unsigned ALL = 0xffffffff;

/* A panel has 64 dimensions of each row: 128 bytes, as the swizzle takes. */
constexpr unsigned PANEL_DIMS = 64, ROW_BYTES = PANEL_DIMS * sizeof(uint16_t);
constexpr unsigned ATOM_ROWS = 8, ATOM_BYTES = ATOM_ROWS * ROW_BYTES;

template <unsigned head_dim, unsigned rows> struct Tile {
  uint16_t panels[head_dim / PANEL_DIMS][rows][PANEL_DIMS];
};

enum Operand : unsigned { OPERAND_K, OPERAND_V, NUM_OPERANDS };

/* What the consumers need to know of an item. */
struct Item {
  size_t out_offset; /* of its sequence's first row and its own first head, in elements */
  int first_row, num_rows;
  int first_limit; /* row r of the sequence sees the keys below this + r / packed heads */
  int first_key, end_key;
  int partial;
  bool is_last;
};

/* A thread block's shared memory, by the number of consumers. */
template <unsigned head_dim, unsigned consumers> struct Shared {
  Tile<head_dim, consumers * GROUP_ROWS> q[STAGES];
  Tile<head_dim, KEYS> tiles[NUM_OPERANDS][STAGES];
  Item items[STAGES];
  uint64_t full[NUM_OPERANDS][STAGES], empty[NUM_OPERANDS][STAGES], empty_q[STAGES];
};

/* Tensor maps with boxes of 2^shift tokens; shift 0: none, everything is copied token by token. */
struct BlockMaps {
  DeviceTensorMap k, v;
  unsigned shift;
};

/* The stage of a thread block's n-th tile or item, and the parity of its barriers' phase. */
struct Step {
  unsigned stage, parity;
};

__device__ __forceinline__ Step
step_of(unsigned n)
{
  return {n % STAGES, n / STAGES % 2};
}

template <unsigned head_dim, unsigned rows>
__device__ __forceinline__ uint16_t *
place(Tile<head_dim, rows> &tile, unsigned row, unsigned vector)
{
  const unsigned swapped = (vector ^ row) % (PANEL_DIMS / VECTOR);

  return &tile.panels[vector / (PANEL_DIMS / VECTOR)][row][swapped * VECTOR];
}

template <unsigned head_dim, unsigned consumers>
__device__ __forceinline__ void
init_barriers(Shared<head_dim, consumers> &shared)
{
  const unsigned consumer_warps = consumers * GROUP_THREADS / LANES;

  for (unsigned stage = 0; stage < STAGES; stage++) {
    for (unsigned operand = 0; operand < NUM_OPERANDS; operand++) {
      device_barrier_init(&shared.full[operand][stage], COPY_WARPS);
      device_barrier_init(&shared.empty[operand][stage], consumer_warps);
    }
    device_barrier_init(&shared.empty_q[stage], consumer_warps);
  }
}

/* A thread's row in a pass: eight lanes load a row, so all of a thread's rows have the same
 * swizzle. */
__device__ __forceinline__ unsigned
pass_row(void)
{
  return threadIdx.x % (COPY_WARPS * LANES) / ROW_LANES;
}

/* Loads this thread's 16 bytes of each panel. */
template <unsigned head_dim, unsigned rows>
__device__ __forceinline__ void
load_row(Tile<head_dim, rows> &tile, unsigned pass, const uint16_t *from, bool valid)
{
  static_assert(PASS_ROWS % ATOM_ROWS == 0, "all passes have the swizzle of the first");
  uint16_t *to = place(tile, pass_row(), threadIdx.x % ROW_LANES) + pass * PASS_ROWS * PANEL_DIMS;

#pragma unroll
  for (unsigned panel = 0; panel < head_dim / PANEL_DIMS; panel++)
    device_copy_async(to + panel * rows * PANEL_DIMS, from + panel * PANEL_DIMS, valid);
}

template <unsigned head_dim, unsigned rows>
__device__ __forceinline__ void
load_queries(Tile<head_dim, rows> &tile, const uint16_t *q, size_t row_stride,
             const PackedHeads &packed, unsigned first_row, int num_rows)
{
  const uint16_t *vectors = q + threadIdx.x % ROW_LANES * VECTOR;

#pragma unroll 2
  for (unsigned pass = 0; pass < rows / PASS_ROWS; pass++) {
    const unsigned row = pass * PASS_ROWS + pass_row();
    const bool valid = (int)row < num_rows;
    const size_t offset = packed_row<head_dim>(first_row + row, packed, row_stride);
    load_row(tile, pass, valid ? vectors + offset : vectors, valid);
  }
}

/* The addresses of the rows that a lane looks up for its eight lanes: those of the passes i with
 * i % 8 = its number. Past the last key the last one is looked up again, so that every address is
 * valid. */
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
load_tile(Tile<head_dim, KEYS> &tile, const Places &places, int num_rows)
{
  const unsigned first_lane = threadIdx.x % LANES / ROW_LANES * ROW_LANES;

#pragma unroll
  for (unsigned pass = 0; pass < PASSES; pass++) {
    const uint64_t row = __shfl_sync(ALL, places[pass / ROW_LANES], first_lane + pass % ROW_LANES);
    load_row(tile, pass, (const uint16_t *)row + threadIdx.x % ROW_LANES * VECTOR,
             (int)(pass * PASS_ROWS + pass_row()) < num_rows);
  }
}

/* A lane's box of a tile: the two warps of an operand have every second one, a lane at most one. */
struct Box {
  bool is_there;
  unsigned panel, row; /* of the tile */
};

template <unsigned head_dim>
__device__ __forceinline__ Box
my_box(unsigned shift)
{
  static_assert(head_dim / PANEL_DIMS * (KEYS / ATOM_ROWS) <= COPY_WARPS * LANES, "one a lane");
  const unsigned index = threadIdx.x % LANES * COPY_WARPS + threadIdx.x / LANES % COPY_WARPS;
  const unsigned of_panel = KEYS >> shift;

  return {index < head_dim / PANEL_DIMS * of_panel, index / of_panel, index % of_panel << shift};
}

/* Starts this warp's boxes of a tile that is complete. The expected bytes are announced before, by
 * a lane that arrives later, so that the phase cannot end in between. */
template <unsigned head_dim>
__device__ __forceinline__ void
load_boxes(Tile<head_dim, KEYS> &tile, const DeviceTensorMap &map, unsigned shift, const Box &box,
           unsigned token, unsigned kv_head, int32_t block, uint64_t *full)
{
  const unsigned boxes = __popc(__ballot_sync(ALL, box.is_there));

  if (threadIdx.x % LANES == 0)
    device_barrier_expect(full, boxes * (ROW_BYTES << shift));
  __syncwarp();
  if (box.is_there)
    device_copy_box(&tile.panels[box.panel][box.row], map, (int)(box.panel * PANEL_DIMS),
                    (int)token, (int)kv_head, block, full);
}

/* Starts the copies of an item's rows of Q, and stores the item. */
template <unsigned head_dim, unsigned consumers>
__device__ __forceinline__ void
load_item(Shared<head_dim, consumers> &shared, const AttentionArguments &a,
          const PackedHeads &packed, const PrefillItem &at, unsigned stage, bool is_last)
{
  const int first_query = a.query_starts[at.sequence];
  const int new_tokens = a.query_starts[at.sequence + 1] - first_query;
  const int num_rows =
      min(new_tokens * (int)packed.count - at.first_row, (int)(consumers * GROUP_ROWS));
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

/* Waits until this warp's copies token by token are done, and visible to products of those that it
 * signals. */
__device__ __forceinline__ void
settle_copies(void)
{
  device_copy_async_commit();
  device_copy_async_wait<0>();
  device_fence_async();
  __syncwarp();
}

/* Makes one warp's copies of all tiles of one operand. The warps of K also copy Q, whose arrival
 * the signal of an item's first tile includes. */
template <unsigned head_dim, unsigned consumers>
__device__ __forceinline__ void
copy_tiles(Shared<head_dim, consumers> &shared, const AttentionArguments &a,
           const PrefillWork &work, const BlockMaps &maps, Operand operand)
{
  const PrefillItem *items = work.items + work.starts[blockIdx.x];
  const unsigned num_items = work.starts[blockIdx.x + 1] - work.starts[blockIdx.x];
  const DeviceTensorMap &map = operand == OPERAND_K ? maps.k : maps.v;
  const Box box = my_box<head_dim>(maps.shift);
  unsigned n = 0; /* tiles copied */

  for (unsigned i = 0; i < num_items; i++) {
    const PrefillItem at = items[i];
    const int32_t *block_table = a.block_tables + (size_t)at.sequence * a.block_table_stride;
    const unsigned kv_head = (unsigned)at.head / (a.heads / a.kv_heads);
    const uint16_t *pool = (operand == OPERAND_K ? a.k : a.v) + kv_head * a.head_stride;
    int first_key = (at.end_key - 1) / (int)KEYS * (int)KEYS;
    bool is_first = true;
    bool in_boxes = maps.shift > 0 && first_key + (int)KEYS <= a.context_lens[at.sequence];
    Places places;

    if (operand == OPERAND_K) {
      const Step item = step_of(i);
      device_barrier_wait(&shared.empty_q[item.stage], item.parity ^ 1);
      load_item(shared, a, work.packed, at, item.stage, i + 1 == num_items);
    }
    if (!in_boxes)
      look_up(places, a, pool, block_table, first_key, at.end_key);
    for (; first_key >= at.first_key; first_key -= (int)KEYS, n++) {
      const Step step = step_of(n);
      uint64_t *full = &shared.full[operand][step.stage];
      const unsigned token = (unsigned)first_key + (box.is_there ? box.row : 0);
      const int32_t block = in_boxes ? block_table[token / a.block_size] : 0;

      device_barrier_wait(&shared.empty[operand][step.stage], step.parity ^ 1);
      if (in_boxes) {
        load_boxes(shared.tiles[operand][step.stage], map, maps.shift, box, token % a.block_size,
                   kv_head, block, full);
      } else {
        load_tile(shared.tiles[operand][step.stage], places, at.end_key - first_key);
        if (first_key > at.first_key && maps.shift == 0)
          look_up(places, a, pool, block_table, first_key - (int)KEYS, at.end_key);
      }
      if (is_first || !in_boxes)
        settle_copies();
      if (threadIdx.x % LANES == 0)
        device_barrier_arrive(full);
      is_first = false;
      in_boxes = maps.shift > 0;
    }
  }
}
