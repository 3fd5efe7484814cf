/* Random numbers for kernels: a function of key and place, so that threads fill what is large. */
#pragma once

#include "kernels/dtype.h"

#include <glib.h>

/* Nearly normal, of variance 1 before `scale`, and rounded to the type. */
void random_floats(GRand *rand, Dtype dtype, double scale, float *values, gsize count);
/* The same as the GPU reads them. */
void random_elements(GRand *rand, Dtype dtype, double scale, void *elements, gsize count);
void random_bytes(GRand *rand, guint8 *bytes, gsize count);
/* random_floats() of a scale between two; the caller frees them. */
float *random_floats_new(GRand *rand, Dtype dtype, double least_scale, double most_scale,
                         gsize count);
/* The numbers below count in random order; the caller frees them. */
gint32 *random_order(GRand *rand, gsize count);
