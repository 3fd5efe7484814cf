#include "experts.h"

#include <math.h>

/* Expected largest of 1, 2, 4 … 256 draws from a normal distribution, in standard deviations. */
static const double largest[] = {0, 0.564, 1.029, 1.424, 1.766, 2.070, 2.344, 2.594, 2.826};

static double
expected_largest(unsigned draws)
{
  double at = log2(draws);
  unsigned last = sizeof largest / sizeof largest[0] - 1, below = (unsigned)at;

  if (below >= last)
    return largest[last];
  return largest[below] + (at - below) * (largest[below + 1] - largest[below]);
}

double
experts_touched(unsigned experts, unsigned active, unsigned own, double tokens)
{
  return own * (1 - pow(1 - (double)active / experts, tokens));
}

double
experts_busiest_rows(unsigned experts, unsigned active, unsigned ranks, double tokens)
{
  double share = 1.0 / ranks, all = tokens * active, variance;

  if (ranks == 1 || experts < 2)
    return all;
  variance = all * share * (1 - share) * (experts - active) / (experts - 1);
  return fmin(all, all * share + expected_largest(ranks) * sqrt(variance));
}
