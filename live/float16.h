/* Floats as 16-bit numbers and back: weights on their way to the GPU, logits on theirs from it. */
#pragma once

#include <glib.h>

#include "kernels/dtype.h"

float float16_to_float(Dtype dtype, guint16 bits);
/* Of `n` of them, each to nearest, ties to even; out of fp16's range: infinity. */
void float16_from_floats(Dtype dtype, const float *values, gsize n, guint16 *halves);
