/* Sums over steps and requests, all integers until metrics_summary() divides.
 *
 * Invariant: n identical steps reported one by one, or as one report of n repeats, leave the same
 * bits. So repeats are summed in closed form, and nothing here adds up doubles.
 */
#include "metrics.h"

#include "array.h"
#include "duration_histogram.h"
#include "quantiles.h"
#include "series.h"
#include "units.h"

#include <math.h>

struct Metrics {
  Observer observer; /* first */
  const Workload *workload;
  guint32 num_gpu_blocks, num_cpu_blocks;
  DurationHistogram *itl;
  GArray *ttft_ps, *tpot_ps, *e2e_ps, *queue_ps; /* of gint64, with room for every request */
  guint room;
  Series *series;
  gint64 end_ps;     /* of the last step */
  guint64 sequences; /* of all steps */
  RequestLimits limits;
  Summary summary; /* its integers */
};

void
summary_clear(Summary *summary)
{
  g_free(summary->end_reason);
  *summary = (Summary){0};
}

/* Sums up what was measured, and what is scaled from measurements. */
static void
count_measured(Summary *sum, const CostPiece *cost, gint64 n, gint64 growth_ps)
{
  gint64 measured_ps = 0, scaled_ps = 0;

  if (cost->is_modelled)
    return;
  for (guint c = 0; c < COST_COMPONENTS; c++) {
    measured_ps += cost->measured_ps[c];
    scaled_ps += cost->scaled_ps[c];
  }
  sum->measured_ps += n * measured_ps;
  sum->scaled_ps += n * scaled_ps;
  for (guint c = 0; c < COST_COMPONENTS; c++)
    sum->measured_component_ps[c] += n * cost->measured_ps[c];
  if (cost->growth_measured) {
    sum->measured_component_ps[COST_ATTENTION] += growth_ps;
    sum->measured_ps += growth_ps;
  }
  if (cost->growth_scaled)
    sum->scaled_ps += growth_ps;
}

static void
count_time(Metrics *metrics, const StepReport *report)
{
  Summary *sum = &metrics->summary;
  gint64 n = report->repeats, growth_ps = report->growth_ps * (n * (n - 1) / 2);

  sum->busy_ps += report->elapsed_ps - report->queued_ps;
  sum->overhead_recompute_ps += report->recompute_overhead_ps;
  metrics->end_ps = MAX(metrics->end_ps, report->start_ps + report->elapsed_ps);
  if (report->cost == NULL)
    return;
  for (guint c = 0; c < COST_COMPONENTS; c++)
    sum->component_ps[c] += n * report->cost->base_ps[c];
  sum->component_ps[COST_ATTENTION] += growth_ps;
  count_measured(sum, report->cost, n, growth_ps);
}

/* Counts the gaps between tokens; after the first repeat every gap is the repeat's duration. */
static void
count_gaps(Metrics *metrics, const StepReport *report)
{
  for (guint32 i = 0; i < report->n_gaps; i++)
    duration_histogram_add(metrics->itl, report->gaps[i].gap_ps, report->gaps[i].count);
  if (report->repeats > 1)
    duration_histogram_add_rising(metrics->itl, report->first_ps + report->growth_ps,
                                  report->growth_ps, report->repeats - 1, report->tokens);
}

static void
count_blocks(Metrics *metrics, const StepReport *report)
{
  const Step *step = report->step;
  gint64 grown = step->shrinks ? step_grown_peak(step, 1, report->repeats)
                               : step_grown_blocks(step, report->repeats);
  gint64 gpu_blocks = (gint64)metrics->num_gpu_blocks - step_unheld_blocks(step) + grown;
  guint32 host_blocks = metrics->num_cpu_blocks - step->host_free_blocks + step->tier_used_blocks;
  Summary *sum = &metrics->summary;

  sum->peak_gpu_blocks = MAX(sum->peak_gpu_blocks, (guint32)gpu_blocks);
  sum->peak_host_blocks = MAX(sum->peak_host_blocks, host_blocks);
  sum->peak_disk_blocks = MAX(sum->peak_disk_blocks, step->disk_used_blocks);
}

