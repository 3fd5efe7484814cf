#include "series.h"

#include "executor.h"
#include "units.h"

#define FIRST_BUCKET_PS (PS_PER_S / 1000) /* the length before any pairs are merged */

struct Series {
  gint64 origin_ps;
  guint32 num_gpu_blocks, num_cpu_blocks;
  SeriesBucket *buckets;
  guint32 used;
  gint64 bucket_ps;
  guint32 current;         /* the bucket found last, */
  gint64 current_start_ps; /* since the origin */
};

Series *
series_new(gint64 origin_ps, guint32 num_gpu_blocks, guint32 num_cpu_blocks)
{
  Series *series = g_new0(Series, 1);
  series->origin_ps = origin_ps;
  series->num_gpu_blocks = num_gpu_blocks;
  series->num_cpu_blocks = num_cpu_blocks;
  series->buckets = g_new0(SeriesBucket, SERIES_BUCKETS);
  series->bucket_ps = FIRST_BUCKET_PS;
  return series;
}

void
series_free(Series *series)
{
  if (series == NULL)
    return;
  g_free(series->buckets);
  g_free(series);
}

static void
copy_levels(SeriesBucket *to, const SeriesBucket *from)
{
  to->gpu_blocks = from->gpu_blocks;
  to->host_blocks = from->host_blocks;
  to->running = from->running;
  to->waiting = from->waiting;
  to->swapped = from->swapped;
}

static SeriesBucket
merged(const SeriesBucket *a, const SeriesBucket *b)
{
  SeriesBucket sum = *a;

  sum.output_tokens += b->output_tokens;
  sum.computed_tokens += b->computed_tokens;
  sum.preemptions += b->preemptions;
  sum.resumes += b->resumes;
  sum.finished += b->finished;
  sum.gpu_blocks_peak = MAX(a->gpu_blocks_peak, b->gpu_blocks_peak);
  sum.sampled = a->sampled || b->sampled;
  if (b->sampled)
    copy_levels(&sum, b);
  return sum;
}

static void
halve(Series *series)
{
  for (guint32 i = 0; i < SERIES_BUCKETS / 2; i++)
    series->buckets[i] = merged(&series->buckets[2 * i], &series->buckets[2 * i + 1]);
  for (guint32 i = SERIES_BUCKETS / 2; i < SERIES_BUCKETS; i++)
    series->buckets[i] = (SeriesBucket){0};
  series->used = (series->used + 1) / 2;
  series->bucket_ps *= 2;
}

static SeriesBucket *
bucket_at(Series *series, gint64 time_ps)
{
  gint64 since_ps = MAX(time_ps - series->origin_ps, 0);

  if (since_ps < series->current_start_ps ||
      since_ps - series->current_start_ps >= series->bucket_ps) {
    while (since_ps / series->bucket_ps >= SERIES_BUCKETS)
      halve(series);
    series->current = (guint32)(since_ps / series->bucket_ps);
    series->current_start_ps = series->current * series->bucket_ps;
  }
  series->used = MAX(series->used, series->current + 1);
  return &series->buckets[series->current];
}

static void
count_events(SeriesBucket *bucket, const Step *step)
{
  bucket->preemptions += step->victims->len;
  bucket->resumes += step->swapped_in->len;
  for (guint i = 0; i < step->entries->len; i++)
    bucket->resumes += g_array_index(step->entries, StepEntry, i).kind == ENTRY_RESUMED;
}

/* Counts the requests that the step completed, and what is held once they have left. */
static void
count_finished(SeriesBucket *bucket, const Series *series, const StepReport *report)
{
  if (report->n_finished == 0)
    return;
  bucket->finished += report->n_finished;
  bucket->gpu_blocks = series->num_gpu_blocks - report->gpu_unheld_end_blocks;
  bucket->running -= MIN(bucket->running, report->n_finished);
}

/* How many repeats, from `first` on, end before end_ps, counted from the report's start. */
static guint32
repeats_before(const StepReport *report, guint32 first, gint64 end_ps)
{
  guint32 low = first, high = report->repeats;

  /* Nearly always all or only the next. */
  if (report->elapsed_ps < end_ps)
    return high - first;
  while (low < high) {
    guint32 middle = low + (high - low) / 2;
    if (repeats_elapsed_ps(report->first_ps, report->growth_ps, middle + 1) < end_ps)
      low = middle + 1;
    else
      high = middle;
  }
  return low - first;
}

/* Repeats that end in one bucket are counted together. */
void
series_add(Series *series, const StepReport *report)
{
  const Step *step = report->step;
  guint32 host_blocks = series->num_cpu_blocks - step->host_free_blocks;
  guint32 held = series->num_gpu_blocks - step_unheld_blocks(step);
  SeriesBucket *bucket = NULL;

  for (guint32 i = 0, n; i < report->repeats; i += n) {
    gint64 end_ps =
        i == 0 ? report->first_ps : repeats_elapsed_ps(report->first_ps, report->growth_ps, i + 1);
    gint64 grown, peak;
    bucket = bucket_at(series, report->start_ps + end_ps);
    n = repeats_before(report, i,
                       series->origin_ps + series->current_start_ps + series->bucket_ps -
                           report->start_ps);
    n = MAX(1, n);
    bucket->output_tokens += (guint64)n * report->tokens;
    bucket->computed_tokens += (guint64)n * step->n_tokens;
    peak = grown = step_grown_blocks(step, i + n);
    if (step->shrinks)
      peak = step_grown_peak(step, i + 1, i + n);
    bucket->gpu_blocks = held + (guint32)grown;
    bucket->gpu_blocks_peak = MAX(bucket->gpu_blocks_peak, held + (guint32)peak);
    bucket->host_blocks = host_blocks;
    bucket->running = step->running;
    bucket->waiting = step->waiting;
    bucket->swapped = step->swapped;
    bucket->sampled = TRUE;
    if (i == 0)
      count_events(bucket, step);
  }
  count_finished(bucket, series, report);
}

void
series_finish(Series *series)
{
  for (guint32 i = 1; i < series->used; i++) {
    SeriesBucket *bucket = &series->buckets[i];
    if (bucket->sampled)
      continue;
    copy_levels(bucket, bucket - 1);
    bucket->gpu_blocks_peak = bucket->gpu_blocks;
  }
}

const SeriesBucket *
series_buckets(const Series *series, guint32 *n, gint64 *bucket_ps)
{
  *n = series->used;
  *bucket_ps = series->bucket_ps;
  return series->buckets;
}
