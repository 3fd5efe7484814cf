/* Conversions between float and the 16-bit types, to nearest even as the GPU rounds. */
#pragma once

#include "kernels/dtype.h"

#ifdef __cplusplus
extern "C" {
#endif

uint16_t half_from_float(Dtype dtype, float value);
float half_to_float(Dtype dtype, uint16_t bits);
/* There and back: the value that a kernel reads. */
float half_round(Dtype dtype, float value);

#ifdef __cplusplus
}
#endif
