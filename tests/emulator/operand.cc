#include "tests/emulator/operand.h"

#include "tests/emulator/emulator.h"

namespace emulator
{

namespace
{

enum { UNIT_BYTES = 16, UNIT_ELEMENTS = 8, ATOM_LINES = 8 };

/* "Matrix Descriptor Format": matrix-descriptor-encode(x) = (x & 0x3FFFF) >> 4. */
uint32_t
field(uint64_t descriptor, unsigned first_bit)
{
  return (uint32_t)(descriptor >> first_bit & 0x3fff) << 4;
}

/* CUTLASS's Swizzle<B, 4, 3>, with B = 0 to 3 for 16 to 128 bytes: B bits of the address from bit 4
 * on are XORed with those three bits above. It is the address that counts and not the place within
 * the matrix (smem_ptr is inside the composition), which is why a start may move along K within an
 * atom, and why atoms lie on multiples of their size: else there is a base offset. */
uint32_t
swizzle(uint32_t address, unsigned swizzle_bytes)
{
  return address ^ (address >> 3 & (swizzle_bytes - 1) & ~(uint32_t)(UNIT_BYTES - 1));
}

} // namespace

/* The fields' places and the modes' numbers: "Matrix Descriptor Format". */
Operand
operand_decode(uint64_t descriptor)
{
  static const unsigned swizzle_bytes[] = {16, 128, 64, 32};
  const uint64_t named = 0x3fffull | 0x3fffull << 16 | 0x3fffull << 32 | 7ull << 49 | 3ull << 62;

  if ((descriptor & ~named) != 0)
    fail("a matrix descriptor with bits that mean nothing: %016llx",
         (unsigned long long)descriptor);
  if ((descriptor >> 49 & 7) != 0)
    fail("a matrix descriptor with a base offset, which is not emulated");
  return {field(descriptor, 0), field(descriptor, 16), field(descriptor, 32),
          swizzle_bytes[descriptor >> 62]};
}

/* In units of 16 bytes, with W units in a line of the swizzle, the canonical layouts are
 *
 *     MN-major   none          ((1,n),(8,k)):((X,SBO),(1,LBO))
 *                32 to 128     ((W,n),(8,k)):((1,LBO),(W,SBO))
 *     K-major    none          ((8,n),2):((1,SBO),LBO)
 *                32 to 128     ((8,n),2):((W,SBO),1)
 *
 * for ((within, atoms) of MN, (within, atoms) of K); of K in MN-major single elements, as of MN in
 * K-major. The manual's table of strides ("Major-ness supported by Strides") has the same in words:
 * leading, K-major: from the first column to the second, none in swizzled layouts; MN-major: from
 * the first 8 columns to the next, in swizzled layouts from the first swizzle-byte-size / 16 rows
 * to the next. Stride, K-major: from the first 8 rows to the next; MN-major: from the first row to
 * the next, in swizzled layouts from the first 8 columns to the next. */
uint32_t
operand_address(const Operand &operand, bool is_mn_major, unsigned mn, unsigned k)
{
  const bool is_swizzled = operand.swizzle_bytes > UNIT_BYTES;
  const unsigned line_units = operand.swizzle_bytes / UNIT_BYTES;
  uint32_t address = operand.start;

  if (is_mn_major) {
    const unsigned unit = mn / UNIT_ELEMENTS;
    address += k % ATOM_LINES * operand.swizzle_bytes;
    address += k / ATOM_LINES * (is_swizzled ? operand.stride_bytes : operand.leading_bytes);
    address += unit % line_units * UNIT_BYTES;
    address += unit / line_units * (is_swizzled ? operand.leading_bytes : operand.stride_bytes);
  } else {
    address += mn % ATOM_LINES * operand.swizzle_bytes;
    address += mn / ATOM_LINES * operand.stride_bytes;
    address += k / UNIT_ELEMENTS * (is_swizzled ? (uint32_t)UNIT_BYTES : operand.leading_bytes);
  }
  return swizzle(address, operand.swizzle_bytes);
}

} // namespace emulator
