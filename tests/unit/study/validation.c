/* What validate infers of layers that were timed as one, and what it asks. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "study/validation/validation.h"
#include "sim/units.h"

/* Steps whose parts are predicted as drawn; computed they take `factors` times that, and now and
 * then something delays one. */
static StepWatch *
make_steps(guint n, const double factors[3], double noise)
{
  StepWatch *watch = step_watch_new(NULL);
  g_autoptr(GRand) rand = g_rand_new_with_seed(n);

  for (guint i = 0; i < n; i++) {
    WatchedStep step = {.kind = i % 9 == 0 ? STEPS_PREFILL : STEPS_DECODE};
    double tokens = step.kind == STEPS_PREFILL ? g_rand_double_range(rand, 500, 4000)
                                               : g_rand_double_range(rand, 1, 250);
    double contexts = tokens * g_rand_double_range(rand, 100, 2000);
    const double parts_us[3] = {4000 + 40 * tokens, 0.05 * contexts, 300 + tokens};
    double all_us = 0;
    for (guint c = 0; c < 3; c++) {
      step.predicted_part_ps[c] = (gint64)(parts_us[c] * PS_PER_US);
      all_us += factors[c] * parts_us[c];
    }
    all_us *= 1 + noise * g_rand_double_range(rand, -1, 1) + (i % 50 == 7 ? 3 : 0);
    step.measured_part_ps[COST_LINEAR] = (gint64)(all_us * PS_PER_US);
    step.measured_part_ps[COST_HEAD] = step.predicted_part_ps[COST_HEAD] = 1000;
    g_array_append_val(watch->watched, step);
  }
  return watch;
}

static double
factor_of(const TimePart *parts, guint n, const char *name)
{
  for (guint i = 0; i < n; i++)
    if (g_str_equal(parts[i].name, name))
      return (double)parts[i].computed_ps / (double)parts[i].predicted_ps;
  g_assert_not_reached();
}

static void
test_inferred(void)
{
  const double factors[3] = {1.03, 0.9, 1.2};
  g_autoptr(StepWatch) steps = make_steps(600, factors, 0.01);
  const Validation v = {.steps = steps, .layers_are_one = TRUE};
  g_autofree char *explanation = validation_explanation(&v);
  TimePart parts[VALIDATION_PARTS];
  guint n = validation_parts(&v, parts);

  g_assert_cmpuint(n, ==, 5); /* layers, head, and three of the layers */
  g_assert_cmpstr(parts[0].name, ==, "layers");
  g_assert_false(parts[0].is_inferred);
  g_assert_true(parts[1].is_inferred);
  g_assert_true(parts[3].is_inferred);
  g_assert_cmpstr(parts[n - 1].name, ==, "head");
  g_assert_cmpfloat_with_epsilon(factor_of(parts, n, "linear"), factors[0], 0.02);
  g_assert_cmpfloat_with_epsilon(factor_of(parts, n, "attention"), factors[1], 0.02);
  g_assert_nonnull(strstr(explanation, "about attention (+"));
  g_assert_null(strstr(explanation, "layers"));
}

/* Where nothing tells the parts apart, nothing is made of it. */
static void
test_not_told_apart(void)
{
  g_autoptr(StepWatch) steps = step_watch_new(NULL);
  const Validation v = {.steps = steps, .layers_are_one = TRUE};
  TimePart parts[VALIDATION_PARTS];
  guint n;

  for (guint i = 0; i < 100; i++) {
    const WatchedStep step = {
        .predicted_part_ps =
            {[COST_LINEAR] = 600, [COST_ATTENTION] = 300, [COST_ELEMENTWISE] = 100},
        .measured_part_ps = {[COST_LINEAR] = 1000},
    };
    g_array_append_val(steps->watched, step);
  }
  n = validation_parts(&v, parts);
  g_assert_cmpfloat_with_epsilon(factor_of(parts, n, "linear"), 1, 1e-6);
  g_assert_cmpfloat_with_epsilon(factor_of(parts, n, "attention"), 1, 1e-6);
}

static void
test_targets(void)
{
  const double factors[3] = {1, 1, 1};
  g_autoptr(StepWatch) steps = make_steps(100, factors, 0);
  RunRecord live = {.summary = {.makespan_ps = PS_PER_S}};
  RunRecord simulated = {.summary = {.makespan_ps = 1009 * 1000 * PS_PER_US}};
  const Validation v = {.live = &live, .simulated = &simulated, .steps = steps};
  TargetResult targets[VALIDATION_TARGETS];

  live.summary.ttft_s.p99 = simulated.summary.tpot_s.p99 = live.summary.tpot_s.p99 = 1;
  simulated.summary.ttft_s.p99 = 1.031;
  validation_targets(&v, targets);
  g_assert_true(targets[0].met);  /* 0.9 % */
  g_assert_false(targets[3].met); /* 3.1 % */
  g_assert_true(targets[4].met);
  simulated.summary.makespan_ps = 989 * 1000 * PS_PER_US;
  validation_targets(&v, targets);
  g_assert_false(targets[0].met);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/validation/inferred", test_inferred);
  g_test_add_func("/validation/not-told-apart", test_not_told_apart);
  g_test_add_func("/validation/targets", test_targets);
  return g_test_run();
}
