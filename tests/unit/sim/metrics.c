/* Metrics: that n repeats and n single steps leave the same bits, that sums agree with a naive
 * count, and the quantiles against values worked out by hand. */
#include "sim/metrics.h"
#include "sim/duration_histogram.h"
#include "sim/quantiles.h"
#include "sim/units.h"

#include <math.h>
#include <string.h>

#define BLOCK_SIZE 16
#define GPU_BLOCKS 4000
#define HOST_BLOCKS 700

static Workload *
make_workload(guint32 n, GRand *rand)
{
  Workload *workload = workload_new();
  gint64 arrival_ps = 3 * PS_PER_S;

  for (guint32 i = 0; i < n; i++) {
    Request request = {.arrival_ps = arrival_ps, .prompt_tokens = 1 + i, .output_tokens = 5};
    workload_add(workload, &request, NULL, NULL);
    arrival_ps += g_rand_int_range(rand, 0, 1000000) * PS_PER_US / 100;
  }
  g_assert_true(workload_seal(workload, NULL));
  return workload;
}

/* A run that means nothing but holds everything that a step can hold. */
typedef struct {
  GRand *rand;
  guint32 n_requests;
  gint64 now_ps;
  guint64 step_index;
  CostPiece cost;
  guint32 finished[2];
  gint64 last_token_ps[40]; /* 0: none */
  TokenGap gaps[9];
} Source;

static void
random_entries(Source *source, Step *step, gboolean decodes_only)
{
  guint32 n = (guint32)g_rand_int_range(source->rand, 1, 9);

  for (guint32 i = 0; i < n; i++) {
    StepEntry entry = {
        .request = i * 5 % source->n_requests, .tokens = 1, .kind = ENTRY_DECODE, .samples = 1};
    if (!decodes_only && g_rand_boolean(source->rand)) {
      entry.kind = g_rand_boolean(source->rand) ? ENTRY_NEW : ENTRY_RESUMED;
      entry.tokens = (guint32)g_rand_int_range(source->rand, 1, 600);
      entry.samples = (guint8)g_rand_boolean(source->rand);
    }
    g_array_append_val(step->entries, entry);
    step->n_sequences++;
    step->n_decodes += entry.kind == ENTRY_DECODE;
    step->n_tokens += entry.tokens;
  }
}

/* What the report says of the tokens of its first repeat. */
static void
random_gaps(Source *source, StepReport *report)
{
  report->gaps = source->gaps;
  for (guint i = 0; i < report->step->entries->len; i++) {
    const StepEntry *entry = &g_array_index(report->step->entries, StepEntry, i);
    gint64 *last_ps = &source->last_token_ps[entry->request];
    if (!entry->samples)
      continue;
    if (*last_ps > 0)
      source->gaps[report->n_gaps++] =
          (TokenGap){report->start_ps + report->first_ps - *last_ps, 1};
    *last_ps = report->start_ps + report->elapsed_ps;
  }
}

static void
random_events(Source *source, Step *step)
{
  StepVictim victim = {.request = 1,
                       .beneficiary = 0,
                       .blocks = 4,
                       .tokens_lost = 60,
                       .fell_back = g_rand_boolean(source->rand)};
  StepSwapIn back = {.request = 2, .blocks = 3};
  StepHit hit = {.request = 0, .tokens = 32};

  if (g_rand_boolean(source->rand))
    g_array_append_val(step->victims, victim);
  if (g_rand_boolean(source->rand))
    g_array_append_val(step->swapped_in, back);
  if (g_rand_boolean(source->rand))
    g_array_append_val(step->hits, hit);
}

