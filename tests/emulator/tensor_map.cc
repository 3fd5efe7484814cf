/* Copies by the tensor memory accelerator, after the PTX manual's "cp.async.bulk.tensor" and the
 * driver's cuTensorMapEncodeTiled(): boxes of an array, in tiled mode, with the 128-byte swizzle.
 *
 * A copy's place is NaN from its issue on. The box is read and written by chance at once, or when a
 * thread looks at the barrier that the copy tells of its bytes: the last moment that it may. What
 * lies outside of the array is zeros.
 */
#include "kernels/device_sm90.h"

#include "tests/emulator/emulator.h"
#include "tests/emulator/shared_memory.h"

#include <string.h>

#include <vector>

namespace emulator
{

namespace
{

enum {
  MARK = 0x7e4504a9,
  UNIT_BYTES = 16,
  ROW_BYTES = 128,
  ATOM_BYTES = 8 * ROW_BYTES,
  MAX_BOX = 256,
  POISON = 0xff,
};

struct Copy {
  unsigned char *to;
  TensorMap map;
  int first[4];
  uint64_t *barrier;
};
std::vector<Copy> copies; /* under way, of the thread block that runs */

unsigned
box_bytes(const TensorMap &map)
{
  return map.box[0] * map.box[1] * (unsigned)sizeof(uint16_t);
}

/* "Swizzling modes", 128 bytes: in units of 16 bytes, bits 0 to 2 of the address are XORed with
 * bits 3 to 5. The address counts, not the place in the box. */
unsigned char *
swizzled(unsigned char *place)
{
  const uint32_t address = shared_address(place);

  return shared_place(address ^ (address >> 3 & (ROW_BYTES - UNIT_BYTES)));
}

void
perform(const Copy &copy)
{
  const TensorMap &map = copy.map;
  const int *first = copy.first;
  bool is_inside = true;

  for (unsigned d = 2; d < 4; d++)
    is_inside &= first[d] >= 0 && (uint64_t)first[d] < map.sizes[d];
  for (unsigned row = 0; row < map.box[1]; row++)
    for (unsigned i = 0; i < map.box[0]; i += UNIT_BYTES / sizeof(uint16_t)) {
      const int64_t element = first[0] + (int64_t)i, at = first[1] + (int64_t)row;
      unsigned char *to = swizzled(copy.to + row * ROW_BYTES + i * sizeof(uint16_t));
      if (is_inside && element >= 0 && element < (int64_t)map.sizes[0] && at >= 0 &&
          at < (int64_t)map.sizes[1])
        memcpy(to,
               (const char *)(map.base + element) + (uint64_t)at * map.strides[0] +
                   (uint64_t)first[2] * map.strides[1] + (uint64_t)first[3] * map.strides[2],
               UNIT_BYTES);
      else
        memset(to, 0, UNIT_BYTES);
    }
  phase_barrier_complete(copy.barrier, box_bytes(map));
}

bool
toss(void)
{
  static uint32_t random = 1;

  random = random * 1664525 + 1013904223;
  return (random >> 16 & 1) != 0;
}

} // namespace

cudaError_t
tensor_map_make(TensorMap *map, const void *base, const uint64_t (&sizes)[4],
                const uint64_t (&strides)[3], const uint32_t (&box)[2])
{
  *map = {(const uint16_t *)base, {}, {}, {box[0], box[1]}, MARK};
  for (unsigned d = 0; d < 4; d++) {
    map->sizes[d] = sizes[d];
    if (sizes[d] < 1 || sizes[d] > (uint64_t)1 << 32)
      return cudaErrorInvalidValue;
  }
  for (unsigned d = 0; d < 3; d++) {
    map->strides[d] = strides[d];
    if (strides[d] % UNIT_BYTES != 0 || strides[d] >= (uint64_t)1 << 40)
      return cudaErrorInvalidValue;
  }
  return (uintptr_t)base % UNIT_BYTES != 0 || box[0] * sizeof(uint16_t) != ROW_BYTES ||
                 box[1] < 1 || box[1] > MAX_BOX
             ? cudaErrorInvalidValue
             : cudaSuccess;
}

void
tensor_map_copy(void *to, const TensorMap &map, const int (&first)[4], uint64_t *barrier)
{
  unsigned char *begin = (unsigned char *)to;

  if (map.mark != MARK)
    fail("a copy by a tensor map that was not made");
  if (shared_address(to) % ATOM_BYTES != 0)
    fail("a box at %u in shared memory, whose swizzle begins elsewhere", shared_address(to));
  if (map.box[1] % (ATOM_BYTES / ROW_BYTES) != 0)
    fail("a box of %u rows, of which the last are no whole atom", map.box[1]);
  check_shared(begin, box_bytes(map));
  memset(begin, POISON, box_bytes(map));
  copies.push_back({begin, map, {first[0], first[1], first[2], first[3]}, barrier});
  if (toss()) {
    const Copy copy = copies.back();
    copies.pop_back();
    perform(copy);
  } else {
    wake_waiters();
  }
}

void
tensor_map_arrive(const uint64_t *barrier)
{
  for (size_t i = 0; i < copies.size();)
    if (copies[i].barrier == barrier) {
      const Copy copy = copies[i];
      copies.erase(copies.begin() + (ptrdiff_t)i);
      perform(copy);
    } else {
      i++;
    }
}

void
check_boxes(void)
{
  if (!copies.empty())
    fail("%zu boxes that nobody waited for", copies.size());
}

} // namespace emulator
