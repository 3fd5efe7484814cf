/* A matrix in shared memory as a product of a warpgroup reads it: what its descriptor says, and
 * where an element lies.
 *
 * Written from the PTX manual's "Asynchronous Warpgroup Level Matrix Shared Memory Layout" and from
 * the canonical layouts that CUTLASS states for these descriptors (make_gmma_desc() in
 * cute/atom/mma_traits_sm90_gmma.hpp), not from the kernels.
 */
#pragma once

#include <stdint.h>

namespace emulator
{

struct Operand {
  uint32_t start;
  uint32_t leading_bytes, stride_bytes;
  unsigned swizzle_bytes; /* 16: none */
};

Operand operand_decode(uint64_t descriptor);

/* Of 16-bit elements, eight lie together: along M or N, from a multiple of eight `mn` on, where
 * that is the major, and along K otherwise. Returns where they begin, as an address in shared
 * memory. */
uint32_t operand_address(const Operand &operand, bool is_mn_major, unsigned mn, unsigned k);

} // namespace emulator
