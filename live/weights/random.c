/* Weights from a seed: element i of a tensor depends on the seed, the tensor's name and i alone.
 *
 * A value is an odd count from -127 to 127 of a power of two, which fp16 and bf16 hold exactly. */
#include "weights.h"

#include <math.h>

#include "live/random.h"

typedef struct {
  WeightSource base;
  guint64 seed;
} RandomSource;

static guint64
key_of_name(guint64 seed, const char *name)
{
  guint64 key = random_key(seed, RANDOM_WEIGHTS);

  for (; *name != '\0'; name++)
    key = random_key(key, (guchar)*name);
  return key;
}

/* The step of the grid. A uniform value of up to 127 steps has a deviation of 73.6 steps. */
static double
grid_step(const WeightTensor *tensor)
{
  double deviation = tensor->is_vector ? 0.1 : 1 / sqrt((double)tensor->columns);

  return exp2(round(log2(deviation / 73.6)));
}

static gboolean
read_random(WeightSource *base, const WeightTensor *tensor, guint64 first, gsize n, float *values,
            GError **error G_GNUC_UNUSED)
{
  guint64 key = key_of_name(((RandomSource *)base)->seed, tensor->name);
  float step = (float)grid_step(tensor);

  for (guint64 i = first; i < first + n;) {
    guint64 bits = random_mix(key + (i / 8 + 1) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15));
    for (bits >>= i % 8 * 8; i < first + n; bits >>= 8) {
      if (tensor->is_norm) /* from 1 - 3/32 to 1 + 4/32 */
        values[i - first] = 1 + (float)((int)(bits & 0x7) - 3) / 32;
      else
        values[i - first] = (float)((int)(bits & 0x7f) * 2 - 127) * step;
      if (++i % 8 == 0)
        break;
    }
  }
  return TRUE;
}

static void
random_source_free(WeightSource *base)
{
  g_free(base);
}

WeightSource *
weights_random_new(guint64 seed)
{
  RandomSource *source = g_new0(RandomSource, 1);

  source->base = (WeightSource){.name = "random", .read = read_random, .free = random_source_free};
  source->seed = seed;
  return &source->base;
}
