/* How far a kernel's output is from its reference. */
#pragma once

#include "kernels/dtype.h"

#include <glib.h>

/* error: ‖out - expected‖ / ‖expected‖ of the worst row; element_error: the largest difference of
 * an element, in units of its row's root mean square. A NaN in `out` makes both NaN; where `out`
 * and `expected` are all zero both are 0. */
typedef struct {
  double error, element_error;
} Comparison;

/* The maximum of both; NaN counts as the largest. */
void comparison_add(Comparison *worst, Comparison other);
Comparison compare_row(const float *out, const double *expected, gsize width);
/* Rows of `width`, `stride` apart in both. */
Comparison compare_rows(const float *out, const float *expected, gsize num_rows, gsize width,
                        gsize stride);
gboolean comparison_has_nan(const float *values, gsize count);
/* Whether the error is within `limit`, and each element's within ELEMENT_ERRORS times that, since
 * the norm of a row of thousands hides a single wrong element. */
enum { ELEMENT_ERRORS = 16 };
gboolean comparison_is_within(const Comparison *comparison, double limit);
