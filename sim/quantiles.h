/* Quantiles of durations: those of a list here, those of a histogram in duration_histogram.h; both
 * interpolate between two order statistics a level, as NumPy does by default.
 */
#pragma once

#include "metrics.h"

/* What Quantiles holds, in its order. */
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

/* values_ps: of gint64, not negative, in any order. */
void quantiles_of(const GArray *values_ps, Quantiles *quantiles);

/* Of doubles, which it sorts: the mean of the two in the middle of an even number; NaN of none. */
double quantiles_median(GArray *values);

/* Two for each of p50, p90, p95, p99. */
enum { QUANTILE_RANKS = 8 };

/* Which order statistics (from 0) the levels of n values lie between. */
void quantiles_ranks(guint64 n, guint64 ranks[QUANTILE_RANKS]);
/* Sets the levels from those, in picoseconds. */
void quantiles_set(Quantiles *quantiles, guint64 n, const double values_ps[QUANTILE_RANKS]);
