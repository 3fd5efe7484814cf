#include "float16.h"

#include <string.h>

static inline guint32
bits_of(float value)
{
  guint32 bits;

  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static inline float
float_of(guint32 bits)
{
  float value;

  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline guint16
bf16_of_float(float value)
{
  guint32 bits = bits_of(value);

  if ((bits & 0x7fffffff) > 0x7f800000) /* stays a NaN */
    return (guint16)(bits >> 16 | 0x40);
  return (guint16)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline guint16
fp16_of_float(float value)
{
  guint32 bits = bits_of(value), sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;

  if (size > 0x7f800000)
    return (guint16)(sign | 0x7e00);
  if (size >= 0x47800000) /* 65536, beyond what rounds to the largest */
    return (guint16)(sign | 0x7c00);
  if (size < 0x38800000) /* below 2^-14: a float near 1/2 has the subnormals' steps of 2^-24 */
    return (guint16)(sign | (bits_of(float_of(size) + 0.5f) - 0x3f000000));
  return (guint16)(sign | (((size + 0xfff + (size >> 13 & 1)) >> 13) - (112 << 10)));
}

void
float16_from_floats(Dtype dtype, const float *values, gsize n, guint16 *halves)
{
  if (dtype == DTYPE_FP16)
    for (gsize i = 0; i < n; i++)
      halves[i] = fp16_of_float(values[i]);
  else
    for (gsize i = 0; i < n; i++)
      halves[i] = bf16_of_float(values[i]);
}

float
float16_to_float(Dtype dtype, guint16 bits)
{
  guint32 sign = (guint32)(bits & 0x8000) << 16, exponent = bits >> 10 & 0x1f,
          fraction = bits & 0x3ff;

  if (dtype != DTYPE_FP16) /* bf16 is the upper half of a float */
    return float_of((guint32)bits << 16);
  if (exponent == 0)
    return (sign != 0 ? -1.0f : 1.0f) * (float)fraction * 0x1p-24f;
  return float_of(sign | (exponent == 0x1f ? 0x7f800000 : (exponent + 112) << 23) | fraction << 13);
}
