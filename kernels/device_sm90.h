/* Device functions of compute capability 9.0 beyond device.h: asynchronous matrix products of a
 * warpgroup (four warps) with operands in shared memory, barriers in shared memory that threads
 * arrive at without waiting, barriers of a part of a thread block, tensor maps, and registers that
 * one warpgroup gives up for another.
 *
 * All of it is for sm_90a only. Kernels are compiled for other architectures as well, and must do
 * nothing there: `if (DEVICE_SM90)`. tests/emulator has a header of this name, as for device.h.
 *
 * The order of a product: device_product_fence(), products, device_product_commit(),
 * device_product_wait(), and then device_product_hold() on each operand in registers, which must
 * not be touched in between. PTX ISA, "Asynchronous Warpgroup Level Matrix Instructions".
 */
#pragma once

#include "kernels/device.h"

#include <cuda.h>

#if !defined(__CUDA_ARCH__) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
constexpr bool DEVICE_SM90 = true;
#else
constexpr bool DEVICE_SM90 = false;
#endif

/* Initializes a barrier in shared memory, aligned to 8 bytes: a phase ends after `num_arrivals`
 * arrivals, and the next begins. What a thread wrote before it arrived is visible to those who
 * waited. One thread initializes the barrier, before a barrier of the thread block. */
__device__ __forceinline__ void
device_barrier_init(uint64_t *barrier, unsigned num_arrivals)
{
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(device_shared_address(barrier)),
               "r"(num_arrivals)
               : "memory");
}

__device__ __forceinline__ void
device_barrier_arrive(uint64_t *barrier)
{
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(device_shared_address(barrier))
               : "memory");
}

/* The phase does not end before device_copy_box() has copied so many more bytes. */
__device__ __forceinline__ void
device_barrier_expect(uint64_t *barrier, unsigned num_bytes)
{
  asm volatile("mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%0], %1;" ::"r"(
                   device_shared_address(barrier)),
               "r"(num_bytes)
               : "memory");
}

/* Waits until the phase of this parity has ended. The first phase has parity 0, so a first wait for
 * parity 1 returns at once. */
__device__ __forceinline__ void
device_barrier_wait(uint64_t *barrier, unsigned parity)
{
  asm volatile("{\n"
               ".reg .pred ended;\n"
               "again:\n"
               "mbarrier.try_wait.parity.shared::cta.b64 ended, [%0], %1;\n"
               "@!ended bra again;\n"
               "}" ::"r"(device_shared_address(barrier)),
               "r"(parity)
               : "memory");
}

/* Barriers 1 to 15 of a thread block, for `num_threads` of its threads (whole warps): sync waits,
 * arrive does not. */
__device__ __forceinline__ void
device_named_sync(unsigned id, unsigned num_threads)
{
  asm volatile("barrier.cta.sync.aligned %0, %1;" ::"r"(id), "r"(num_threads) : "memory");
}

__device__ __forceinline__ void
device_named_arrive(unsigned id, unsigned num_threads)
{
  asm volatile("barrier.cta.arrive.aligned %0, %1;" ::"r"(id), "r"(num_threads) : "memory");
}

/* Makes this thread's writes to shared memory, also by copies that it has waited for, visible to
 * products of the threads that it then synchronizes with. */
