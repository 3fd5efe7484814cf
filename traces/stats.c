/* Statistics of a sealed workload, for `spillway trace show` and for tests. One pass a figure; the
 * lengths are sorted in a copy.
 */
#include "stats.h"

#include "sim/mix.h"
#include "sim/units.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int
compare_tokens(gconstpointer a, gconstpointer b)
{
  guint32 x = *(const guint32 *)a, y = *(const guint32 *)b;

  return x < y ? -1 : x > y;
}

static double
quantile(const guint32 *sorted, guint32 count, double fraction)
{
  double position = fraction * (count - 1);
  guint32 below = (guint32)position, above = MIN(below + 1, count - 1);

  return sorted[below] + (position - below) * ((double)sorted[above] - sorted[below]);
}

/* Buckets at powers of two from the one that holds the shortest to that of the longest. */
static GArray *
bucket_lengths(const guint32 *sorted, guint32 count)
{
  GArray *buckets = g_array_new(FALSE, FALSE, sizeof(LengthBucket));
  guint32 low = 1, i = 0;

  while (low <= sorted[0] / 2)
    low *= 2;
  for (; i < count; low *= 2) {
    LengthBucket bucket = {.low = low, .high = low + (low - 1)};
    for (; i < count && sorted[i] <= bucket.high; i++)
      bucket.count++;
    g_array_append_val(buckets, bucket);
  }
  return buckets;
}

/* Sorts `tokens`, sets *stats, and returns the histogram. */
static GArray *
compute_lengths(guint32 *tokens, guint32 count, LengthStats *stats)
{
  double sum = 0;

  qsort(tokens, count, sizeof *tokens, compare_tokens);
  for (guint32 i = 0; i < count; i++)
    sum += tokens[i];
  *stats = (LengthStats){
      .mean = sum / count,
      .min = tokens[0],
      .max = tokens[count - 1],
      .p50 = quantile(tokens, count, 0.50),
      .p90 = quantile(tokens, count, 0.90),
      .p95 = quantile(tokens, count, 0.95),
      .p99 = quantile(tokens, count, 0.99),
  };
  return bucket_lengths(tokens, count);
}

static void
compute_arrivals(const Workload *workload, TraceStats *stats)
{
  guint32 count = stats->requests, in_minute = 0;
  gint64 first_ps = workload_request(workload, 0)->arrival_ps, minute = 0;
  gint64 span_ps = workload_request(workload, count - 1)->arrival_ps - first_ps;
  double squares = 0;

  stats->first_s = ps_to_s(first_ps);
  stats->duration_s = ps_to_s(span_ps);
  stats->last_s = ps_to_s(first_ps + span_ps);
  stats->rate = span_ps > 0 ? (count - 1) / stats->duration_s : 0;
  stats->gap_mean_s = count > 1 ? stats->duration_s / (count - 1) : 0;
  for (guint32 i = 0; i < count; i++) {
    gint64 at_ps = workload_request(workload, i)->arrival_ps - first_ps;
    double share = span_ps > 0 ? (double)at_ps / (double)span_ps : 0;
    if (at_ps / (60 * PS_PER_S) != minute) {
      minute = at_ps / (60 * PS_PER_S);
      in_minute = 0;
    }
    in_minute++;
    stats->peak_minute_requests = MAX(stats->peak_minute_requests, in_minute);
    stats->arrivals[MIN((guint)(share * STATS_TIME_BUCKETS), STATS_TIME_BUCKETS - 1)]++;
    if (i > 0) {
      double gap = ps_to_s(at_ps - (workload_request(workload, i - 1)->arrival_ps - first_ps));
      squares += (gap - stats->gap_mean_s) * (gap - stats->gap_mean_s);
    }
  }
  if (stats->gap_mean_s > 0)
    stats->gap_cv = sqrt(squares / (count - 1)) / stats->gap_mean_s;
}

/* Counts what a prefix cache that never evicts would have: a prompt's blocks up to the first new
 * one. A block's key is of all blocks before it, too, as in the prefix cache
 * (sim/contents/content_key.c), since some traces hash a block's own tokens alone. */
static void
compute_repeats(const Workload *workload, TraceStats *stats)
{
  g_autoptr(GHashTable) seen = g_hash_table_new(g_int64_hash, g_int64_equal);
  g_autofree guint64 *keys = g_new(guint64, workload->hashes->len);

  if (workload->hashes->len == 0)
    return;
  for (guint32 i = 0; i < stats->requests; i++) {
    const Request *request = workload_request(workload, i);
    guint64 *own = keys + request->hash_first;
    guint32 hit = 0;
    if (request->hash_count == 0)
      continue;
    for (guint32 h = 0; h < request->hash_count; h++)
      own[h] = mix64_chain(h > 0 ? own[h - 1] : 0,
                           g_array_index(workload->hashes, guint64, request->hash_first + h));
    while (hit < request->hash_count && g_hash_table_contains(seen, &own[hit]))
      hit++;
    for (guint32 h = hit; h < request->hash_count; h++)
      g_hash_table_add(seen, &own[h]);
    stats->hashed_requests++;
    stats->hash_blocks += request->hash_count;
    stats->repeated_blocks += hit;
    stats->repeated_tokens +=
        MIN((guint64)hit * request->hash_block_tokens, request->prompt_tokens);
  }
}

void
trace_stats_compute(const Workload *workload, TraceStats *stats)
{
  guint32 count = workload_count(workload);
  g_autofree guint32 *prompts = g_new(guint32, count);
  g_autofree guint32 *outputs = g_new(guint32, count);
  g_autofree guint32 *limits = workload->has_max_tokens ? g_new(guint32, count) : NULL;

  memset(stats, 0, sizeof *stats);
  stats->requests = count;
  for (guint32 i = 0; i < count; i++) {
    const Request *request = workload_request(workload, i);
    prompts[i] = request->prompt_tokens;
    outputs[i] = request->output_tokens;
    if (limits != NULL)
      limits[i] = request_max_tokens(request);
    stats->prompt_tokens += request->prompt_tokens;
    stats->output_tokens += request->output_tokens;
  }
  stats->prompt_buckets = compute_lengths(prompts, count, &stats->prompt);
  stats->output_buckets = compute_lengths(outputs, count, &stats->output);
  stats->has_max_tokens = limits != NULL;
  if (limits != NULL)
    g_array_unref(compute_lengths(limits, count, &stats->max_tokens));
  compute_arrivals(workload, stats);
  compute_repeats(workload, stats);
}

void
trace_stats_clear(TraceStats *stats)
{
  g_clear_pointer(&stats->prompt_buckets, g_array_unref);
  g_clear_pointer(&stats->output_buckets, g_array_unref);
}
