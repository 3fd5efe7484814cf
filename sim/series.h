/* The time series of a run: at most SERIES_BUCKETS equal buckets, from the first arrival on.
 *
 * metrics.c feeds it every executed step. What a step did is counted where the step ends (of
 * several repeats: where each ends), so a bucket's content does not depend on how repeats were
 * grouped.
 */
#pragma once

#include "metrics.h"

typedef struct Series Series;

Series *series_new(gint64 origin_ps, guint32 num_gpu_blocks, guint32 num_cpu_blocks);
void series_free(Series *series);
void series_add(Series *series, const StepReport *report);
/* After the last step: gives buckets in which no step ended the levels of the bucket before. */
void series_finish(Series *series);
const SeriesBucket *series_buckets(const Series *series, guint32 *n, gint64 *bucket_ps);
