/* Random data for kernels. A number depends on a key from `rand` and its index, so that threads can
 * fill large arrays. */
#pragma once

#include "kernels/dtype.h"

#include <glib.h>

/* Nearly normal numbers, of a standard deviation of `scale`, rounded to the type. */
void random_floats(GRand *rand, Dtype dtype, double scale, float *values, gsize count);
/* The same in the type itself. */
void random_elements(GRand *rand, Dtype dtype, double scale, void *elements, gsize count);
void random_bytes(GRand *rand, guint8 *bytes, gsize count);
/* random_floats() with a random scale between the two; the caller frees them. */
float *random_floats_new(GRand *rand, Dtype dtype, double least_scale, double most_scale,
                         gsize count);
/* The numbers 0 … count - 1 in random order; the caller frees them. */
gint32 *random_order(GRand *rand, gsize count);
