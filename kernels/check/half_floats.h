/* Conversions between float and the types of kernels, to nearest even as the GPU rounds. */
#pragma once

#include "kernels/dtype.h"

#ifdef __cplusplus
extern "C" {
#endif

uint16_t half_from_float(Dtype dtype, float value);
float half_to_float(Dtype dtype, uint16_t bits);
/* There and back: the value that a kernel reads. */
float half_round(Dtype dtype, float value);

/* fp8 of the e4m3 kind; what is too large becomes the largest, 448. */
uint8_t fp8_from_float(float value);
float fp8_to_float(uint8_t bits);

#ifdef __cplusplus
}
#endif
