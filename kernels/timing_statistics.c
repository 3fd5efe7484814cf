/* Order statistics of samples, and when there are enough of them. */
#include "kernels/timing.h"

#include <math.h>
#include <stdlib.h>

const TimingRule timing_rule_default = {
    .min_samples = 10,
    .max_samples = 200,
    .max_ns = 30e6,
    .max_relative_error = 0.005,
};

static int
compare_samples(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

/* Of sorted samples, between neighbours linearly. */
static double
quantile(const double *samples, size_t count, double q)
{
  double place = q * (double)(count - 1);
  size_t below = (size_t)place;

  if (below + 1 >= count)
    return samples[count - 1];
  return samples[below] + (place - (double)below) * (samples[below + 1] - samples[below]);
}

void
timing_summarise(double *samples_ns, size_t num_samples, Timing *timing)
{
  qsort(samples_ns, num_samples, sizeof *samples_ns, compare_samples);
  timing->median_ns = quantile(samples_ns, num_samples, 0.5);
  timing->p10_ns = quantile(samples_ns, num_samples, 0.1);
  timing->p90_ns = quantile(samples_ns, num_samples, 0.9);
  timing->num_samples = (uint32_t)num_samples;
}

/* The standard error of the median, for any distribution: the median lies two times out of three
 * between two order statistics whose ranks are sqrt(n) apart; half of their distance is the error.
 */
static double
median_error(const double *samples, size_t count)
{
  double half = sqrt((double)count) / 2 / (double)(count - 1);

  return (quantile(samples, count, fmin(0.5 + half, 1)) -
          quantile(samples, count, fmax(0.5 - half, 0))) /
         2;
}

bool
timing_is_enough(const TimingRule *rule, double *samples_ns, size_t num_samples, double elapsed_ns)
{
  if (num_samples < rule->min_samples || num_samples < 2)
    return num_samples >= rule->max_samples;
  if (num_samples >= rule->max_samples || elapsed_ns >= rule->max_ns)
    return true;
  qsort(samples_ns, num_samples, sizeof *samples_ns, compare_samples);
  return median_error(samples_ns, num_samples) <
         rule->max_relative_error * quantile(samples_ns, num_samples, 0.5);
}
