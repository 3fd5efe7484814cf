/* What a warp does together: votes, shuffles, and products of small matrices, whose elements lie
 * with the lanes as the PTX manual's figures for ldmatrix and mma.m16n8k16 have them. */
#include "kernels/device.h"

#include "tests/emulator/emulator.h"

namespace emulator
{

void
perform_nothing(void *const *)
{
}

void
perform_shuffle(void *const *lanes)
{
  unsigned char values[WARP_LANES][16];

  for (unsigned lane = 0; lane < WARP_LANES; lane++)
    if (lanes[lane] != nullptr) {
      const Shuffle *shuffle = (const Shuffle *)lanes[lane];
      memcpy(values[lane], shuffle->value, shuffle->num_bytes);
    }
  for (unsigned lane = 0; lane < WARP_LANES; lane++)
    if (lanes[lane] != nullptr) {
      const Shuffle *shuffle = (const Shuffle *)lanes[lane];
      const unsigned from = shuffle->from % WARP_LANES;
      if (lanes[from] == nullptr)
        fail("lane %u shuffles from lane %u, which takes no part", lane, from);
      memcpy(shuffle->value, values[from], shuffle->num_bytes);
    }
}

void
perform_ballot(void *const *lanes)
{
  unsigned votes = 0;

  for (unsigned lane = 0; lane < WARP_LANES; lane++)
    if (lanes[lane] != nullptr)
      votes |= ((const Ballot *)lanes[lane])->votes << lane;
  for (unsigned lane = 0; lane < WARP_LANES; lane++)
    if (lanes[lane] != nullptr)
      ((Ballot *)lanes[lane])->votes = votes;
}

namespace
{

enum { MATRICES = 4, MATRIX_ROWS = 8, MATRIX_COLUMNS = 8 };

void
load_matrices(void *const *lanes, bool transposed)
{
  uint16_t elements[MATRICES][MATRIX_ROWS][MATRIX_COLUMNS];

  for (unsigned lane = 0; lane < WARP_LANES; lane++) {
    const LoadMatrices *load = (const LoadMatrices *)lanes[lane];
    check_vector(load->row, sizeof elements[0][0], "matrix load");
    memcpy(elements[lane / MATRIX_ROWS][lane % MATRIX_ROWS], load->row, sizeof elements[0][0]);
  }
  for (unsigned lane = 0; lane < WARP_LANES; lane++)
    for (unsigned m = 0; m < MATRICES; m++) {
      const unsigned row = lane / 4, pair = 2 * (lane % 4);
      const uint16_t low = transposed ? elements[m][pair][row] : elements[m][row][pair];
      const uint16_t high = transposed ? elements[m][pair + 1][row] : elements[m][row][pair + 1];
      ((const LoadMatrices *)lanes[lane])->parts[m] = low | (uint32_t)high << 16;
    }
}

void
put_pair(Dtype dtype, float *to, size_t step, uint32_t pair)
{
  to[0] = half_to_float(dtype, (uint16_t)pair);
  to[step] = half_to_float(dtype, (uint16_t)(pair >> 16));
}

enum { TILE_ROWS = 16, TILE_DEPTH = 16, TILE_COLUMNS = 8 };

/* Without checks, so that the compiler makes vectors of it: the tests would spend their time here.
 * Added up in the order of k, whatever the order of the matrix unit is. */
__attribute__((no_sanitize("address", "undefined"))) void
multiply_tile(float (&sums)[TILE_ROWS][TILE_COLUMNS], const float (&a)[TILE_ROWS][TILE_DEPTH],
              const float (&b)[TILE_DEPTH][TILE_COLUMNS])
{
  for (unsigned row = 0; row < TILE_ROWS; row++)
    for (unsigned k = 0; k < TILE_DEPTH; k++)
      for (unsigned column = 0; column < TILE_COLUMNS; column++)
        sums[row][column] += a[row][k] * b[k][column];
}

void
multiply_add(void *const *lanes, Dtype dtype)
{
  float a[TILE_ROWS][TILE_DEPTH], b[TILE_DEPTH][TILE_COLUMNS], sums[TILE_ROWS][TILE_COLUMNS];

  for (unsigned lane = 0; lane < WARP_LANES; lane++) {
    const MultiplyAdd *part = (const MultiplyAdd *)lanes[lane];
    const unsigned row = lane / 4, pair = 2 * (lane % 4);
    put_pair(dtype, &a[row][pair], 1, part->a[0]);
    put_pair(dtype, &a[row + 8][pair], 1, part->a[1]);
    put_pair(dtype, &a[row][pair + 8], 1, part->a[2]);
    put_pair(dtype, &a[row + 8][pair + 8], 1, part->a[3]);
    put_pair(dtype, &b[pair][row], 8, part->b[0]);
    put_pair(dtype, &b[pair + 8][row], 8, part->b[1]);
    memcpy(&sums[row][pair], &part->sums[0], 2 * sizeof(float));
    memcpy(&sums[row + 8][pair], &part->sums[2], 2 * sizeof(float));
  }
  multiply_tile(sums, a, b);
  for (unsigned lane = 0; lane < WARP_LANES; lane++) {
    const MultiplyAdd *part = (const MultiplyAdd *)lanes[lane];
    const unsigned row = lane / 4, pair = 2 * (lane % 4);
    memcpy(&part->sums[0], &sums[row][pair], 2 * sizeof(float));
    memcpy(&part->sums[2], &sums[row + 8][pair], 2 * sizeof(float));
  }
}

} // namespace

void
perform_load_matrices(void *const *lanes)
{
  load_matrices(lanes, false);
}

void
perform_load_matrices_transposed(void *const *lanes)
{
  load_matrices(lanes, true);
}

void
perform_multiply_add_bf16(void *const *lanes)
{
  multiply_add(lanes, DTYPE_BF16);
}

void
perform_multiply_add_fp16(void *const *lanes)
{
  multiply_add(lanes, DTYPE_FP16);
}

} // namespace emulator
