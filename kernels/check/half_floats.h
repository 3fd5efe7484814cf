/* Conversions between float and the kernels' types, rounded to nearest even, as the GPU does. */
#pragma once

#include "kernels/dtype.h"

#ifdef __cplusplus
extern "C" {
#endif

uint16_t half_from_float(Dtype dtype, float value);
float half_to_float(Dtype dtype, uint16_t bits);
/* The value rounded to the type, which is what a kernel reads. */
float half_round(Dtype dtype, float value);

/* fp8 e4m3; larger values become the largest, 448. */
uint8_t fp8_from_float(float value);
float fp8_to_float(uint8_t bits);

#ifdef __cplusplus
}
#endif