static void
count_disk(Summary *sum, const Step *step)
{
  for (guint i = 0; i < step->copied->len; i++) {
    const StepCopy *copy = &g_array_index(step->copied, StepCopy, i);
    sum->disk_written_blocks += copy->direction == COPY_TO_DISK ? copy->blocks : 0;
    sum->disk_read_blocks += copy->direction == COPY_FROM_DISK ? copy->blocks : 0;
    sum->disk_wait_ps += copy->waited_ps;
  }
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
  metrics->sequences += (guint64)step->n_sequences * report->repeats;
  for (guint i = 0; i < step->victims->len; i++)
    sum->swap_fallbacks += g_array_index(step->victims, StepVictim, i).fell_back != FALSE;
  for (guint i = 0; i < step->hits->len; i++)
    sum->prefix_hit_tokens += g_array_index(step->hits, StepHit, i).tokens;
  sum->copy_wait_ps += report->waited_ps;
  sum->starved_ps += report->starved_ps + step->starved->len * report->elapsed_ps;
  if (step->has_disk)
    count_disk(sum, step);
  count_time(metrics, report);
  count_blocks(metrics, report);
  count_gaps(metrics, report);
  series_add(metrics->series, report);
}

/* A length limit, or a pool that holds no more, may end an output before the workload does. */
static void
count_cut(const Metrics *metrics, Summary *sum, const RequestResult *result)
{
  guint32 output_tokens = workload_request(metrics->workload, result->request)->output_tokens;

  if (result->status != STATUS_FINISHED || result->generated_tokens >= output_tokens)
    return;
  sum->cut_requests++;
  sum->cut_tokens += output_tokens - result->generated_tokens;
}

static void
on_request(Observer *self, const RequestResult *result)
{
  Metrics *metrics = (Metrics *)self;
  Summary *sum = &metrics->summary;
  gint64 ttft_ps = result->first_token_ps - result->arrival_ps;
  gint64 queue_ps = result->first_scheduled_ps - result->arrival_ps;
  gint64 e2e_ps = result->finish_ps - result->arrival_ps, tpot_ps = 0;

  sum->finished += result->status == STATUS_FINISHED;
  sum->ignored += result->status == STATUS_IGNORED;
  count_cut(metrics, sum, result);
  if (sum->ignored_reason == NULL)
    sum->ignored_reason = result->reason;
  sum->prompt_tokens += result->prompt_tokens;
  sum->preemptions += result->preemptions;
  sum->preempted_requests += result->preemptions > 0;
  sum->recomputed_tokens += result->recomputed_tokens;
  sum->swapped_out_blocks += result->swapped_out_blocks;
  sum->swapped_in_blocks += result->swapped_in_blocks;
  if (result->first_scheduled_ps >= 0)
    ARRAY_PUSH(metrics->queue_ps, &metrics->room, gint64, queue_ps);
  if (result->first_token_ps >= 0)
    ARRAY_PUSH(metrics->ttft_ps, &metrics->room, gint64, ttft_ps);
  if (result->generated_tokens >= 2) {
    gint64 gaps = (gint64)result->generated_tokens - 1;
    tpot_ps = (result->last_token_ps - result->first_token_ps + gaps / 2) / gaps;
    ARRAY_PUSH(metrics->tpot_ps, &metrics->room, gint64, tpot_ps);
  }
  if (result->status == STATUS_FINISHED) {
    ARRAY_PUSH(metrics->e2e_ps, &metrics->room, gint64, e2e_ps);
    sum->good_requests += ttft_ps < metrics->limits.ttft_ps && tpot_ps < metrics->limits.tpot_ps &&
                          e2e_ps < metrics->limits.e2e_ps && queue_ps < metrics->limits.queue_ps;
  }
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
  metrics->room = n;
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
  duration_histogram_free(metrics->itl);
  g_array_unref(metrics->ttft_ps);
  g_array_unref(metrics->tpot_ps);
  g_array_unref(metrics->e2e_ps);
  g_array_unref(metrics->queue_ps);
  series_free(metrics->series);
  summary_clear(&metrics->summary);
  g_free(metrics);
}

void
metrics_set_limits(Metrics *metrics, const RequestLimits *limits)
{
  metrics->limits = *limits;
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
  summary->goodput_per_s = summary->good_share = NAN;
  if (metrics->limits.are_set && makespan_s > 0) {
    summary->goodput_per_s = (double)summary->good_requests / makespan_s;
    summary->good_share = (double)summary->good_requests / n;
  }
  if (makespan_s > 0) {
    summary->requests_per_s = (double)summary->finished / makespan_s;
    summary->output_tokens_per_s = (double)summary->output_tokens / makespan_s;
  }
  if (summary->steps > 0)
    summary->mean_batch = (double)metrics->sequences / (double)summary->steps;
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
