/* Metrics: an observer that turns a run into its summary and its time series.
 *
 * TTFT: arrival to first output token. TPOT: (last token - first token) / (output tokens - 1), of
 * requests with two tokens or more. ITL: time between two tokens of one request. E2E: arrival to
 * finish. Queue: arrival to the first step that worked on it. Quantiles interpolate linearly
 * between order statistics, as NumPy's default; ITL's come from a histogram whose buckets are
 * 1/1024 wide (relative), its mean and maximum are exact.
 */
#pragma once

#include "observer.h"

typedef struct {
  double mean, p50, p90, p95, p99, max; /* NAN where there was nothing to measure */
} Quantiles;

typedef struct {
  guint64 requests, finished, ignored;
  guint64 aborted;            /* requests left behind by a run that did not end well */
  const char *ignored_reason; /* of the first that was ignored (static text); NULL: none was */
  guint64 cut_requests; /* that finished at a limit, with fewer tokens than the workload has, */
  guint64 cut_tokens;   /* and how many fewer in sum */
  RunEnd end;
  char *end_reason;
  gint64 makespan_ps; /* first arrival to the end of the last step */
  double requests_per_s, output_tokens_per_s;
  guint64 good_requests; /* that finished within every limit */
  double goodput_per_s;  /* good requests by the makespan; NAN: there are no limits */
  double good_share;     /* good requests by all requests; likewise */
  Quantiles ttft_s, tpot_s, itl_s, e2e_s, queue_s;
  guint64 preemptions, preempted_requests, recomputed_tokens;
  guint64 swapped_out_blocks, swapped_in_blocks, swap_fallbacks;
  gint64 copy_wait_ps; /* the device stood still for copies beside the steps */
  gint64 starved_ps;   /* running sequences waited for blocks that were being copied, summed */
  gint64 overhead_recompute_ps, overhead_swap_out_ps, overhead_swap_in_ps;
  guint64 disk_written_blocks, disk_read_blocks;
  gint64 disk_wait_ps; /* sequences waited for the disk, summed: victims for room on the host,
                          returning ones for their blocks */
  guint32 peak_gpu_blocks, peak_host_blocks, peak_disk_blocks;
  guint64 steps, output_tokens, prompt_tokens, prefix_hit_tokens;
  gint64 component_ps[COST_COMPONENTS]; /* where the device's time went */
  gint64 measured_component_ps[COST_COMPONENTS];
  gint64 busy_ps;     /* sum of the steps' durations */
  gint64 measured_ps; /* the part of busy_ps that came from measurements, */
  gint64 scaled_ps;   /* and the part that was scaled from measurements near by */
  double mean_batch;  /* sequences a step */
} Summary;

/* What a request must stay below to count for goodput; G_MAXINT64: anything will do. */
typedef struct {
  gboolean are_set;
  gint64 ttft_ps, tpot_ps, e2e_ps, queue_ps;
} RequestLimits;

/* Frees what a summary owns. */
void summary_clear(Summary *summary);

/* One bucket of the time series. Buckets are equally long, the first begins at the first arrival;
 * when they would be more than SERIES_BUCKETS, pairs are merged and the length doubles. What a step
 * did is counted where it ends. */
typedef struct {
  guint64 output_tokens;   /* yielded in the bucket */
  guint64 computed_tokens; /* prefilled and decoded */
  guint32 preemptions;
  guint32 resumes; /* recompute victims prefilled again, swapped ones brought back */
  guint32 finished;
  guint32 gpu_blocks; /* in use after its last step */
  guint32 gpu_blocks_peak;
  guint32 host_blocks;
  guint32 running, waiting, swapped; /* after its last step */
  gboolean sampled; /* FALSE: no step ended in it, and the levels are those of the bucket before */
} SeriesBucket;

#define SERIES_BUCKETS 2048

typedef struct Metrics Metrics;

/* workload: borrowed. num_gpu_blocks, num_cpu_blocks: sizes of the pools, from which used blocks
 * follow. */
Metrics *metrics_new(const Workload *workload, guint32 num_gpu_blocks, guint32 num_cpu_blocks);
void metrics_free(Metrics *metrics);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Metrics, metrics_free)
/* Before the run: what goodput is counted by. */
void metrics_set_limits(Metrics *metrics, const RequestLimits *limits);
Observer *metrics_observer(Metrics *metrics);

/* After the run. The caller gives the summary to summary_clear(). */
void metrics_summary(Metrics *metrics, Summary *summary);
/* [n] buckets of bucket_ps each, from the first arrival on; borrowed. */
const SeriesBucket *metrics_series(const Metrics *metrics, guint32 *n, gint64 *bucket_ps);
