/* A mix of 64 bits, for keys of hash tables and seeds: the finalizer of splitmix64 (Steele, Lea and
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

/* The increment of splitmix64: 2^64 by the golden ratio. */
#define MIX64_STEP G_GUINT64_CONSTANT(0x9e3779b97f4a7c15)

/* The key of all that `key` stands for, and `value` behind it. */
static inline guint64
mix64_chain(guint64 key, guint64 value)
{
  return mix64(mix64(key) + value + MIX64_STEP);
}
