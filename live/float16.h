/* Floats as 16-bit numbers and back: weights on their way to the GPU, logits on theirs from it. */
#pragma once

#include <glib.h>

#include "kernels/dtype.h"

/* To nearest, ties to even; out of fp16's range: infinity. */
guint16 float16_from_float(Dtype dtype, float value);
float float16_to_float(Dtype dtype, guint16 bits);
/* The same of `n` of them. */
void float16_from_floats(Dtype dtype, const float *values, gsize n, guint16 *halves);
