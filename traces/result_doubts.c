/* Each form of result is read into the same few figures (Load, Spread); the rules are over those.
 */
#include "result_doubts.h"

#include <math.h>

#include "result_spread.h"

#define MAX_UNDER_WAY 1.2 /* of what may be under way: the client's own time is in it */
#define MIN_UNDER_WAY 0.2
/* A unit that is wrong is wrong by 1000. What means of lengths and of times do together is less
 * than this. */
#define FAR_APART 10
#define MAX_INCOMPLETE 0.1 /* of all: some are always under way when a run's time is up */

/* What a result says of all its requests; NAN: not in the file. */
typedef struct {
  double completed, failed, incomplete; /* requests */
  double concurrency;                   /* most under way; 0, NAN: no limit */
  gboolean is_full; /* it always had as many under way as it may, or all at once */
  double duration_s;
  double outputs;                 /* tokens of a request, in the mean */
  double ttft_ms, gap_ms, e2e_ms; /* means */
} Load;

/* What is under way, what it takes, and who failed. */

/* Little's law: requests under way in the mean are the requests by the time it all took, times what
 * one took. A client that always has as many under way as it may (or has sent all at once) falls
 * below that only while it ends. */
static void
check_under_way(const Load *load, GPtrArray *doubts)
{
  const double parts_ms =
      load->ttft_ms + result_first_number(load->gap_ms, 0) * fmax(load->outputs - 1, 0);
  const double each_ms = result_first_number(load->e2e_ms, parts_ms);
  const double under_way = load->completed * each_ms / 1000 / load->duration_s;
  const double most =
      load->concurrency > 0 ? fmin(load->concurrency, load->completed) : load->completed;

  if (!isfinite(under_way) || !(load->completed >= RESULT_MIN_TO_JUDGE))
    return;
  if (under_way > MAX_UNDER_WAY * most || (load->is_full && under_way < MIN_UNDER_WAY * most))
    result_doubt(
        doubts,
        "a request took %.4g ms in the mean, and all %.0f of them %.6g s: that is %.3g under "
        "way, of %.0f; are its times in ms and s?",
        each_ms, load->completed, load->duration_s, under_way, most);
}

/* A mean of products is not the product of means, but both are of one size. */
static void
check_parts(const Load *load, GPtrArray *doubts)
{
  const double parts_ms = load->ttft_ms + load->gap_ms * fmax(load->outputs - 1, 0);

  if (load->ttft_ms > load->e2e_ms * (1 + RESULT_SLACK))
    result_doubt(doubts,
                 "a first token took %.4g ms in the mean, and a whole request %.4g ms; are both in "
                 "one unit?",
                 load->ttft_ms, load->e2e_ms);
  else if (parts_ms > FAR_APART * load->e2e_ms || load->e2e_ms > FAR_APART * parts_ms)
    result_doubt(
        doubts,
        "a first token took %.4g ms in the mean, and each of %.4g after it %.4g ms; a whole "
        "request took %.4g ms; are all in one unit?",
        load->ttft_ms, fmax(load->outputs - 1, 0), load->gap_ms, load->e2e_ms);
}

static void
doubt_failed(double failed, double all, GPtrArray *doubts)
{
  result_doubt(
      doubts,
      "%.0f of %.0f requests failed: the server had another load than that of the %.0f others",
      failed, all, all - failed);
}

static void
check_load(const Load *load, GPtrArray *doubts)
{
  const double failed = result_first_number(load->failed, 0);
  const double incomplete = result_first_number(load->incomplete, 0);

  check_under_way(load, doubts);
  check_parts(load, doubts);
  if (failed > 0)
    doubt_failed(failed, failed + load->completed, doubts);
  if (incomplete > MAX_INCOMPLETE * (incomplete + load->completed))
    result_doubt(
        doubts,
        "%.0f of %.0f requests were not complete when it ended: the server had another load than "
        "that of the %.0f others",
        incomplete, incomplete + load->completed, load->completed);
}

