/* Times are whole microseconds, as in generated traces (gen.c). */
#include "bench.h"

#include <math.h>

#include "random.h"
#include "reader.h"
#include "sim/units.h"

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

enum { STREAM_ARRIVALS = 1, STREAM_INPUTS, STREAM_OUTPUTS };

static const double us_per_s = 1e6;

typedef struct {
  guint32 low, high;
  RandomStream stream;
} Range;

static gboolean
range_init(Range *range, const char *option, guint32 length, const BenchPrompts *prompts,
           guint64 purpose, GError **error)
{
  double high = ceil(length * (1 + prompts->range_ratio));

  if (high > TRACE_TOKENS_MAX) {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "%s: up to %.0f tokens, expected at most %d", option, high, TRACE_TOKENS_MAX);
    return FALSE;
  }
  range->low = (guint32)MAX(floor(length * (1 - prompts->range_ratio)), 1);
  range->high = (guint32)high;
  random_init(&range->stream, prompts->seed, purpose);
  return TRUE;
}

static guint32
range_draw(Range *range)
{
  return range->low + (guint32)random_below(&range->stream, range->high - range->low + 1);
}

Workload *
bench_prompts_new(const BenchPrompts *prompts, GError **error)
{
  g_autoptr(Workload) workload = workload_new();
  Range inputs, outputs;

  if (!range_init(&inputs, "--random-input-len", prompts->input_len, prompts, STREAM_INPUTS,
                  error) ||
      !range_init(&outputs, "--random-output-len", prompts->output_len, prompts, STREAM_OUTPUTS,
                  error))
    return NULL;
  for (guint32 i = 0; i < prompts->num_prompts; i++) {
    const Request request = {.prompt_tokens = range_draw(&inputs),
                             .output_tokens = range_draw(&outputs)};
    workload_add(workload, &request, NULL, NULL);
  }
  return workload_seal(workload, error) ? g_steal_pointer(&workload) : NULL;
}

gboolean
bench_set_arrivals(Workload *workload, double rate, double burstiness, guint64 seed, GError **error)
{
  guint32 n = workload_count(workload);
  double end_s = isinf(rate) ? 0 : n / rate, at = 0, scale;
  g_autofree double *arrivals = g_new(double, MAX(n, 1));
  RandomStream stream;

  if (workload->turns != NULL) {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "--request-rate: the trace has turns that wait for an answer, and arrive at no "
                "rate; --time-scale changes when sessions begin");
    return FALSE;
  }
  if (end_s * (double)PS_PER_S >= (double)TIME_MAX_PS) {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "--request-rate: the last of %u requests would arrive after %.3g s, expected at "
                "most %.0f s",
                n, end_s, ps_to_s(TIME_MAX_PS));
    return FALSE;
  }
  random_init(&stream, seed, STREAM_ARRIVALS);
  for (guint32 i = 0; i < n; i++)
    arrivals[i] = at += random_gamma(&stream, burstiness);
  scale = at > 0 ? end_s / at : 0;
  for (guint32 i = 0; i < n; i++)
    workload_set_arrival(workload, i,
                         (gint64)floor(arrivals[i] * scale * us_per_s + 0.5) * PS_PER_US);
  return TRUE;
}