static void
random_report(Source *source, Step *step, StepReport *report)
{
  GRand *rand = source->rand;
  gboolean stride = g_rand_boolean(rand);
  gint64 n = stride ? g_rand_int_range(rand, 1, 200) : 1;

  step_clear(step, &(ContextWindows){.n = 0});
  random_entries(source, step, stride);
  if (!stride)
    random_events(source, step);
  step->repeat = (guint32)n;
  for (guint i = 0; i < BLOCK_SIZE; i++)
    step->grown[i] = (i > 0 ? step->grown[i - 1] : 0) + (guint32)g_rand_int_range(rand, 0, 3);
  step->gpu_free_blocks = (guint32)g_rand_int_range(rand, 700, GPU_BLOCKS);
  step->host_free_blocks = (guint32)g_rand_int_range(rand, 0, HOST_BLOCKS);
  step->running = step->entries->len + 3;
  step->waiting = (guint32)g_rand_int_range(rand, 0, 9);
  source->cost =
      (CostPiece){.growth_ps = g_rand_boolean(rand) ? g_rand_int_range(rand, 0, 999999) : 0,
                  .growth_measured = g_rand_boolean(rand)};
  for (guint c = 0; c < COST_COMPONENTS; c++) {
    source->cost.base_ps[c] = g_rand_int(rand) / (stride && c >= COST_SWAP_OUT ? 4294967295u : 7u);
    source->cost.measured_ps[c] = source->cost.base_ps[c] / g_rand_int_range(rand, 1, 4);
  }
  *report = (StepReport){.step = step,
                         .step_index = source->step_index,
                         .repeats = (guint32)n,
                         .start_ps = source->now_ps,
                         .cost = &source->cost,
                         .first_ps = cost_piece_total_ps(&source->cost),
                         .growth_ps = source->cost.growth_ps,
                         .finished = source->finished,
                         .recompute_overhead_ps = stride ? 0 : g_rand_int_range(rand, 0, 9999)};
  report->elapsed_ps = n * report->first_ps + report->growth_ps * (n * (n - 1) / 2);
  for (guint i = 0; i < step->entries->len; i++)
    report->tokens += g_array_index(step->entries, StepEntry, i).samples;
  random_gaps(source, report);
  report->n_finished = (guint32)g_rand_int_range(rand, 0, 3);
  report->gpu_free_end_blocks = step->gpu_free_blocks; /* a value of its own is enough */
  report->gpu_unheld_end_blocks = step->gpu_free_blocks;
  source->step_index += (guint64)n;
  source->now_ps += report->elapsed_ps + g_rand_int_range(rand, 0, 3) * PS_PER_US;
}

/* The same report, a repeat at a time. */
static void
report_singly(Observer *observer, const StepReport *whole, Step *step)
{
  CostPiece cost = *whole->cost;
  guint32 gpu_free_blocks = step->gpu_free_blocks;
  gint64 start_ps = whole->start_ps;

  for (guint32 i = 0; i < whole->repeats; i++) {
    StepReport one = *whole;
    one.repeats = 1;
    one.step_index += i;
    one.start_ps = start_ps;
    one.first_ps = one.elapsed_ps = whole->first_ps + i * whole->growth_ps;
    one.growth_ps = 0;
    one.cost = &cost;
    const TokenGap gap = {one.first_ps, one.tokens};
    if (i > 0) {
      one.gaps = &gap;
      one.n_gaps = 1;
    }
    one.n_finished = i + 1 == whole->repeats ? whole->n_finished : 0;
    if (i > 0)
      step->gpu_free_blocks -= step_growth_blocks(step, i);
    observer->step(observer, &one);
    cost.base_ps[COST_ATTENTION] += whole->growth_ps;
    if (cost.growth_measured)
      cost.measured_ps[COST_ATTENTION] += whole->growth_ps;
    start_ps += one.elapsed_ps;
  }
  step->gpu_free_blocks = gpu_free_blocks;
}

static void
report_requests(Observer *observer, const Workload *workload, gint64 now_ps)
{
  const RunOutcome outcome = {.end = RUN_STUCK, .reason = "nothing would change", .end_ps = now_ps};

  for (guint32 i = 0; i < workload_count(workload); i++) {
    const Request *request = workload_request(workload, i);
    RequestResult result = {.request = i,
                            .status = i % 3,
                            .arrival_ps = request->arrival_ps,
                            .first_scheduled_ps = i % 7 ? request->arrival_ps + 10 * i : -1,
                            .first_token_ps = i % 7 ? request->arrival_ps + 100 * i : -1,
                            .last_token_ps = i % 7 ? request->arrival_ps + 12345 * i : -1,
                            .finish_ps = i % 3 ? request->arrival_ps + 12345 * i : -1,
                            .prompt_tokens = request->prompt_tokens,
                            .generated_tokens = i % 7 ? i % 5 + 1 : 0,
                            .preemptions = i % 2,
                            .recomputed_tokens = i};
    observer->request(observer, &result);
  }
  observer->end(observer, &outcome);
}

