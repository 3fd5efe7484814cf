/* A histogram of durations that counts billions.
 *
 * It is log-linear: 1024 buckets an octave, so one is at most 1/1024 of its value wide. Each keeps
 * its count and its sum; an order statistic is the mean of its bucket, which is exact where all of
 * them are equal. All sums are integers: the order of adding changes nothing.
 */
#pragma once

#include "metrics.h"

typedef struct DurationHistogram DurationHistogram;

DurationHistogram *duration_histogram_new(void);
void duration_histogram_free(DurationHistogram *histogram);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DurationHistogram, duration_histogram_free)
/* Counts a duration `weight` times. */
void duration_histogram_add(DurationHistogram *histogram, gint64 duration_ps, guint64 weight);
/* Counts first_ps, first_ps + growth_ps, … (n of them, rising) `weight` times each. */
void duration_histogram_add_rising(DurationHistogram *histogram, gint64 first_ps, gint64 growth_ps,
                                   guint32 n, guint64 weight);
void duration_histogram_quantiles(const DurationHistogram *histogram, Quantiles *quantiles);
