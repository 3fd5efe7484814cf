/* kernels/device.h for the emulator: the same functions, each as the PTX manual describes it. */
#pragma once

#include "kernels/dtype.h"
#include "kernels/check/half_floats.h"
#include "tests/emulator/streams.h"

#include <cuda_runtime.h>

template <typename... Parameters, typename... Arguments>
cudaError_t
device_launch(void (*kernel)(Parameters...), dim3 grid, unsigned threads, size_t shared_bytes,
              cudaStream_t stream, Arguments... arguments)
{
  const cudaError_t status = emulator::check_launch(grid, dim3(threads));

  return status != cudaSuccess ? status : emulator::enqueue(stream, [=] {
    emulator::launch(grid, dim3(threads), shared_bytes, [&] {
      kernel(arguments...);
      emulator::check_waited();
    });
  });
}

template <auto kernel, size_t shared_bytes, typename... Arguments>
cudaError_t
device_launch_large(dim3 grid, unsigned threads, cudaStream_t stream, Arguments... arguments)
{
  return device_launch(kernel, grid, threads, shared_bytes, stream, arguments...);
}

/* Kernels are done one after the other; that each thread would have waited is looked at. */
inline void
device_wait_for_earlier(void)
{
  emulator::wait_for_earlier();
}

inline void
device_begin(void)
{
  emulator::wait_for_earlier();
}

inline unsigned char *
device_shared_memory(void)
{
  return emulator::shared_memory();
}

inline uint32_t
device_shared_address(const void *place)
{
  return emulator::shared_address(place);
}

inline void
device_copy_async(void *to, const void *from, bool valid)
{
  emulator::copy_async(to, from, valid);
}

inline void
device_copy_async_commit(void)
{
  emulator::copy_async_commit();
}

template <int pending_groups>
void
device_copy_async_wait(void)
{
  emulator::copy_async_wait(pending_groups);
}

namespace emulator
{

struct LoadMatrices {
  const void *row;
  uint32_t *parts;
};
Perform perform_load_matrices, perform_load_matrices_transposed;

struct MultiplyAdd {
  float *sums;
  const uint32_t *a;
  uint32_t b[2];
};
Perform perform_multiply_add_bf16, perform_multiply_add_fp16;

} // namespace emulator

inline void
device_load_matrices(uint32_t (&parts)[4], const void *row)
{
  emulator::LoadMatrices mine = {row, parts};
  emulator::meet_warp(0xffffffff, &mine, emulator::perform_load_matrices);
}

inline void
device_load_matrices_transposed(uint32_t (&parts)[4], const void *row)
{
  emulator::LoadMatrices mine = {row, parts};
  emulator::meet_warp(0xffffffff, &mine, emulator::perform_load_matrices_transposed);
}

template <Dtype dtype>
void
device_multiply_add(float (&sums)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1)
{
  emulator::MultiplyAdd mine = {sums, a, {b0, b1}};
  emulator::meet_warp(0xffffffff, &mine,
                      dtype == DTYPE_BF16 ? emulator::perform_multiply_add_bf16
                                          : emulator::perform_multiply_add_fp16);
}

template <Dtype dtype>
uint32_t
device_pack(float low, float high)
{
  return half_from_float(dtype, low) | (uint32_t)half_from_float(dtype, high) << 16;
}

template <Dtype dtype>
float2
device_unpack(uint32_t packed)
{
  return {half_to_float(dtype, (uint16_t)packed), half_to_float(dtype, (uint16_t)(packed >> 16))};
}

inline float
device_exp2(float x)
{
  const float power = exp2f(x);
  return power < 0x1p-126f ? 0 : power;
}
