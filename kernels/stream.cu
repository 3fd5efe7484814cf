/* The streaming kernels, which read or copy memory as fast as the device can.
 *
 * Each thread has eight 16-byte loads in flight before it uses the first. The grid fills the
 * device once and walks the memory.
 */
#include "kernels/timing.h"

#include <cuda_runtime.h>

#include "kernels/cuda_status.h"
#include "kernels/device.h"

namespace
{

constexpr unsigned THREADS = 512;
constexpr unsigned IN_FLIGHT = 8;
constexpr unsigned BLOCKS_PER_MULTIPROCESSOR = 4;

__device__ size_t
first_vector()
{
  return (size_t)blockIdx.x * THREADS * IN_FLIGHT + threadIdx.x;
}

template <typename Use>
__device__ void
walk(const uint4 *__restrict__ memory, size_t num_vectors, Use use)
{
  for (size_t i = first_vector(); i < num_vectors; i += (size_t)gridDim.x * THREADS * IN_FLIGHT) {
    uint4 held[IN_FLIGHT];
#pragma unroll
    for (unsigned v = 0; v < IN_FLIGHT; v++)
      if (i + v * THREADS < num_vectors)
        held[v] = __ldcs(&memory[i + v * THREADS]);
#pragma unroll
    for (unsigned v = 0; v < IN_FLIGHT; v++)
      if (i + v * THREADS < num_vectors)
        use(i + v * THREADS, held[v]);
  }
}

/* The sum is written only for one value, which random data does not give: the compiler cannot know
 * that, and keeps the loads. */
__global__ void
__launch_bounds__(THREADS) read_all(const uint4 *memory, size_t num_vectors, uint4 *sink)
{
  device_begin();
  uint32_t sum = 0;

  walk(memory, num_vectors, [&](size_t, uint4 v) { sum += v.x ^ v.y ^ v.z ^ v.w; });
  if (sum == 0x5eed5eed)
    sink->x = sum;
}

__global__ void
__launch_bounds__(THREADS) copy_all(const uint4 *memory, uint4 *copy, size_t num_vectors)
{
  device_begin();
  walk(memory, num_vectors, [&](size_t i, uint4 v) { __stcs(&copy[i], v); });
}

__global__ void
do_nothing()
{
  device_begin();
}

cudaError_t
choose_blocks(size_t num_vectors, unsigned *blocks)
{
  const size_t wanted = (num_vectors + THREADS * IN_FLIGHT - 1) / (THREADS * IN_FLIGHT);
  int device, multiprocessors;

  RETURN_IF_FAILED(cudaGetDevice(&device));
  RETURN_IF_FAILED(
      cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device));
  const size_t fit = (size_t)multiprocessors * BLOCKS_PER_MULTIPROCESSOR;
  *blocks = (unsigned)(wanted < fit ? wanted : fit);
  return cudaSuccess;
}

} // namespace

int
stream_read(const void *memory, size_t num_bytes, void *sink, struct CUstream_st *stream)
{
  unsigned blocks;

  if (num_bytes < sizeof(uint4))
    return cudaSuccess;
  RETURN_IF_FAILED(choose_blocks(num_bytes / sizeof(uint4), &blocks));
  return device_launch(read_all, dim3(blocks), THREADS, 0, stream, (const uint4 *)memory,
                       num_bytes / sizeof(uint4), (uint4 *)sink);
}

int
stream_copy(const void *memory, void *copy, size_t num_bytes, struct CUstream_st *stream)
{
  unsigned blocks;

  if (num_bytes < sizeof(uint4))
    return cudaSuccess;
  RETURN_IF_FAILED(choose_blocks(num_bytes / sizeof(uint4), &blocks));
  return device_launch(copy_all, dim3(blocks), THREADS, 0, stream, (const uint4 *)memory,
                       (uint4 *)copy, num_bytes / sizeof(uint4));
}

int
stream_nothing(struct CUstream_st *stream)
{
  return device_launch(do_nothing, dim3(1), 1, 0, stream);
}