static void
assert_same(Metrics *a, Metrics *b)
{
  Summary x, y;
  guint32 nx, ny;
  gint64 x_ps, y_ps;
  const SeriesBucket *sx, *sy;

  memset(&x, 0, sizeof x);
  memset(&y, 0, sizeof y);
  metrics_summary(a, &x);
  metrics_summary(b, &y);
  g_assert_cmpstr(x.end_reason, ==, y.end_reason);
  g_clear_pointer(&x.end_reason, g_free);
  g_clear_pointer(&y.end_reason, g_free);
  g_assert_cmpmem(&x, sizeof x, &y, sizeof y);
  sx = metrics_series(a, &nx, &x_ps);
  sy = metrics_series(b, &ny, &y_ps);
  g_assert_cmpint(x_ps, ==, y_ps);
  g_assert_cmpuint(nx, ==, ny);
  g_assert_cmpint(memcmp(sx, sy, nx * sizeof *sx), ==, 0);
}

static void
test_repeats(void)
{
  for (guint32 seed = 1; seed <= 60; seed++) {
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    g_autoptr(Workload) workload = make_workload(40, rand);
    g_autoptr(Metrics) whole = metrics_new(workload, GPU_BLOCKS, HOST_BLOCKS);
    g_autoptr(Metrics) single = metrics_new(workload, GPU_BLOCKS, HOST_BLOCKS);
    g_autoptr(Step) step = step_new(BLOCK_SIZE, BLOCK_SIZE);
    Source source = {.rand = rand, .n_requests = 40, .now_ps = 3 * PS_PER_S};

    for (guint i = 0; i < seed * 5; i++) {
      StepReport report;
      random_report(&source, step, &report);
      metrics_observer(whole)->step(metrics_observer(whole), &report);
      report_singly(metrics_observer(single), &report, step);
    }
    report_requests(metrics_observer(whole), workload, source.now_ps);
    report_requests(metrics_observer(single), workload, source.now_ps);
    assert_same(whole, single);
  }
}

/* The sums of a run against a count that does nothing clever. */
static void
test_sums(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(99);
  g_autoptr(Workload) workload = make_workload(40, rand);
  g_autoptr(Metrics) metrics = metrics_new(workload, GPU_BLOCKS, HOST_BLOCKS);
  g_autoptr(Step) step = step_new(BLOCK_SIZE, BLOCK_SIZE);
  Source source = {.rand = rand, .n_requests = 40, .now_ps = 3 * PS_PER_S};
  guint64 tokens = 0, steps = 0, computed = 0, preemptions = 0, finished = 0;
  gint64 busy_ps = 0, parts_ps = 0, bucket_ps, end_ps = 0;
  guint32 n;
  Summary summary;

  for (guint i = 0; i < 400; i++) {
    StepReport report;
    random_report(&source, step, &report);
    metrics_observer(metrics)->step(metrics_observer(metrics), &report);
    steps += report.repeats;
    tokens += (guint64)report.tokens * report.repeats;
    busy_ps += report.elapsed_ps;
    end_ps = report.start_ps + report.elapsed_ps;
    preemptions += step->victims->len;
    finished += report.n_finished;
    for (guint j = 0; j < step->entries->len; j++)
      computed += (guint64)g_array_index(step->entries, StepEntry, j).tokens * report.repeats;
  }
  report_requests(metrics_observer(metrics), workload, source.now_ps);
  metrics_summary(metrics, &summary);
  g_assert_cmpuint(summary.steps, ==, steps);
  g_assert_cmpuint(summary.output_tokens, ==, tokens);
  g_assert_cmpint(summary.busy_ps, ==, busy_ps);
  g_assert_cmpint(summary.makespan_ps, ==, end_ps - 3 * PS_PER_S);
  g_assert_cmpuint(summary.requests, ==, summary.finished + summary.ignored + summary.aborted);
  for (guint c = 0; c < COST_COMPONENTS; c++)
    parts_ps += summary.component_ps[c];
  g_assert_cmpint(parts_ps, ==, busy_ps);
  g_assert_cmpint(summary.measured_ps, <, busy_ps);
  const SeriesBucket *buckets = metrics_series(metrics, &n, &bucket_ps);
  g_assert_cmpuint(n, <=, SERIES_BUCKETS);
  g_assert_cmpint((gint64)n * bucket_ps, >, summary.makespan_ps);
  for (guint32 i = 0; i < n; i++) {
    tokens -= buckets[i].output_tokens;
    computed -= buckets[i].computed_tokens;
    preemptions -= buckets[i].preemptions;
    finished -= buckets[i].finished;
    g_assert_cmpuint(buckets[i].gpu_blocks_peak, >=, buckets[i].gpu_blocks);
    g_assert_cmpuint(buckets[i].gpu_blocks_peak, <=, summary.peak_gpu_blocks);
  }
  g_assert_cmpuint(tokens + computed + preemptions + finished, ==, 0);
  summary_clear(&summary);
}

