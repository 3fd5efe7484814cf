/* Reads up to eight digits at once. The numbers of a trace are short and of all lengths, so a loop
 * over their digits ends in a branch that is mispredicted. Eight bytes are loaded, the first that
 * is no digit is found by arithmetic, and the digits before it are combined in three
 * multiplications.
 */
#pragma once

#include <glib.h>
#include <string.h>

/* So many bytes from the number's start must be readable. */
enum { DIGITS_WINDOW_BYTES = 8 };

/* The number that `text` begins with; *count: its digits, 0 to 8. With 8 there may be more behind.
 */
static inline guint64
digits_read(const char *text, guint *count)
{
  const guint64 ones = G_GUINT64_CONSTANT(0x0101010101010101);
  guint64 bytes, other;

  memcpy(&bytes, text, sizeof bytes);
  bytes = GUINT64_FROM_LE(bytes) ^ 0x30 * ones;          /* digits are 0 … 9 now */
  other = ((bytes + 0x76 * ones) | bytes) & 0x80 * ones; /* the high bit of what is above 9 */
  *count = other != 0 ? (guint)__builtin_ctzll(other) / 8 : 8;
  if (*count == 0)
    return 0;
  bytes <<= 8 * (8 - *count); /* as if zeros stood before it */
  bytes = bytes * 10 + (bytes >> 8);
  return ((bytes & G_GUINT64_CONSTANT(0x000000ff000000ff)) *
              G_GUINT64_CONSTANT(0x000f424000000064) +
          ((bytes >> 16) & G_GUINT64_CONSTANT(0x000000ff000000ff)) *
              G_GUINT64_CONSTANT(0x0000271000000001)) >>
         32;
}
