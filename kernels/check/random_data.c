#include "random_data.h"

#include <string.h>

#include "half_floats.h"
#include "parallel.h"

enum { CHUNK = 1 << 16 };

typedef struct {
  guint64 key;
  Dtype dtype;
  double scale;
  gsize count;
  float *values; /* or */
  guint8 *elements;
} Filling;

/* The finalizer of splitmix64. */
static guint64
mix(guint64 x)
{
  x = (x ^ (x >> 30)) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
  return x ^ (x >> 31);
}

static guint64
bits_at(guint64 key, gsize place)
{
  return mix(key + (guint64)place * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15));
}

static guint64
draw_key(GRand *rand)
{
  const guint64 high = g_rand_int(rand);

  return mix(high << 32 | g_rand_int(rand));
}

/* The sum of three uniform numbers of 21 bits each. */
static float
normal_at(const Filling *f, gsize place)
{
  const guint64 bits = bits_at(f->key, place), mask = (1 << 21) - 1;
  const guint64 sum = (bits & mask) + (bits >> 21 & mask) + (bits >> 42 & mask);

  return (float)(f->scale * 2 * ((double)sum * 0x1p-21 - 1.5));
}

static void
fill(gpointer data, gsize chunk)
{
  const Filling *f = data;
  const gsize end = MIN((chunk + 1) * CHUNK, f->count);

  for (gsize i = chunk * CHUNK; i < end; i++)
    if (f->values != NULL)
      f->values[i] = half_round(f->dtype, normal_at(f, i));
    else if (f->dtype == DTYPE_FP8_E4M3)
      f->elements[i] = fp8_from_float(normal_at(f, i));
    else
      ((guint16 *)(gpointer)f->elements)[i] = half_from_float(f->dtype, normal_at(f, i));
}

void
random_floats(GRand *rand, Dtype dtype, double scale, float *values, gsize count)
{
  Filling f = {
      .key = draw_key(rand), .dtype = dtype, .scale = scale, .count = count, .values = values};

  parallel_for((count + CHUNK - 1) / CHUNK, fill, &f);
}

void
random_elements(GRand *rand, Dtype dtype, double scale, void *elements, gsize count)
{
  Filling f = {
      .key = draw_key(rand), .dtype = dtype, .scale = scale, .count = count, .elements = elements};

  parallel_for((count + CHUNK - 1) / CHUNK, fill, &f);
}

void
random_bytes(GRand *rand, guint8 *bytes, gsize count)
{
  const guint64 key = draw_key(rand);

  for (gsize i = 0; i < count; i += sizeof(guint64)) {
    const guint64 bits = bits_at(key, i);
    memcpy(bytes + i, &bits, MIN(sizeof bits, count - i));
  }
}

float *
random_floats_new(GRand *rand, Dtype dtype, double least_scale, double most_scale, gsize count)
{
  float *values = g_new(float, count);

  random_floats(rand, dtype, g_rand_double_range(rand, least_scale, most_scale), values, count);
  return values;
}

gint32 *
random_order(GRand *rand, gsize count)
{
  gint32 *order = g_new(gint32, count);

  for (gsize i = 0; i < count; i++) {
    gsize other = (gsize)g_rand_int_range(rand, 0, (gint32)i + 1);
    order[i] = order[other];
    order[other] = (gint32)i;
  }
  return order;
}
