/* What the client of a serving benchmark sends, as `vllm bench serve` defines it: a number of
 * prompts, with lengths drawn around two means, at a rate with a burstiness.
 *
 * Draws depend on the seed alone, one stream a purpose: another rate stretches the same arrivals.
 */
#pragma once

#include "sim/workload.h"

/* vLLM's defaults. */
#define BENCH_NUM_PROMPTS 1000
#define BENCH_INPUT_LEN 1024
#define BENCH_OUTPUT_LEN 128

/* Its random data set. A length is uniform over the whole numbers from floor(len (1 - ratio)), at
 * least 1, to ceil(len (1 + ratio)); no two prompts share a prefix. */
typedef struct {
  guint32 num_prompts;
  guint32 input_len, output_len; /* tokens */
  double range_ratio;            /* 0 <= ratio < 1 */
  guint64 seed;
} BenchPrompts;

/* The prompts, sealed, all with the arrival 0; the caller frees them. NULL: lengths would exceed
 * TRACE_TOKENS_MAX. */
Workload *bench_prompts_new(const BenchPrompts *prompts, GError **error);

/* Sets the arrivals, in the requests' order: gaps are gamma distributed with the shape `burstiness`
 * (1: exponential, a Poisson process; less is burstier) and scaled so that the last of n requests
 * arrives at n / rate. An infinite rate: all arrive at 0. FALSE: the last would arrive too late, or
 * the workload has turns. */
gboolean bench_set_arrivals(Workload *workload, double rate, double burstiness, guint64 seed,
                            GError **error);
