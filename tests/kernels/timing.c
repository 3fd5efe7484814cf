/* Order statistics of samples and the rule that ends them. */
#include "kernels/timing.h"

#include <glib.h>
#include <math.h>

static void
test_summary(void)
{
  double samples[] = {50, 10, 40, 20, 30, 60, 100, 70, 90, 80, 0};
  double two[] = {3, 1};
  Timing timing = {0};

  timing_summarise(samples, G_N_ELEMENTS(samples), &timing);
  g_assert_cmpfloat(timing.median_ns, ==, 50);
  g_assert_cmpfloat(timing.p10_ns, ==, 10);
  g_assert_cmpfloat(timing.p90_ns, ==, 90);
  g_assert_cmpuint(timing.num_samples, ==, 11);
  timing_summarise(two, 2, &timing);
  g_assert_cmpfloat(timing.median_ns, ==, 2);
  g_assert_cmpfloat_with_epsilon(timing.p90_ns, 2.8, 1e-12);
  timing_summarise(two, 1, &timing);
  g_assert_cmpfloat(timing.p10_ns, ==, 1);
}

static size_t
samples_until_enough(const TimingRule *rule, GRand *rand, double spread, double sample_ns)
{
  g_autofree double *samples = g_new(double, rule->max_samples + 1);
  size_t count = 0;

  while (!timing_is_enough(rule, samples, count, (double)count * sample_ns)) {
    samples[count] = 1000 * (1 + spread * g_rand_double_range(rand, -1, 1));
    count++;
  }
  return count;
}

/* The steadier, the sooner; a limit of time or of samples ends the rest. */
static void
test_rule(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(1);
  const TimingRule *rule = &timing_rule_default;
  size_t steady = samples_until_enough(rule, rand, 1e-4, 1000);
  size_t noisy = 0;
  size_t wild = samples_until_enough(rule, rand, 0.9, 1000);
  size_t slow = samples_until_enough(rule, rand, 0.9, 2e6);

  for (int i = 0; i < 50; i++)
    noisy += samples_until_enough(rule, rand, 0.04, 1000);
  g_assert_cmpuint(steady, ==, 10);
  g_assert_cmpuint(noisy, >, 50 * 20);
  g_assert_cmpuint(noisy, <, 50 * 200);
  g_assert_cmpuint(wild, ==, 200);
  g_assert_cmpuint(slow, ==, 15);
}

/* The error that the rule goes by is that of medians drawn again and again. */
static void
test_median_error(void)
{
  enum { SAMPLES = 101, DRAWS = 400 };
  g_autoptr(GRand) rand = g_rand_new_with_seed(2);
  TimingRule rule = {.min_samples = 2, .max_samples = 1000, .max_ns = HUGE_VAL};
  double squares = 0, samples[SAMPLES];
  guint within[2] = {0};

  for (int draw = 0; draw < DRAWS; draw++) {
    Timing timing;
    for (int i = 0; i < SAMPLES; i++)
      samples[i] = 1 + g_rand_double_range(rand, -0.1, 0.1);
    for (int half = 0; half < 2; half++) {
      rule.max_relative_error = half ? 0.005 : 0.02; /* the true one is 0.01 */
      within[half] += timing_is_enough(&rule, samples, SAMPLES, 0);
    }
    timing_summarise(samples, SAMPLES, &timing);
    squares += (timing.median_ns - 1) * (timing.median_ns - 1);
  }
  g_assert_cmpfloat_with_epsilon(sqrt(squares / DRAWS), 0.01, 0.001);
  g_assert_cmpuint(within[0], >, DRAWS * 95 / 100);
  g_assert_cmpuint(within[1], <, DRAWS * 5 / 100);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/timing/summary", test_summary);
  g_test_add_func("/timing/rule", test_rule);
  g_test_add_func("/timing/median-error", test_median_error);
  return g_test_run();
}
