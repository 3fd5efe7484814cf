/* What the client of a serving benchmark sends, as `vllm bench serve` defines it: so many prompts,
 * of lengths drawn around two means, at a rate with a burstiness.
 *
 * Draws depend on the seed alone, a stream a purpose: another rate stretches the same arrivals, it
 * does not draw others.
 */
#pragma once

#include "sim/workload.h"

/* vLLM's defaults. */
#define BENCH_NUM_PROMPTS 1000
#define BENCH_INPUT_LEN 1024
#define BENCH_OUTPUT_LEN 128

/* Its random data set. A length is uniform among the whole numbers from floor(len (1 - ratio)) to
 * ceil(len (1 + ratio)), and 1 at least; no two prompts share anything. */
typedef struct {
  guint32 num_prompts;
  guint32 input_len, output_len; /* tokens */
  double range_ratio;            /* 0 to less than 1 */
  guint64 seed;
} BenchPrompts;

/* All of them arrive at 0. FALSE: lengths get larger than a trace can have. */
Workload *bench_prompts_new(const BenchPrompts *prompts, GError **error);

/* Sets when the requests arrive, in their order: after gaps of a gamma distribution of that shape
 * (1: exponential, a Poisson process; less is burstier), scaled so that the last of n arrives at
 * n / rate. An infinite rate: all at 0. FALSE: the last would arrive too late. */
gboolean bench_set_arrivals(Workload *workload, double rate, double burstiness, guint64 seed,
                            GError **error);
