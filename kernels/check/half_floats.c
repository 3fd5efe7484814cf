#include "half_floats.h"

#include <math.h>
#include <string.h>

static uint32_t
bits_of(float value)
{
  uint32_t bits;

  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static float
float_of(uint32_t bits)
{
  float value;

  memcpy(&value, &bits, sizeof value);
  return value;
}

static uint16_t
bf16_from_float(float value)
{
  uint32_t bits = bits_of(value);

  if (isnan(value))
    return 0x7fff;
  return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/* Rounds in units of the last place, which rintf does to nearest even. */
static uint16_t
fp16_from_float(float value)
{
  const uint16_t sign = (uint16_t)(bits_of(value) >> 16 & 0x8000);
  const float size = fabsf(value);
  int exponent;

  if (isnan(value))
    return 0x7fff;
  if (size >= 65520.0f)
    return sign | 0x7c00;
  if (size < 0x1p-14f) /* subnormal; what rounds up to 1024 units is the smallest normal */
    return sign | (uint16_t)rintf(size * 0x1p24f);
  frexpf(size, &exponent); /* size = m * 2^exponent, m in [1/2, 1) */
  return sign | (uint16_t)(((exponent + 13) << 10) + (int)rintf(ldexpf(size, 11 - exponent)));
}

static float
fp16_to_float(uint16_t half)
{
  const uint32_t sign = (uint32_t)(half & 0x8000) << 16, size = half & 0x7fff;

  if (size >= 0x7c00) /* infinity and NaN keep their meaning */
    return float_of(sign | 0x7f800000 | (size & 0x3ff) << 13);
  /* The exponent's bias differs by 112; subnormals come right by the product. */
  return float_of(sign | bits_of(float_of(size << 13) * 0x1p112f));
}

uint16_t
half_from_float(Dtype dtype, float value)
{
  return dtype == DTYPE_BF16 ? bf16_from_float(value) : fp16_from_float(value);
}

float
half_to_float(Dtype dtype, uint16_t bits)
{
  return dtype == DTYPE_BF16 ? float_of((uint32_t)bits << 16) : fp16_to_float(bits);
}

float
half_round(Dtype dtype, float value)
{
  return half_to_float(dtype, half_from_float(dtype, value));
}

/* Units of the last place of the power of two below: 2^-9 for what is subnormal. */
uint8_t
fp8_from_float(float value)
{
  const uint8_t sign = (uint8_t)(bits_of(value) >> 24 & 0x80);
  const float size = fabsf(value);
  int exponent;

  if (isnan(value))
    return 0x7f;
  if (size >= 448)
    return sign | 0x7e;
  if (size < 0x1p-6f) /* what rounds up to 8 units is the smallest normal */
    return sign | (uint8_t)rintf(size * 0x1p9f);
  frexpf(size, &exponent);
  return sign | (uint8_t)(((exponent + 5) << 3) + (int)rintf(ldexpf(size, 4 - exponent)));
}

float
fp8_to_float(uint8_t bits)
{
  const int exponent = bits >> 3 & 0xf, fraction = bits & 7;
  const float size =
      exponent == 0 ? ldexpf((float)fraction, -9) : ldexpf((float)(8 + fraction), exponent - 10);

  if ((bits & 0x7f) == 0x7f)
    return NAN;
  return bits & 0x80 ? -size : size;
}
