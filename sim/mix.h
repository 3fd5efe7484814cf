/* A good mix of 64 bits, for keys of hash tables: the finalizer of splitmix64 (Steele, Lea and
 * Flood, "Fast splittable pseudorandom number generators", 2014).
 */
#pragma once

#include <glib.h>

static inline guint64
mix64(guint64 x)
{
  x = (x ^ (x >> 30)) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
  return x ^ (x >> 31);
}
