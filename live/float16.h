/* Conversion between float and fp16 or bf16, for weights that go to the GPU and logits that come
 * from it. */
#pragma once

#include <glib.h>

#include "kernels/dtype.h"

float float16_to_float(Dtype dtype, guint16 bits);
/* Rounds `n` values to nearest, ties to even; beyond fp16's range: infinity. */
void float16_from_floats(Dtype dtype, const float *values, gsize n, guint16 *halves);
