/* Windows are made of the series' buckets, whose length the length of the run decides. */
#include "timeline.h"

#include "sim/series.h"
#include "sim/units.h"

#define RISE 2.0
#define SHORT_RUN_PS (10 * PS_PER_S)
#define SHORT_RUN_WINDOWS 100

struct PosterTimeline {
  Observer observer; /* first */
  Series *series;
  guint32 num_gpu_blocks;
  guint32 used_blocks; /* at the end of the step before */
  GArray *windows, *events;
};

static void
count_prefills(const Step *step, PosterEvent *event)
{
  for (guint i = 0; i < step->entries->len; i++) {
    const StepEntry *entry = &g_array_index(step->entries, StepEntry, i);
    if (entry->kind == ENTRY_DECODE || entry->kind == ENTRY_DECODE_SWAPPED_IN)
      continue;
    event->resumed_tokens += entry->recomputed_tokens;
    event->new_tokens += entry->tokens - entry->recomputed_tokens;
    event->resumed += entry->kind == ENTRY_RESUMED;
    event->admitted += entry->kind == ENTRY_NEW;
  }
}

static void
on_step(Observer *self, const StepReport *report)
{
  PosterTimeline *t = (PosterTimeline *)self;
  const Step *step = report->step;
  PosterEvent event = {
      .start_ps = report->start_ps,
      .end_ps = report->start_ps + report->elapsed_ps,
      .evicted = step->victims->len,
      .resumed = step->swapped_in->len,
      .before_blocks = t->used_blocks,
      .after_blocks = t->num_gpu_blocks - step->gpu_free_blocks,
  };

  if (step->abort != NULL)
    return;
  count_prefills(step, &event);
  series_add(t->series, report);
  if (event.evicted + event.resumed + event.new_tokens + event.resumed_tokens > 0)
    g_array_append_val(t->events, event);
  t->used_blocks = t->num_gpu_blocks - report->gpu_free_end_blocks;
}

PosterTimeline *
poster_timeline_new(guint32 num_gpu_blocks)
{
  PosterTimeline *t = g_new0(PosterTimeline, 1);

  t->observer.step = on_step;
  t->series = series_new(0, num_gpu_blocks, 0);
  t->num_gpu_blocks = num_gpu_blocks;
  t->windows = g_array_new(FALSE, TRUE, sizeof(PosterWindow));
  t->events = g_array_new(FALSE, FALSE, sizeof(PosterEvent));
  return t;
}

PosterTimeline *
poster_timeline_restore(guint32 num_gpu_blocks, GArray *windows, GArray *events)
{
  PosterTimeline *t = poster_timeline_new(num_gpu_blocks);

  g_array_unref(t->windows);
  g_array_unref(t->events);
  t->windows = g_array_ref(windows);
  t->events = g_array_ref(events);
  return t;
}

void
poster_timeline_free(PosterTimeline *t)
{
  if (t == NULL)
    return;
  series_free(t->series);
  g_array_unref(t->windows);
  g_array_unref(t->events);
  g_free(t);
}

Observer *
poster_timeline_observer(PosterTimeline *t)
{
  return &t->observer;
}

static PosterWindow
window_of(const SeriesBucket *buckets, guint32 n, double start_s, double length_s)
{
  PosterWindow window = {.time_s = start_s + length_s / 2, .length_s = length_s};
  double computed = 0, output = 0;

  for (guint32 i = 0; i < n; i++) {
    computed += (double)buckets[i].computed_tokens;
    output += (double)buckets[i].output_tokens;
    window.evicted += buckets[i].preemptions;
    window.gpu_blocks = buckets[i].gpu_blocks;
  }
  window.tokens_per_s = computed / length_s;
  window.output_tokens_per_s = output / length_s;
  return window;
}

/* What a step did is counted where it ends, as the series does. */
static void
place_events(PosterTimeline *t, gint64 window_ps)
{
  for (guint i = 0; i < t->events->len; i++) {
    const PosterEvent *event = &g_array_index(t->events, PosterEvent, i);
    guint at = (guint)MIN((event->end_ps - 1) / window_ps, (gint64)t->windows->len - 1);
    PosterWindow *window = &g_array_index(t->windows, PosterWindow, at);
    window->resumed += event->resumed;
    window->new_tokens += event->new_tokens;
    window->resumed_tokens += event->resumed_tokens;
  }
}

static int
compare_rates(gconstpointer a, gconstpointer b)
{
  double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

static void
mark_rises(GArray *windows)
{
  g_autoptr(GArray) rates = g_array_new(FALSE, FALSE, sizeof(double));
  double median;

  for (guint i = 0; i < windows->len; i++)
    g_array_append_val(rates, g_array_index(windows, PosterWindow, i).tokens_per_s);
  g_array_sort(rates, compare_rates);
  median = g_array_index(rates, double, rates->len / 2);
  for (guint i = 0; i < windows->len; i++) {
    PosterWindow *window = &g_array_index(windows, PosterWindow, i);
    window->rise = window->tokens_per_s > RISE * median;
  }
}

void
poster_timeline_finish(PosterTimeline *t)
{
  guint32 n, merge;
  gint64 bucket_ps, window_ps;
  const SeriesBucket *buckets;

  series_finish(t->series);
  buckets = series_buckets(t->series, &n, &bucket_ps);
  if (n == 0)
    return;
  window_ps = n * bucket_ps < SHORT_RUN_PS ? n * bucket_ps / SHORT_RUN_WINDOWS : PS_PER_S;
  merge = (guint32)MAX(1, (window_ps + bucket_ps / 2) / bucket_ps);
  for (guint32 i = 0; i < n; i += merge) {
    guint32 merged = MIN(merge, n - i);
    PosterWindow window =
        window_of(buckets + i, merged, ps_to_s(i * bucket_ps), ps_to_s(merged * bucket_ps));
    g_array_append_val(t->windows, window);
  }
  place_events(t, merge * bucket_ps);
  mark_rises(t->windows);
}

const GArray *
poster_timeline_windows(const PosterTimeline *t)
{
  return t->windows;
}

const GArray *
poster_timeline_events(const PosterTimeline *t)
{
  return t->events;
}

guint32
poster_timeline_pool_blocks(const PosterTimeline *t)
{
  return t->num_gpu_blocks;
}
