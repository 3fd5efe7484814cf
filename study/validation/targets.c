/* The figures that are compared, and the errors that are allowed. */
#include <math.h>

#include "sim/quantiles.h"
#include "sim/units.h"
#include "validation.h"

static const char *const keys[] = {
    "makespan_s",
    "output_tokens_per_s",
    "ttft_s.mean",
    "ttft_s.p50",
    "ttft_s.p99",
    "tpot_s.mean",
    "tpot_s.p50",
    "tpot_s.p99",
    "e2e_s.mean",
    "e2e_s.p99",
    "steps",
    "preemptions",
    "recomputed_tokens",
    "swapped_out_blocks",
    "swapped_in_blocks",
    "overhead_s.recompute",
    "overhead_s.swap_out",
    "overhead_s.swap_in",
    NULL,
};

const char *const *
validation_keys(void)
{
  return keys;
}

double
validation_error(double measured, double predicted)
{
  if (measured == predicted)
    return 0;
  return measured != 0 ? predicted / measured - 1 : NAN;
}

/* The times of one kind of steps, or of all with STEPS_KINDS. */
static GArray *
times_of(const StepWatch *steps, guint kind, gboolean predicted)
{
  GArray *times_ps = g_array_new(FALSE, FALSE, sizeof(gint64));

  for (guint i = 0; i < steps->watched->len; i++) {
    const WatchedStep *step = &g_array_index(steps->watched, WatchedStep, i);
    gint64 time_ps = predicted ? step->predicted_ps : step->measured_ps;
    if (kind == STEPS_KINDS || step->kind == kind)
      g_array_append_val(times_ps, time_ps);
  }
  return times_ps;
}

static double
sum_of(const GArray *times_ps)
{
  double sum = 0;

  for (guint i = 0; i < times_ps->len; i++)
    sum += (double)g_array_index(times_ps, gint64, i);
  return sum;
}

KindError
validation_kind(const StepWatch *steps, StepsKind kind)
{
  g_autoptr(GArray) measured = times_of(steps, kind, FALSE);
  g_autoptr(GArray) predicted = times_of(steps, kind, TRUE);
  KindError error = {.steps = measured->len};

  error.sum_error = validation_error(sum_of(measured), sum_of(predicted));
  quantiles_of(measured, &error.computed_s);
  quantiles_of(predicted, &error.predicted_s);
  return error;
}

static TargetResult
judge(const char *key, const char *label, double computed_s, double simulated_s, double target)
{
  double error = validation_error(computed_s, simulated_s);

  return (TargetResult){
      .key = key,
      .label = label,
      .computed_s = computed_s,
      .simulated_s = simulated_s,
      .error = error,
      .target = target,
      .met = isfinite(error) && fabs(error) <= target,
  };
}

void
validation_targets(const Validation *v, TargetResult results[VALIDATION_TARGETS])
{
  const Summary *live = &v->live->summary, *simulated = &v->simulated->summary;
  KindError all = validation_kind(v->steps, STEPS_KINDS);

  results[0] = judge("makespan_s", "makespan", ps_to_s(live->makespan_ps),
                     ps_to_s(simulated->makespan_ps), 0.01);
  results[1] = judge("step_s.p50", "a step, median", all.computed_s.p50, all.predicted_s.p50, 0.02);
  results[2] = judge("step_s.p95", "a step, p95", all.computed_s.p95, all.predicted_s.p95, 0.05);
  results[3] =
      judge("ttft_s.p99", "first token, p99", live->ttft_s.p99, simulated->ttft_s.p99, 0.03);
  results[4] =
      judge("tpot_s.p99", "time per token, p99", live->tpot_s.p99, simulated->tpot_s.p99, 0.03);
}