__device__ __forceinline__ void
device_fence_async(void)
{
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

/* A tensor map: the layout of an array {contiguous, row, head, block} of up to 2^31 blocks, and the
 * box of 64 elements by `rows` rows that a copy takes. Kernels take it as a __grid_constant__
 * parameter. */
using DeviceTensorMap = CUtensorMap;

/* Makes a map of 16-bit elements, on the host. sizes: of the first three dimensions; strides: of
 * the last three, in bytes, multiples of 16. The driver's function is looked up by name, since the
 * program is not linked with the driver. cudaErrorNotSupported where the driver lacks it,
 * cudaErrorInvalidValue where it refuses the map. */
inline cudaError_t
device_tensor_map(DeviceTensorMap *map, const void *base, const uint64_t (&sizes)[3],
                  const uint64_t (&strides)[3], uint32_t rows)
{
  static const auto encode = [] {
    void *found = nullptr;
    cudaDriverEntryPointQueryResult result;
    return cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found, 12000,
                                            cudaEnableDefault, &result) == cudaSuccess &&
                   result == cudaDriverEntryPointSuccess
               ? (decltype(&cuTensorMapEncodeTiled))found
               : nullptr;
  }();
  const cuuint64_t all_sizes[] = {sizes[0], sizes[1], sizes[2], (cuuint64_t)1 << 31};
  const cuuint64_t all_strides[] = {strides[0], strides[1], strides[2]};
  const cuuint32_t box[] = {64, rows, 1, 1}, steps[] = {1, 1, 1, 1};

  if (encode == nullptr)
    return cudaErrorNotSupported;
  return encode(map, CU_TENSOR_MAP_DATA_TYPE_UINT16, 4, const_cast<void *>(base), all_sizes,
                all_strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS
             ? cudaSuccess
             : cudaErrorInvalidValue;
}

/* Copies a box into shared memory, aligned to 1024 bytes: a row is 128 bytes, swizzled as for
 * device_matrix_swizzled(). One thread calls it, and does not wait; `barrier` counts the bytes. */
__device__ __forceinline__ void
device_copy_box(void *to, const DeviceTensorMap &map, int element, int row, int head, int block,
                uint64_t *barrier)
{
  asm volatile("cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
               "[%0], [%1, {%2, %3, %4, %5}], [%6];" ::"r"(device_shared_address(to)),
               "l"(&map), "r"(element), "r"(row), "r"(head), "r"(block),
               "r"(device_shared_address(barrier))
               : "memory");
}

/* Called by a whole warpgroup: gives registers back, or waits for more, so that each thread has
 * num_registers. The kernel's __launch_bounds__ must give the thread blocks of a multiprocessor. */
template <unsigned num_registers>
__device__ __forceinline__ void
device_registers_lower(void)
{
  static_assert(num_registers >= 24 && num_registers <= 256 && num_registers % 8 == 0, "as PTX");
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(num_registers));
}

template <unsigned num_registers>
__device__ __forceinline__ void
device_registers_raise(void)
{
  static_assert(num_registers >= 24 && num_registers <= 256 && num_registers % 8 == 0, "as PTX");
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(num_registers));
}

/* The descriptor of a matrix of 16-bit elements in shared memory with the 128-byte swizzle: in
 * units of 16 bytes, bits 0 to 2 of the address are XORed with bits 3 to 5, so atoms of 8 x 128
 * bytes are aligned to 1024. The leading byte offset is from atom to atom along the contiguous
 * dimension, and used only where M or N is contiguous; where K is, a product stays within an atom.
 * The stride byte offset is from atom to atom across it. (PTX ISA, "Matrix Descriptor Format",
 * "Strides"; CUTLASS's canonical layouts in mma_traits_sm90_gmma.hpp agree.) Adding n to a
 * descriptor moves the start by 16 n bytes. */
__device__ __forceinline__ uint64_t
device_matrix_swizzled(const void *start, unsigned leading_bytes, unsigned stride_bytes)
{
  const uint64_t swizzle_128 = 1;

  return (device_shared_address(start) & 0x3ffff) >> 4 |
         (uint64_t)((leading_bytes & 0x3ffff) >> 4) << 16 |
         (uint64_t)((stride_bytes & 0x3ffff) >> 4) << 32 | swizzle_128 << 62;
}

