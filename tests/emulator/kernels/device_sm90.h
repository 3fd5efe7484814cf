/* kernels/device_sm90.h for the emulator: the same functions, each as the PTX manual describes it.
 */
#pragma once

#include "kernels/device.h"

constexpr bool DEVICE_SM90 = true;

namespace emulator
{

void phase_barrier_init(uint64_t *barrier, unsigned num_arrivals);
void phase_barrier_arrive(uint64_t *barrier);
void phase_barrier_expect(uint64_t *barrier, unsigned num_bytes);
void phase_barrier_complete(uint64_t *barrier, unsigned num_bytes);
void phase_barrier_wait(const uint64_t *barrier, unsigned parity);

/* Of 16-bit elements: a box of one row of `box[0]`, `box[1]` of them, and one of each other. */
struct TensorMap {
  const uint16_t *base;
  uint64_t sizes[4], strides[3]; /* in bytes */
  uint32_t box[2];
  uint32_t mark; /* it was made */
};
cudaError_t tensor_map_make(TensorMap *map, const void *base, const uint64_t (&sizes)[4],
                            const uint64_t (&strides)[3], const uint32_t (&box)[2]);
void tensor_map_copy(void *to, const TensorMap &map, const int (&first)[4], uint64_t *barrier);
/* What the copies that tell this barrier bring is there. */
void tensor_map_arrive(const uint64_t *barrier);

/* A product of a warpgroup, but for this lane's registers. */
struct Product {
  Dtype dtype;
  unsigned columns;
  bool a_in_registers;
  uint64_t a, b; /* descriptors */
  bool b_is_mn_major;
  bool accumulate;

  bool operator==(const Product &) const = default;
};
void product_issue(const Product &product, float *sums, const uint32_t *a);
void product_fence(void);
void product_commit(void);
void product_wait(unsigned pending_groups);

} // namespace emulator

inline void
device_barrier_init(uint64_t *barrier, unsigned num_arrivals)
{
  emulator::phase_barrier_init(barrier, num_arrivals);
}

inline void
device_barrier_arrive(uint64_t *barrier)
{
  emulator::phase_barrier_arrive(barrier);
}

inline void
device_barrier_expect(uint64_t *barrier, unsigned num_bytes)
{
  emulator::phase_barrier_expect(barrier, num_bytes);
}

inline void
device_barrier_wait(uint64_t *barrier, unsigned parity)
{
  emulator::phase_barrier_wait(barrier, parity);
}

inline void
device_named_sync(unsigned id, unsigned num_threads)
{
  emulator::barrier_sync(id, num_threads);
}

inline void
device_named_arrive(unsigned id, unsigned num_threads)
{
  emulator::barrier_arrive(id, num_threads);
}

inline void
device_fence_async(void)
{
  emulator::fence_async();
}

using DeviceTensorMap = emulator::TensorMap;

inline cudaError_t
device_tensor_map(DeviceTensorMap *map, const void *base, const uint64_t (&sizes)[3],
                  const uint64_t (&strides)[3], uint32_t rows)
{
  return emulator::tensor_map_make(map, base, {sizes[0], sizes[1], sizes[2], (uint64_t)1 << 31},
                                   strides, {64, rows});
}

inline void
device_copy_box(void *to, const DeviceTensorMap &map, int element, int row, int head, int block,
                uint64_t *barrier)
{
  emulator::tensor_map_copy(to, map, {element, row, head, block}, barrier);
}

/* Registers are not emulated; that whole warpgroups come is. */
template <unsigned num_registers>
void
device_registers_lower(void)
{
  static_assert(num_registers >= 24 && num_registers <= 256 && num_registers % 8 == 0);
  emulator::meet_warpgroup(nullptr, emulator::perform_nothing);
}

template <unsigned num_registers>
void
device_registers_raise(void)
{
  device_registers_lower<num_registers>();
}

inline uint64_t
device_matrix_swizzled(const void *start, unsigned leading_bytes, unsigned stride_bytes)
{
  const auto encode = [](uint64_t bytes) { return (bytes & 0x3ffff) >> 4; };

  return encode(device_shared_address(start)) | encode(leading_bytes) << 16 |
         encode(stride_bytes) << 32 | 1ull << 62;
}

inline void
device_product_fence(void)
{
  emulator::product_fence();
}

inline void
device_product_commit(void)
{
  emulator::product_commit();
}

template <unsigned pending_groups>
void
device_product_wait(void)
{
  emulator::product_wait(pending_groups);
}

inline void
device_product_delay_wait(float)
{
}

template <typename T, unsigned rows>
void
device_product_hold(T (&)[rows][4])
{
}

template <Dtype dtype, unsigned columns>
void
device_product(float (&sums)[columns / 8][4], uint64_t a, uint64_t b, bool accumulate)
{
  emulator::product_issue({dtype, columns, false, a, b, false, accumulate}, sums[0], nullptr);
}

template <Dtype dtype, unsigned columns>
void
device_product_add(float (&sums)[columns / 8][4], const uint32_t (&a)[4], uint64_t b)
{
  emulator::product_issue({dtype, columns, true, 0, b, true, true}, sums[0], a);
}
