/* Random numbers by index: bits are a function of seed, purpose and index, so that they do not
 * depend on the order of drawing. The finalizer is splitmix64's (Steele et al. 2014).
 */
#pragma once

#include <glib.h>

typedef enum {
  RANDOM_WEIGHTS = 1,
  RANDOM_PROMPTS,
  RANDOM_SAMPLING,
  RANDOM_FIT,
} RandomPurpose;

static inline guint64
random_mix(guint64 x)
{
  x = (x ^ (x >> 30)) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
  return x ^ (x >> 31);
}

/* Mixes one more value into a key. */
static inline guint64
random_key(guint64 key, guint64 value)
{
  return random_mix(random_mix(key) + value + G_GUINT64_CONSTANT(0x9e3779b97f4a7c15));
}

/* A float in [0, 1) from the upper 24 bits, exact. */
static inline float
random_unit_float(guint64 bits)
{
  return (float)(bits >> 40) * 0x1p-24f;
}
