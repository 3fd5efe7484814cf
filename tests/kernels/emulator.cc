/* The emulator itself: it gives what a GPU would, and finds the mistakes that it says it finds. */
#include "kernels/device.h"

#include <glib.h>

namespace
{

/* Fragments as a kernel loads them: c = a b^T, with b's rows as its columns. */
void
multiply(const uint16_t *a, const uint16_t *b, float *c)
{
  device_begin();
  uint16_t *shared = (uint16_t *)device_shared_memory();
  const unsigned lane = threadIdx.x;
  uint32_t a_parts[4], b_parts[4];
  float sums[4] = {0, 0, 0, 0};

  for (unsigned i = lane; i < 16 * 16; i += 32) {
    shared[i] = a[i];
    if (i < 8 * 16)
      shared[256 + i] = b[i];
  }
  __syncwarp();
  device_load_matrices(a_parts, &shared[lane % 16 * 16 + lane / 16 * 8]);
  device_load_matrices(b_parts, &shared[256 + lane % 8 * 16 + lane / 8 % 2 * 8]);
  device_multiply_add<DTYPE_FP16>(sums, a_parts, b_parts[0], b_parts[1]);
  for (unsigned i = 0; i < 4; i++)
    c[(lane / 4 + i / 2 * 8) * 8 + 2 * (lane % 4) + i % 2] = sums[i];
}

void
test_multiply(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(1);
  uint16_t a[16 * 16], b[8 * 16];
  float c[16 * 8];

  for (uint16_t &element : a)
    element = half_from_float(DTYPE_FP16, (float)g_rand_int_range(rand, -9, 10));
  for (uint16_t &element : b)
    element = half_from_float(DTYPE_FP16, (float)g_rand_int_range(rand, -9, 10));
  g_assert_cmpint(device_launch(multiply, 1, 32, 1024, nullptr, a, b, c), ==, cudaSuccess);
  for (unsigned row = 0; row < 16; row++)
    for (unsigned column = 0; column < 8; column++) {
      float sum = 0;
      for (unsigned k = 0; k < 16; k++)
        sum += half_to_float(DTYPE_FP16, a[row * 16 + k]) *
               half_to_float(DTYPE_FP16, b[column * 16 + k]);
      g_assert_cmpfloat(c[row * 8 + column], ==, sum);
    }
}

/* Sums over a block: shuffles, a barrier, and shared memory that is not there by itself. */
void
sum_up(const int *numbers, int *sums)
{
  device_begin();
  int *parts = (int *)device_shared_memory();
  int sum = numbers[blockIdx.x * blockDim.x + threadIdx.x];

  for (int step = 16; step > 0; step /= 2)
    sum += __shfl_xor_sync(0xffffffff, sum, step);
  if (threadIdx.x % 32 == 0)
    parts[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    sums[blockIdx.x] = 0;
    for (unsigned warp = 0; warp < blockDim.x / 32; warp++)
      sums[blockIdx.x] += parts[warp];
  }
}

void
test_sums(void)
{
  int numbers[3 * 256], sums[3];

  for (int i = 0; i < 3 * 256; i++)
    numbers[i] = i;
  device_launch(sum_up, 3, 256, 32, nullptr, numbers, sums);
  for (int block = 0; block < 3; block++)
    g_assert_cmpint(sums[block], ==, 256 * block * 256 + 255 * 128);
}

/* Mistakes, each of which must end the program. */
enum Mistake {
  NO_BEGIN,
  NO_WAIT,
  NO_BARRIER,
  BEHIND_SHARED,
  BEHIND_GLOBAL,
  MISALIGNED,
  LANE_MISSING,
  BARRIER_MISSED
};

void
blunder(int mistake, const uint4 *from, float *out)
{
  float *shared = (float *)device_shared_memory();
  const unsigned lane = threadIdx.x;

  if (mistake != NO_BEGIN)
    device_begin();
  switch (mistake) {
  case NO_BEGIN:
    break;
  case NO_WAIT:
    device_copy_async(&shared[4 * lane], &from[lane], true);
    device_copy_async_commit();
    if (shared[4 * lane] != 0)
      g_error("not there yet");
    break;
  case NO_BARRIER:
    shared[lane] = 0;
    if (!(shared[blockDim.x - 1 - lane] == 0))
      g_error("not there yet");
    break;
  case BEHIND_SHARED:
    shared[256 + lane] = 0;
    break;
  case BEHIND_GLOBAL:
    out[0] = (float)from[64 + lane].x;
    break;
  case MISALIGNED:
    device_copy_async(&shared[lane], from, true);
    break;
  case LANE_MISSING:
    if (lane != 7)
      __syncwarp();
    break;
  case BARRIER_MISSED:
    if (lane < 32)
      __syncthreads();
    break;
  }
}

void
test_mistake(gconstpointer data)
{
  if (g_test_subprocess()) {
    void *from, *out;
    cudaMalloc(&from, 64 * sizeof(uint4));
    cudaMalloc(&out, 16);
    cudaMemset(from, 0, 64 * sizeof(uint4));
    device_launch(blunder, 1, 64, 1024, nullptr, GPOINTER_TO_INT(data), (const uint4 *)from,
                  (float *)out);
    return;
  }
  g_test_trap_subprocess(nullptr, 0, (GTestSubprocessFlags)0);
  g_test_trap_assert_failed();
}

} // namespace

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, nullptr);
  g_test_add_func("/emulator/multiply", test_multiply);
  g_test_add_func("/emulator/sums", test_sums);
  g_test_add_data_func("/emulator/no-begin", GINT_TO_POINTER(NO_BEGIN), test_mistake);
  g_test_add_data_func("/emulator/no-wait", GINT_TO_POINTER(NO_WAIT), test_mistake);
  g_test_add_data_func("/emulator/no-barrier", GINT_TO_POINTER(NO_BARRIER), test_mistake);
  g_test_add_data_func("/emulator/behind-shared", GINT_TO_POINTER(BEHIND_SHARED), test_mistake);
  g_test_add_data_func("/emulator/behind-global", GINT_TO_POINTER(BEHIND_GLOBAL), test_mistake);
  g_test_add_data_func("/emulator/misaligned", GINT_TO_POINTER(MISALIGNED), test_mistake);
  g_test_add_data_func("/emulator/lane-missing", GINT_TO_POINTER(LANE_MISSING), test_mistake);
  g_test_add_data_func("/emulator/barrier-missed", GINT_TO_POINTER(BARRIER_MISSED), test_mistake);
  return g_test_run();
}
