/* Device functions for compute capability 8.0 and up that CUDA C++ lacks: launches that return
 * their error, asynchronous copies into shared memory, matrix products of a warp, and conversions
 * of the 16-bit types. device_sm90.h has those of 9.0.
 *
 * Kernels use these and CUDA's own functions, never PTX and never <<<>>>: tests/emulator has a
 * header of the same name, with which the same source runs on the CPU. Change both together.
 */
#pragma once

#include "kernels/dtype.h"
#include "kernels/without.h"

#include <cuda_runtime.h>

/* Whether a kernel's thread blocks may be placed while the kernel before it in the stream still
 * runs (programmatic dependent launch): from compute capability 9.0 on, unless kernels/without.h
 * turns it off. Each kernel then waits by itself; see device_begin(). */
inline bool
device_launches_ahead(void)
{
  static const bool ahead = [] {
    int device = 0, major = 0;
    return cudaGetDevice(&device) == cudaSuccess &&
           cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) ==
               cudaSuccess &&
           major >= 9 && !kernels_without(WITHOUT_LAUNCH_AHEAD);
  }();

  return ahead;
}

/* Launches `kernel` with at most 48 KiB of shared memory, and returns the launch's error. A capture
 * keeps the programmatic dependency as an edge of its graph. */
template <typename... Parameters, typename... Arguments>
cudaError_t
device_launch(void (*kernel)(Parameters...), dim3 grid, unsigned threads, size_t shared_bytes,
              cudaStream_t stream, Arguments... arguments)
{
  cudaLaunchAttribute ahead = {};
  cudaLaunchConfig_t config = {};

  ahead.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  ahead.val.programmaticStreamSerializationAllowed = 1;
  config.gridDim = grid;
  config.blockDim = dim3(threads);
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  config.attrs = &ahead;
  config.numAttrs = device_launches_ahead() ? 1 : 0;
  return cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...);
}

/* The same with more shared memory, which a kernel's first launch requests from the driver, for the
 * current device: a program uses one device only. */
template <auto kernel, size_t shared_bytes, typename... Arguments>
cudaError_t
device_launch_large(dim3 grid, unsigned threads, cudaStream_t stream, Arguments... arguments)
{
  static const cudaError_t allowed =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared_bytes);

  return allowed != cudaSuccess
             ? allowed
             : device_launch(kernel, grid, threads, shared_bytes, stream, arguments...);
}

/* Waits until the kernels before this one in the stream are done and their writes are visible. */
__device__ __forceinline__ void
device_wait_for_earlier(void)
{
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/* Called first by every thread of every kernel, before it reads or writes memory: allows the thread
 * blocks of the next kernel to be placed as soon as all of this one's are, and waits for the
 * kernels before. As every kernel waits for the whole one before it, kernels complete in order. */
__device__ __forceinline__ void
device_begin(void)
{
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
  device_wait_for_earlier();
}

/* The launch's shared memory, aligned to 1024 bytes. */
__device__ __forceinline__ unsigned char *
device_shared_memory(void)
{
  extern __shared__ __align__(1024) unsigned char device_shared_bytes[];
  return device_shared_bytes;
}

__device__ __forceinline__ uint32_t
device_shared_address(const void *place)
{
  return (uint32_t)__cvta_generic_to_shared(place);
}

/* Copies 16 bytes from global to shared memory, both aligned to 16, past the first-level cache;
 * where not `valid`, writes zeros and does not read `from`. Done after a wait by this thread. (The
 * form with the number of bytes in a register costs six more instructions.) */
__device__ __forceinline__ void
device_copy_async(void *to, const void *from, bool valid)
{
  asm volatile(
      "{\n.reg .pred ignored;\nsetp.eq.u32 ignored, %2, 0;\n"
      "cp.async.cg.shared.global [%0], [%1], 16, ignored;\n}" ::"r"(device_shared_address(to)),
      "l"(from), "r"((unsigned)valid)
      : "memory");
}

/* Ends a group of copies; device_copy_async_wait() waits for all but the last `pending_groups`. */
__device__ __forceinline__ void
device_copy_async_commit(void)
{
  asm volatile("cp.async.commit_group;" ::: "memory");
}

template <int pending_groups>
__device__ __forceinline__ void
device_copy_async_wait(void)
{
  asm volatile("cp.async.wait_group %0;" ::"n"(pending_groups) : "memory");
}

/* Loads four 8x8 matrices of 16-bit elements from shared memory: lane l gives the address of row
 * l % 8 of matrix l / 8 (8 elements, aligned to 16 bytes) and gets from each matrix elements
 * 2 * (l % 4) and 2 * (l % 4) + 1 of row l / 4; transposed: of column l / 4. */
__device__ __forceinline__ void
device_load_matrices(uint32_t (&parts)[4], const void *row)
{
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(parts[0]), "=r"(parts[1]), "=r"(parts[2]), "=r"(parts[3])
               : "r"(device_shared_address(row))
               : "memory");
}

__device__ __forceinline__ void
device_load_matrices_transposed(uint32_t (&parts)[4], const void *row)
{
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(parts[0]), "=r"(parts[1]), "=r"(parts[2]), "=r"(parts[3])
               : "r"(device_shared_address(row))
               : "memory");
}

/* sums (16x8) += a (16x16) b (16x8), of a whole warp. With row = lane / 4, pair = 2 * (lane % 4):
 * sums: [row][pair, pair + 1], [row + 8][...]; a: [row][pair ...], [row + 8][pair ...],
 * [row][pair + 8 ...], [row + 8][pair + 8 ...]; b: [pair, pair + 1][row], [pair + 8 ...][row]. */
template <Dtype dtype>
__device__ __forceinline__ void
device_multiply_add(float (&sums)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1)
{
  static_assert(dtype == DTYPE_BF16 || dtype == DTYPE_FP16, "a 16-bit type");
  if constexpr (dtype == DTYPE_BF16)
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  else
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/* Rounds two floats to nearest even and packs them; the first in the low half. */
template <Dtype dtype>
__device__ __forceinline__ uint32_t
device_pack(float low, float high)
{
  uint32_t packed;

  static_assert(dtype == DTYPE_BF16 || dtype == DTYPE_FP16, "a 16-bit type");
  if constexpr (dtype == DTYPE_BF16)
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  else
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}

/* Unpacks the low half (x) and the high half (y). */
template <Dtype dtype>
__device__ __forceinline__ float2
device_unpack(uint32_t packed)
{
  float2 pair;

  static_assert(dtype == DTYPE_BF16 || dtype == DTYPE_FP16, "a 16-bit type");
  if constexpr (dtype == DTYPE_BF16) {
    pair.x = __uint_as_float(packed << 16);
    pair.y = __uint_as_float(packed & 0xffff0000);
  } else {
    asm("{.reg .f16 low, high;\n mov.b32 {low, high}, %2;\n"
        " cvt.f32.f16 %0, low;\n cvt.f32.f16 %1, high;}"
        : "=f"(pair.x), "=f"(pair.y)
        : "r"(packed));
  }
  return pair;
}

/* 2^x in one instruction, with an error of 2 units in the last place; subnormals are zero. */
__device__ __forceinline__ float
device_exp2(float x)
{
  float power;

  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x));
  return power;
}