/* The forms. */

/* The texts of "errors", one a request, that are not empty. */
static double
count_errors(const json_t *object)
{
  const json_t *text;
  double errors = 0;
  gsize i;

  json_array_foreach(json_object_get(object, "errors"), i, text) errors +=
      json_string_length(text) > 0;
  return errors;
}

static void
check_run(const json_t *object, GPtrArray *doubts)
{
  static const char *const metrics[] = {"ttft", "tpot", "itl", "e2el", "e2e_latency"};
  const double completed = result_number(object, "completed"),
               sent = result_number(object, "num_prompts");
  BenchPace pace = {0};
  const gboolean knows_pace = bench_pace_read(object, &pace, NULL);
  const Load load = {
      .completed = completed,
      .failed = fmax(fmax(sent - completed, result_number(object, "failed")), count_errors(object)),
      .incomplete = NAN,
      .concurrency = pace.concurrency,
      .is_full = knows_pace && !(pace.rate > 0),
      .duration_s = result_number(object, "duration"),
      .outputs = result_number(object, "total_output_tokens") / completed,
      .ttft_ms = result_number(object, "mean_ttft_ms"),
      .gap_ms = result_number(object, "mean_tpot_ms"),
      .e2e_ms = result_first_number(result_number(object, "mean_e2el_ms"),
                                    result_number(object, "mean_e2e_latency_ms")),
  };

  for (guint i = 0; i < G_N_ELEMENTS(metrics); i++)
    result_spread_check_members(metrics[i], object, completed, doubts);
  check_load(&load, doubts);
}

/* AIPerf's metrics say their units. The load is that of the phase that was measured. */
static void
check_aiperf(const json_t *object, GPtrArray *doubts)
{
  ResultPace pace;
  const gboolean knows_pace = results_aiperf_pace(object, &pace);
  const Load load = {
      .completed = result_number(object, "request_count.avg"),
      .failed = result_number(object, "error_request_count.avg"),
      .incomplete = NAN,
      .concurrency = pace.concurrency,
      .is_full = knows_pace && !(pace.rate > 0),
      .duration_s = results_metric_s(object, "benchmark_duration", "avg", "s"),
      .outputs = result_number(object, "output_sequence_length.avg"),
      .ttft_ms = 1000 * results_metric_s(object, "time_to_first_token", "avg", "ms"),
      .gap_ms = 1000 * results_metric_s(object, "inter_token_latency", "avg", "ms"),
      .e2e_ms = 1000 * results_metric_s(object, "request_latency", "avg", "ms"),
  };
  const char *key;
  json_t *metric;

  json_object_foreach((json_t *)object, key, metric)
  {
    if (json_is_object(metric))
      result_spread_check(key, metric, load.completed, doubts);
  }
  check_load(&load, doubts);
  if (json_is_true(json_object_get(object, "was_cancelled")))
    result_doubt(doubts, "it was cancelled before its end");
}

/* Latencies and counts have one value a request; rates have one a moment, weighted by its length.
 */
static gboolean
is_of_requests(const char *metric)
{
  return g_str_has_suffix(metric, "_ms") || g_str_has_suffix(metric, "_token_count") ||
         g_str_equal(metric, "request_latency");
}

