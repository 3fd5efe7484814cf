/* Sums over steps and requests, all integers until metrics_summary() divides.
 *
 * Invariant: n identical steps reported one by one, or as one report of n repeats, leave the same
 * bits. So repeats are summed in closed form, and nothing here adds up doubles. A report costs
 * O(entries + repeats): after its first repeat every sequence's gap is that repeat's duration.
 */
#include "metrics.h"

#include "quantiles.h"
#include "series.h"
#include "units.h"

struct Metrics {
  Observer observer; /* first */
  const Workload *workload;
  guint32 num_gpu_blocks, num_cpu_blocks;
  gint64 *last_token_ps; /* of each request, -1: none yet */
  DurationHistogram *itl;
  GArray *ttft_ps, *tpot_ps, *e2e_ps, *queue_ps; /* of gint64 */
  Series *series;
  gint64 end_ps;   /* of the last step */
  guint64 entries; /* of all steps */
  Summary summary; /* its integers */
};

void
summary_clear(Summary *summary)
{
  g_free(summary->end_reason);
  *summary = (Summary){0};
}

static void
count_time(Metrics *metrics, const StepReport *report)
{
  Summary *sum = &metrics->summary;
  gint64 n = report->repeats;

  sum->busy_ps += report->elapsed_ps;
  sum->overhead_recompute_ps += report->recompute_overhead_ps;
  metrics->end_ps = MAX(metrics->end_ps, report->start_ps + report->elapsed_ps);
  if (report->cost == NULL)
    return;
  for (guint c = 0; c < COST_COMPONENTS; c++) {
    gint64 growth_ps = c == COST_ATTENTION ? report->growth_ps * (n * (n - 1) / 2) : 0;
    gint64 measured_ps = n * report->cost->measured_ps[c];
    gint64 scaled_ps = n * report->cost->scaled_ps[c];
    if (report->cost->growth_measured)
      measured_ps += growth_ps;
    if (report->cost->growth_scaled)
      scaled_ps += growth_ps;
    sum->component_ps[c] += n * report->cost->base_ps[c] + growth_ps;
    sum->measured_component_ps[c] += measured_ps;
    sum->measured_ps += measured_ps;
    sum->scaled_ps += scaled_ps;
  }
}

/* Gaps between tokens. Returns the tokens that one repeat computes. */
static guint32
count_tokens(Metrics *metrics, const StepReport *report)
{
  const StepEntry *entries = (const StepEntry *)(gpointer)report->step->entries->data;
  gint64 first_end_ps = report->start_ps + report->first_ps;
  gint64 end_ps = report->start_ps + report->elapsed_ps;
  gint64 duration_ps = report->first_ps;
  guint32 computed = 0, sampling = 0;

  for (guint i = 0; i < report->step->entries->len; i++) {
    gint64 *last_ps = &metrics->last_token_ps[entries[i].request];
    computed += entries[i].tokens;
    if (!entries[i].samples)
      continue;
    sampling++;
    if (*last_ps >= 0)
      duration_histogram_add(metrics->itl, first_end_ps - *last_ps, 1);
    *last_ps = end_ps;
  }
  if (report->growth_ps == 0) {
    duration_histogram_add(metrics->itl, duration_ps, (guint64)sampling * (report->repeats - 1));
    return computed;
  }
  for (guint32 i = 1; i < report->repeats; i++) {
    duration_ps += report->growth_ps;
    duration_histogram_add(metrics->itl, duration_ps, sampling);
  }
  return computed;
}

/* Blocks that the repeats after the first take. */
static guint64
grown_blocks(const Step *step, guint32 repeats)
{
  guint32 cycles = (repeats - 1) / step->block_size, rest = (repeats - 1) % step->block_size;
  guint64 blocks = 0;

  if (repeats == 1)
    return 0;
  for (guint32 i = 0; i < step->block_size; i++)
    blocks += (guint64)step->growth[i] * (cycles + (i < rest));
  return blocks;
}

static void
count_blocks(Metrics *metrics, const StepReport *report)
{
  const Step *step = report->step;
  guint64 gpu_blocks = (guint64)metrics->num_gpu_blocks - step->gpu_free_blocks +
                       grown_blocks(step, report->repeats);
  guint32 host_blocks = metrics->num_cpu_blocks - step->host_free_blocks;
  Summary *sum = &metrics->summary;

  sum->peak_gpu_blocks = MAX(sum->peak_gpu_blocks, (guint32)gpu_blocks);
  sum->peak_host_blocks = MAX(sum->peak_host_blocks, host_blocks);
}

static void
on_step(Observer *self, const StepReport *report)
{
  Metrics *metrics = (Metrics *)self;
  const Step *step = report->step;
  Summary *sum = &metrics->summary;

  if (step->abort != NULL || step_is_empty(step))
    return;
  sum->steps += report->repeats;
  sum->output_tokens += (guint64)report->tokens * report->repeats;
  metrics->entries += (guint64)step->entries->len * report->repeats;
  for (guint i = 0; i < step->victims->len; i++)
    sum->swap_fallbacks += g_array_index(step->victims, StepVictim, i).fell_back != FALSE;
  for (guint i = 0; i < step->hits->len; i++)
    sum->prefix_hit_tokens += g_array_index(step->hits, StepHit, i).tokens;
  count_time(metrics, report);
  count_blocks(metrics, report);
  series_add(metrics->series, report, count_tokens(metrics, report));
}

