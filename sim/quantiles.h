/* Quantiles of durations: those of a list here, those of a histogram in duration_histogram.h; both
 * interpolate between two order statistics a level, as NumPy does by default.
 */
#pragma once

#include "metrics.h"

/* The members of Quantiles, in their order. */
typedef enum {
  STATISTIC_MEAN,
  STATISTIC_P50,
  STATISTIC_P90,
  STATISTIC_P95,
  STATISTIC_P99,
  STATISTIC_MAX,
  STATISTICS
} Statistic;

/* "p50", as in keys and --slo. */
const char *statistic_name(Statistic statistic);
/* "median", for people. */
const char *statistic_label(Statistic statistic);
/* 0.5 for p50 …; -1 for the mean, 1 for the maximum. */
double statistic_level(Statistic statistic);
double quantiles_get(const Quantiles *quantiles, Statistic statistic);

/* Those of nothing: all NAN. */
extern const Quantiles quantiles_none;

/* The quantiles of a list in seconds. values_ps: of gint64, not negative, in any order. */
void quantiles_of(const GArray *values_ps, Quantiles *quantiles);

/* The median of doubles, which are sorted; of an even number, the mean of the middle two; NaN of
 * none.
 */
double quantiles_median(GArray *values);

/* Two for each of p50, p90, p95, p99. */
enum { QUANTILE_RANKS = 8 };

/* The order statistics (from 0) of n values, n > 0, that the levels lie between. */
void quantiles_ranks(guint64 n, guint64 ranks[QUANTILE_RANKS]);
/* Sets the levels, in seconds, from the values of those order statistics. */
void quantiles_set(Quantiles *quantiles, guint64 n, const double values_ps[QUANTILE_RANKS]);
