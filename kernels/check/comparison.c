#include "comparison.h"

#include <math.h>

static double
worse(double a, double b)
{
  return isnan(a) || a > b ? a : b;
}

void
comparison_add(Comparison *worst, Comparison other)
{
  worst->error = worse(worst->error, other.error);
  worst->element_error = worse(worst->element_error, other.element_error);
}

/* Of sums over a row. */
static Comparison
finish(double off, double size, double farthest, gsize width)
{
  if (off == 0)
    return (Comparison){0};
  return (Comparison){.error = sqrt(off / size),
                      .element_error = farthest / sqrt(size / (double)width)};
}

Comparison
compare_row(const float *out, const double *expected, gsize width)
{
  double off = 0, size = 0, farthest = 0;

  for (gsize i = 0; i < width; i++) {
    const double difference = (double)out[i] - expected[i];
    off += difference * difference;
    size += expected[i] * expected[i];
    farthest = worse(farthest, fabs(difference));
  }
  return finish(off, size, farthest, width);
}

Comparison
compare_rows(const float *out, const float *expected, gsize num_rows, gsize width, gsize stride)
{
  Comparison worst = {0};

  for (gsize row = 0; row < num_rows; row++, out += stride, expected += stride) {
    double off = 0, size = 0, farthest = 0;
    for (gsize i = 0; i < width; i++) {
      const double difference = (double)out[i] - (double)expected[i];
      off += difference * difference;
      size += (double)expected[i] * (double)expected[i];
      farthest = worse(farthest, fabs(difference));
    }
    comparison_add(&worst, finish(off, size, farthest, width));
  }
  return worst;
}

gboolean
comparison_has_nan(const float *values, gsize count)
{
  for (gsize i = 0; i < count; i++)
    if (isnan(values[i]))
      return TRUE;
  return FALSE;
}

gboolean
comparison_is_within(const Comparison *comparison, double limit)
{
  return comparison->error <= limit && comparison->element_error <= ELEMENT_ERRORS * limit;
}