static void
test_quantiles(void)
{
  /* numpy.percentile([1, 2, 4, 8, 16], [50, 90, 95, 99]) = 4, 12.8, 14.4, 15.68 */
  const gint64 seconds[] = {16, 1, 8, 2, 4};
  g_autoptr(GArray) values_ps = g_array_new(FALSE, FALSE, sizeof(gint64));
  Quantiles q;

  quantiles_of(values_ps, &q);
  g_assert_true(isnan(q.mean) && isnan(q.p99) && isnan(q.max));
  for (guint i = 0; i < G_N_ELEMENTS(seconds); i++) {
    gint64 value_ps = seconds[i] * PS_PER_S;
    g_array_append_val(values_ps, value_ps);
  }
  quantiles_of(values_ps, &q);
  g_assert_cmpfloat(q.mean, ==, 6.2);
  g_assert_cmpfloat(q.p50, ==, 4);
  g_assert_cmpfloat_with_epsilon(q.p90, 12.8, 1e-12);
  g_assert_cmpfloat_with_epsilon(q.p95, 14.4, 1e-12);
  g_assert_cmpfloat_with_epsilon(q.p99, 15.68, 1e-12);
  g_assert_cmpfloat(q.max, ==, 16);
}

/* The histogram against the exact list, over eighteen orders of magnitude. */
static void
test_histogram(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(7);
  g_autoptr(DurationHistogram) histogram = duration_histogram_new();
  g_autoptr(GArray) values_ps = g_array_new(FALSE, FALSE, sizeof(gint64));
  Quantiles exact, close;

  for (guint i = 0; i < 20001; i++) {
    gint64 value_ps = (gint64)pow(10, g_rand_double_range(rand, 0, 18));
    guint weight = 1 + i % 3;
    duration_histogram_add(histogram, value_ps, weight);
    while (weight-- > 0)
      g_array_append_val(values_ps, value_ps);
  }
  quantiles_of(values_ps, &exact);
  duration_histogram_quantiles(histogram, &close);
  g_assert_true(exact.mean == close.mean && exact.max == close.max);
  g_assert_cmpfloat_with_epsilon(close.p50 / exact.p50, 1, 1 / 1024.);
  g_assert_cmpfloat_with_epsilon(close.p90 / exact.p90, 1, 1 / 1024.);
  g_assert_cmpfloat_with_epsilon(close.p95 / exact.p95, 1, 1 / 1024.);
  g_assert_cmpfloat_with_epsilon(close.p99 / exact.p99, 1, 1 / 1024.);
}

/* A rising row at once and its values one by one: over octaves, gaps wider and narrower than the
 * buckets. */