static void
check_guidellm(const json_t *benchmark, GPtrArray *doubts)
{
  const json_t *metrics = json_object_get(benchmark, "metrics");
  const char *key, *name;
  json_t *metric;
  const char *totals = json_object_get(metrics, "request_totals") != NULL ? "metrics.request_totals"
                                                                          : "request_totals";
  g_autofree char *successful = g_strconcat(totals, ".successful", NULL);
  g_autofree char *errored = g_strconcat(totals, ".errored", NULL);
  g_autofree char *incomplete = g_strconcat(totals, ".incomplete", NULL);
  ResultPace pace = {0};
  const gboolean knows_pace = results_guidellm_pace(benchmark, &pace, &name);
  const Load load = {
      .completed = result_number(benchmark, successful),
      .failed = result_number(benchmark, errored),
      .incomplete = result_number(benchmark, incomplete),
      .concurrency = pace.concurrency,
      .is_full = knows_pace && pace.concurrency > 0 && !(pace.rate > 0),
      .duration_s = result_first_number(result_number(benchmark, "duration"),
                                        result_number(benchmark, "end_time") -
                                            result_number(benchmark, "start_time")),
      .outputs = result_number(metrics, "output_token_count.successful.mean"),
      .ttft_ms = result_number(metrics, "time_to_first_token_ms.successful.mean"),
      .gap_ms = result_number(metrics, "inter_token_latency_ms.successful.mean"),
      .e2e_ms = result_number(metrics, "request_latency.successful.mean") * 1000,
  };

  json_object_foreach((json_t *)metrics, key, metric)
  {
    if (is_of_requests(key))
      result_spread_check(key, json_object_get(metric, "successful"), load.completed, doubts);
  }
  check_load(&load, doubts);
}

/* The mean of the requests against the mean that the file has of them. */
static void
check_mean(const GArray *requests, double summary_s, GPtrArray *doubts)
{
  double sum_s = 0, mean_s;
  guint n = 0;

  for (guint i = 0; i < requests->len; i++) {
    const ResultRequest *request = &g_array_index(requests, ResultRequest, i);
    if (!(request->ttft_s > 0) || request->output_tokens == 0)
      continue;
    sum_s += request->ttft_s;
    n++;
  }
  mean_s = sum_s / n;
  if (n > 0 && (mean_s > FAR_APART * summary_s || summary_s > FAR_APART * mean_s))
    result_doubt(
        doubts,
        "its requests' first tokens took %.4g s in the mean, by its summary %.4g s; are both in "
        "one unit?",
        mean_s, summary_s);
}

void
result_doubts(const json_t *object, const GArray *requests, GPtrArray *doubts)
{
  const json_t *benchmarks = json_object_get(object, "benchmarks");
  double ttft_s = result_number(object, "mean_ttft_ms") / 1000;
  RequestDoubts each = {0};

  if (json_array_size(benchmarks) == 1)
    object = json_array_get(benchmarks, 0);
  if (json_is_object(json_object_get(object, "metrics"))) {
    ttft_s = result_number(object, "metrics.time_to_first_token_ms.successful.mean") / 1000;
    check_guidellm(object, doubts);
  } else if (json_is_object(json_object_get(object, "time_to_first_token"))) {
    check_aiperf(object, doubts);
  } else {
    check_run(object, doubts);
  }
  if (requests == NULL)
    return;
  check_mean(requests, ttft_s, doubts);
  for (guint i = 0; i < requests->len; i++)
    request_doubts_take(&each, &g_array_index(requests, ResultRequest, i), i);
  each.failed = 0; /* told above */
  request_doubts_tell(&each, "request", doubts);
}

void
request_doubts_take(RequestDoubts *all, const ResultRequest *request, guint64 at)
{
  all->requests++;
  if (!(request->e2e_s > FAR_APART * request->span_s ||
        request->span_s > FAR_APART * request->e2e_s))
    return;
  if (all->unlike++ > 0)
    return;
  all->unlike_at = at;
  all->unlike_e2e_s = request->e2e_s;
  all->unlike_span_s = request->span_s;
}

void
request_doubts_tell(const RequestDoubts *all, const char *place, GPtrArray *doubts)
{
  if (all->failed > 0)
    doubt_failed((double)all->failed, (double)(all->requests + all->failed), doubts);
  if (all->unlike > 0)
    result_doubt(doubts,
                 "%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                 " requests are told to have taken two times that are far apart, first that of %s "
                 "%" G_GUINT64_FORMAT
                 ": %.4g s, and %.4g s by what else the file says of it; are all in one unit?",
                 all->unlike, all->requests, place, all->unlike_at, all->unlike_e2e_s,
                 all->unlike_span_s);
}
