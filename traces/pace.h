/* How the client of a serving benchmark sent its requests, as `vllm bench serve` and
 * sglang.bench_serving write it into a run's result: request_rate (a number, or "inf" and, as
 * Python's Infinity became, null for all at once), max_concurrency, burstiness.
 */
#pragma once

#include <glib.h>
#include <jansson.h>

typedef struct {
  double rate;       /* a second; 0: all at once */
  guint concurrency; /* under way at most; 0: no limit */
  double burstiness; /* 1: Poisson */
} BenchPace;

/* FALSE, with an error whose second line says what to do, where only start times would tell: for a
 * rate that grew (ramp_up_strategy), or the times of a trace. */
gboolean bench_pace_read(const json_t *object, BenchPace *pace, GError **error);
