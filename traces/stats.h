/* Statistics of a trace: counts, rates, lengths, how much its prompts repeat, and histograms. */
#pragma once

#include "sim/workload.h"

typedef struct {
  double mean;
  guint32 min, max;
  double p50, p90, p95, p99; /* linear between order statistics, as NumPy's default */
} LengthStats;

typedef struct {
  guint32 low, high; /* ends included */
  guint32 count;
} LengthBucket;

enum { STATS_TIME_BUCKETS = 60 };

typedef struct {
  guint32 requests;
  double first_s, last_s; /* arrivals */
  double duration_s;      /* between them */
  double rate;            /* requests a second over the duration; 0 where all arrive at once */
  guint32 peak_minute_requests; /* most arrivals in one of the minutes counted from the first */
  double gap_mean_s, gap_cv;    /* between arrivals; cv: standard deviation / mean, 1 for Poisson */
  guint64 prompt_tokens, output_tokens;
  LengthStats prompt, output;
  gboolean has_max_tokens;
  LengthStats max_tokens;  /* where has_max_tokens */
  guint64 hashed_requests; /* requests with prefix hashes */
  guint64 hash_blocks;     /* blocks that these hashes stand for, */
  guint64 repeated_blocks; /* those in a prefix of an earlier prompt, */
  guint64 repeated_tokens; /* and the prompt tokens in these */
  GArray *prompt_buckets,
      *output_buckets;                  /* of LengthBucket, each twice as wide as the one before */
  guint32 arrivals[STATS_TIME_BUCKETS]; /* requests in equal parts of the duration */
} TraceStats;

/* workload: sealed, with at least one request. */
void trace_stats_compute(const Workload *workload, TraceStats *stats);
void trace_stats_clear(TraceStats *stats);