__device__ __forceinline__ void
device_product_fence(void)
{
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

/* Ends a group of products; device_product_wait() waits for all but the last `pending_groups`. */
__device__ __forceinline__ void
device_product_commit(void)
{
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

template <unsigned pending_groups>
__device__ __forceinline__ void
device_product_wait(void)
{
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(pending_groups) : "memory");
}

/* The compiler assumes that a product's results are there at once: this keeps it from moving reads
 * and writes of these registers across the call. */
template <unsigned rows>
__device__ __forceinline__ void
device_product_hold(float (&registers)[rows][4])
{
#pragma unroll
  for (unsigned i = 0; i < rows; i++)
    asm volatile(""
                 : "+f"(registers[i][0]), "+f"(registers[i][1]), "+f"(registers[i][2]),
                   "+f"(registers[i][3])::"memory");
}

template <unsigned rows>
__device__ __forceinline__ void
device_product_hold(uint32_t (&registers)[rows][4])
{
#pragma unroll
  for (unsigned i = 0; i < rows; i++)
    asm volatile(""
                 : "+r"(registers[i][0]), "+r"(registers[i][1]), "+r"(registers[i][2]),
                   "+r"(registers[i][3])::"memory");
}

/* ptxas moves a wait up to the last memory access before it, past arithmetic that is to run beside
 * the products. This keeps the wait after the computation of `number`, which must not be below 0,
 * by a branch that is never taken. */
__device__ __forceinline__ void
device_product_delay_wait(float number)
{
  asm volatile("{\n"
               ".reg .pred never;\n"
               "setp.lt.f32 never, %0, 0f00000000;\n"
               "@never bar.warp.sync 0xffffffff;\n"
               "}" ::"f"(number)
               : "memory");
}

/* The accumulators as operands, a quarter of 64 columns at a time, and their names in the text. */
#define SUMS_4(s, i) "+f"(s[i][0]), "+f"(s[i][1]), "+f"(s[i][2]), "+f"(s[i][3])
#define SUMS_16(s, i) SUMS_4(s, i), SUMS_4(s, i + 1), SUMS_4(s, i + 2), SUMS_4(s, i + 3)
#define SUMS_32(s) SUMS_16(s, 0), SUMS_16(s, 4)
#define SUMS_64(s) SUMS_32(s), SUMS_16(s, 8), SUMS_16(s, 12)
#define NAMES_32                                                                                   \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "                         \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define NAMES_64                                                                                   \
  NAMES_32 ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "    \
           "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"

/* Both operands in shared memory. The immediates at the end: a's sign, b's sign, whether M is
 * contiguous in a (only where a is in shared memory), whether N is contiguous in b. */
#define PRODUCT_SHARED_128(type)                                                                   \
  asm volatile("{\n.reg .pred accumulate;\nsetp.ne.b32 accumulate, %66, 0;\n"                      \
               "wgmma.mma_async.sync.aligned.m64n128k16.f32." type "." type " {" NAMES_64          \
               "}, %64, %65, accumulate, 1, 1, 0, 0;\n}"                                           \
               : SUMS_64(sums)                                                                     \
               : "l"(a), "l"(b), "r"((int)accumulate))
/* a in registers. */
#define PRODUCT_REGISTERS_64(type)                                                                 \
  asm volatile("{\n.reg .pred accumulate;\nsetp.eq.b32 accumulate, 0, 0;\n"                        \
               "wgmma.mma_async.sync.aligned.m64n64k16.f32." type "." type " {" NAMES_32           \
               "}, {%32, %33, %34, %35}, %36, accumulate, 1, 1, 1;\n}"                             \
               : SUMS_32(sums)                                                                     \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b))
#define PRODUCT_REGISTERS_128(type)                                                                \
  asm volatile("{\n.reg .pred accumulate;\nsetp.eq.b32 accumulate, 0, 0;\n"                        \
               "wgmma.mma_async.sync.aligned.m64n128k16.f32." type "." type " {" NAMES_64          \
               "}, {%64, %65, %66, %67}, %68, accumulate, 1, 1, 1;\n}"                             \
               : SUMS_64(sums)                                                                     \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b))

/* sums (64 x columns) = or += a (64 x 16) b (16 x columns), by a warpgroup; a and b are
 * descriptors, K contiguous in both. Warp w has rows 16 w … 16 w + 15: of those, sums[i] has
 * columns 8 i … 8 i + 7 in the layout of device_multiply_add(). */
template <Dtype dtype, unsigned columns>
__device__ __forceinline__ void
device_product(float (&sums)[columns / 8][4], uint64_t a, uint64_t b, bool accumulate)
{
  static_assert(columns == 128, "no kernel needs another");
  static_assert(dtype == DTYPE_BF16 || dtype == DTYPE_FP16, "a 16-bit type");
  if constexpr (dtype == DTYPE_BF16)
    PRODUCT_SHARED_128("bf16");
  else
    PRODUCT_SHARED_128("f16");
}

/* sums += a b, with a in registers, in the layout of device_multiply_add(), and N contiguous in b.
 */
template <Dtype dtype, unsigned columns>
__device__ __forceinline__ void
device_product_add(float (&sums)[columns / 8][4], const uint32_t (&a)[4], uint64_t b)
{
  static_assert(columns == 64 || columns == 128, "no kernel needs another");
  static_assert(dtype == DTYPE_BF16 || dtype == DTYPE_FP16, "a 16-bit type");
  if constexpr (columns == 64) {
    if constexpr (dtype == DTYPE_BF16)
      PRODUCT_REGISTERS_64("bf16");
    else
      PRODUCT_REGISTERS_64("f16");
  } else {
    if constexpr (dtype == DTYPE_BF16)
      PRODUCT_REGISTERS_128("bf16");
    else
      PRODUCT_REGISTERS_128("f16");
  }
}

#undef SUMS_4
#undef SUMS_16
#undef SUMS_32
#undef SUMS_64
#undef NAMES_32
#undef NAMES_64
#undef PRODUCT_SHARED_128
#undef PRODUCT_REGISTERS_64
#undef PRODUCT_REGISTERS_128