static void
test_histogram_rising(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(11);

  for (guint round = 0; round < 3000; round++) {
    g_autoptr(DurationHistogram) whole = duration_histogram_new();
    g_autoptr(DurationHistogram) single = duration_histogram_new();
    Quantiles a, b;
    for (guint row = 0; row < 4; row++) {
      gint64 first_ps = (gint64)pow(2, g_rand_double_range(rand, 0, 44));
      gint64 growth_ps = (gint64)pow(2, g_rand_double_range(rand, -1, 36));
      guint32 n = (guint32)g_rand_int_range(rand, 1, 400);
      guint64 weight = (guint64)g_rand_int_range(rand, 0, 300);
      duration_histogram_add_rising(whole, first_ps, growth_ps, n, weight);
      for (guint32 i = 0; i < n; i++)
        duration_histogram_add(single, first_ps + i * growth_ps, weight);
    }
    duration_histogram_quantiles(whole, &a);
    duration_histogram_quantiles(single, &b);
    g_assert_cmpmem(&a, sizeof a, &b, sizeof b);
  }
}

/* Every edge of the buckets: a value alone in the histogram comes back as itself. */
static void
test_histogram_edges(void)
{
  for (guint bits = 0; bits < 63; bits++)
    for (gint64 off = -1; off <= 1; off++) {
      g_autoptr(DurationHistogram) histogram = duration_histogram_new();
      gint64 value_ps = MAX(((gint64)1 << bits) + off, 0);
      Quantiles q;
      duration_histogram_add(histogram, value_ps, 3);
      duration_histogram_quantiles(histogram, &q);
      g_assert_cmpfloat(q.p50, ==, ps_to_s(value_ps));
      g_assert_cmpfloat(q.max, ==, ps_to_s(value_ps));
    }
  g_autoptr(DurationHistogram) histogram = duration_histogram_new();
  duration_histogram_add(histogram, G_MAXINT64, 1);
}

/* A step that only drops a request, an abort, and no step at all. */
static void
test_odd_steps(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(1);
  g_autoptr(Workload) workload = make_workload(3, rand);
  g_autoptr(Metrics) metrics = metrics_new(workload, 10, 0);
  g_autoptr(Step) step = step_new(BLOCK_SIZE, BLOCK_SIZE);
  const StepReport report = {.step = step,
                             .repeats = 1,
                             .start_ps = 4 * PS_PER_S,
                             .first_ps = PS_PER_S,
                             .elapsed_ps = PS_PER_S};
  const RunOutcome outcome = {.end = RUN_ABORT, .reason = "no room"};
  StepVictim victim = {.request = 1};
  guint32 dropped = 0;
  Summary summary;

  step->gpu_free_blocks = 10;
  metrics_summary(metrics, &summary);
  g_assert_true(summary.makespan_ps == 0 && summary.requests == 3 && summary.aborted == 3);
  summary_clear(&summary);
  metrics_observer(metrics)->step(metrics_observer(metrics), &report);
  g_array_append_val(step->ignored, dropped);
  metrics_observer(metrics)->step(metrics_observer(metrics), &report);
  g_array_append_val(step->victims, victim);
  step->abort = "no room";
  step->gpu_free_blocks = 0;
  metrics_observer(metrics)->step(metrics_observer(metrics), &report);
  metrics_observer(metrics)->end(metrics_observer(metrics), &outcome);
  metrics_summary(metrics, &summary);
  g_assert_cmpuint(summary.steps, ==, 1);
  g_assert_cmpuint(summary.peak_gpu_blocks, ==, 0);
  g_assert_cmpint(summary.makespan_ps, ==, 2 * PS_PER_S);
  g_assert_cmpint(summary.end, ==, RUN_ABORT);
  g_assert_cmpstr(summary.end_reason, ==, "no room");
  summary_clear(&summary);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/metrics/repeats", test_repeats);
  g_test_add_func("/metrics/sums", test_sums);
  g_test_add_func("/metrics/quantiles", test_quantiles);
  g_test_add_func("/metrics/histogram", test_histogram);
  g_test_add_func("/metrics/histogram-rising", test_histogram_rising);
  g_test_add_func("/metrics/histogram-edges", test_histogram_edges);
  g_test_add_func("/metrics/odd-steps", test_odd_steps);
  return g_test_run();
}