static void
on_request(Observer *self, const RequestResult *result)
{
  Metrics *metrics = (Metrics *)self;
  Summary *sum = &metrics->summary;
  gint64 ttft_ps = result->first_token_ps - result->arrival_ps;
  gint64 queue_ps = result->first_scheduled_ps - result->arrival_ps;
  gint64 e2e_ps = result->finish_ps - result->arrival_ps;

  sum->finished += result->status == STATUS_FINISHED;
  sum->ignored += result->status == STATUS_IGNORED;
  if (sum->ignored_reason == NULL)
    sum->ignored_reason = result->reason;
  sum->prompt_tokens += result->prompt_tokens;
  sum->preemptions += result->preemptions;
  sum->preempted_requests += result->preemptions > 0;
  sum->recomputed_tokens += result->recomputed_tokens;
  sum->swapped_out_blocks += result->swapped_out_blocks;
  sum->swapped_in_blocks += result->swapped_in_blocks;
  if (result->first_scheduled_ps >= 0)
    g_array_append_val(metrics->queue_ps, queue_ps);
  if (result->first_token_ps >= 0)
    g_array_append_val(metrics->ttft_ps, ttft_ps);
  if (result->generated_tokens >= 2) {
    gint64 gaps = (gint64)result->generated_tokens - 1;
    gint64 tpot_ps = (result->last_token_ps - result->first_token_ps + gaps / 2) / gaps;
    g_array_append_val(metrics->tpot_ps, tpot_ps);
  }
  if (result->status == STATUS_FINISHED)
    g_array_append_val(metrics->e2e_ps, e2e_ps);
}

static void
on_end(Observer *self, const RunOutcome *outcome)
{
  Metrics *metrics = (Metrics *)self;

  metrics->summary.end = outcome->end;
  g_free(metrics->summary.end_reason);
  metrics->summary.end_reason = g_strdup(outcome->reason);
  series_finish(metrics->series);
}

Metrics *
metrics_new(const Workload *workload, guint32 num_gpu_blocks, guint32 num_cpu_blocks)
{
  Metrics *metrics = g_new0(Metrics, 1);
  guint32 n = workload_count(workload);
  GArray **lists[] = {&metrics->ttft_ps, &metrics->tpot_ps, &metrics->e2e_ps, &metrics->queue_ps};

  metrics->observer = (Observer){.step = on_step, .request = on_request, .end = on_end};
  metrics->workload = workload;
  metrics->num_gpu_blocks = num_gpu_blocks;
  metrics->num_cpu_blocks = num_cpu_blocks;
  metrics->last_token_ps = g_new(gint64, n);
  for (guint32 i = 0; i < n; i++)
    metrics->last_token_ps[i] = -1;
  metrics->itl = duration_histogram_new();
  for (guint i = 0; i < G_N_ELEMENTS(lists); i++)
    *lists[i] = g_array_sized_new(FALSE, FALSE, sizeof(gint64), n);
  metrics->series = series_new(n > 0 ? workload_request(workload, 0)->arrival_ps : 0,
                               num_gpu_blocks, num_cpu_blocks);
  return metrics;
}

void
metrics_free(Metrics *metrics)
{
  if (metrics == NULL)
    return;
  g_free(metrics->last_token_ps);
  duration_histogram_free(metrics->itl);
  g_array_unref(metrics->ttft_ps);
  g_array_unref(metrics->tpot_ps);
  g_array_unref(metrics->e2e_ps);
  g_array_unref(metrics->queue_ps);
  series_free(metrics->series);
  summary_clear(&metrics->summary);
  g_free(metrics);
}

Observer *
metrics_observer(Metrics *metrics)
{
  return &metrics->observer;
}

void
metrics_summary(Metrics *metrics, Summary *summary)
{
  guint32 n = workload_count(metrics->workload);
  double makespan_s;

  *summary = metrics->summary;
  summary->end_reason = g_strdup(metrics->summary.end_reason);
  summary->requests = n;
  summary->aborted = n - summary->finished - summary->ignored;
  if (n > 0 && summary->steps > 0)
    summary->makespan_ps = metrics->end_ps - workload_request(metrics->workload, 0)->arrival_ps;
  makespan_s = ps_to_s(summary->makespan_ps);
  if (makespan_s > 0) {
    summary->requests_per_s = (double)summary->finished / makespan_s;
    summary->output_tokens_per_s = (double)summary->output_tokens / makespan_s;
  }
  if (summary->steps > 0)
    summary->mean_batch = (double)metrics->entries / (double)summary->steps;
  summary->overhead_swap_out_ps = summary->component_ps[COST_SWAP_OUT];
  summary->overhead_swap_in_ps = summary->component_ps[COST_SWAP_IN];
  quantiles_of(metrics->ttft_ps, &summary->ttft_s);
  quantiles_of(metrics->tpot_ps, &summary->tpot_s);
  quantiles_of(metrics->e2e_ps, &summary->e2e_s);
  quantiles_of(metrics->queue_ps, &summary->queue_s);
  duration_histogram_quantiles(metrics->itl, &summary->itl_s);
}

const SeriesBucket *
metrics_series(const Metrics *metrics, guint32 *n, gint64 *bucket_ps)
{
  return series_buckets(metrics->series, n, bucket_ps);
}
