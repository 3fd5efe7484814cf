#include "config.h"

#include "weights_gpu.h"

#include <math.h>
#include <string.h>

static guint16
bf16_from_float(float value)
{
  guint32 bits;

  memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7fffffff) > 0x7f800000) /* stays a NaN */
    return (guint16)(bits >> 16 | 0x40);
  return (guint16)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static guint16
fp16_from_float(float value)
{
  guint16 sign = signbit(value) ? 0x8000 : 0;
  double size = fabs((double)value);
  int exponent;
  double steps;

  if (isnan(value))
    return sign | 0x7e00;
  if (size >= 65520) /* rounds beyond the largest, 65504 */
    return sign | 0x7c00;
  if (size < 0x1p-14) /* subnormal, or zero: steps of 2^-24 */
    return sign | (guint16)rint(size * 0x1p24);
  frexp(size, &exponent);                   /* size = fraction x 2^exponent, fraction from 0.5 */
  steps = rint(ldexp(size, 11 - exponent)); /* 1024 to 2048 */
  return sign | (guint16)((exponent + 13) * 1024 + (int)steps);
}

guint16
weight_from_float(Dtype dtype, float value)
{
  return dtype == DTYPE_FP16 ? fp16_from_float(value) : bf16_from_float(value);
}

float
weight_to_float(Dtype dtype, guint16 bits)
{
  guint32 sign = (guint32)(bits & 0x8000) << 16, exponent = bits >> 10 & 0x1f,
          fraction = bits & 0x3ff;
  guint32 wide = (guint32)bits << 16; /* bf16 is the upper half of a float */
  float value;

  if (dtype == DTYPE_FP16) {
    if (exponent == 0)
      return (sign != 0 ? -1.0f : 1.0f) * (float)fraction * 0x1p-24f;
    wide = sign | (exponent == 0x1f ? 0x7f800000 : (exponent + 112) << 23) | fraction << 13;
  }
  memcpy(&value, &wide, sizeof value);
  return value;
}

static gboolean
load_tensor(const WeightTensor *tensor, WeightSource *source, Dtype dtype, GArray *floats,
            GArray *halves, char *arena, GError **error)
{
  guint n = (guint)(tensor->rows * tensor->columns);
  cudaError_t status;

  g_array_set_size(floats, n);
  g_array_set_size(halves, n);
  if (!weight_source_read(source, tensor, (float *)(gpointer)floats->data, error))
    return FALSE;
  for (guint i = 0; i < n; i++)
    g_array_index(halves, guint16, i) = weight_from_float(dtype, g_array_index(floats, float, i));
  status = cudaMemcpy(arena + tensor->offset * sizeof(guint16), halves->data, n * sizeof(guint16),
                      cudaMemcpyHostToDevice);
  return status == cudaSuccess || gpu_fail(error, (int)status, "copying weights");
}

void *
weights_gpu_load(const WeightLayout *layout, WeightSource *source, Dtype dtype, GError **error)
{
  g_autoptr(GArray) floats = g_array_new(FALSE, FALSE, sizeof(float));
  g_autoptr(GArray) halves = g_array_new(FALSE, FALSE, sizeof(guint16));
  char *arena = gpu_allocate(layout->elements * sizeof(guint16), "weights", error);
  gboolean worked = arena != NULL;

  for (guint i = 0; worked && i < layout->tensors->len; i++)
    worked = load_tensor(&g_array_index(layout->tensors, WeightTensor, i), source, dtype, floats,
                         halves, arena, error);
  if (worked)
    return arena;
  cudaFree(arena);
  return NULL;
}
