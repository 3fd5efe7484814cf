/* How many repeats fit before an arrival: the guess and its steps against trying one after the
 * other. And how often a cost model is asked. */
#include <math.h>

#include "sim/executor.h"
#include "sim/units.h"

static guint32
count_up(gint64 first_ps, gint64 growth_ps, guint32 n, const RepeatLimit *limit)
{
  guint32 repeats = 1;

  while (repeats < n &&
         repeats_elapsed_ps(first_ps, growth_ps, repeats - limit->lookahead) < limit->until_ps)
    repeats++;
  return repeats;
}

static void
test_repeats_until(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(3);

  for (guint i = 0; i < 200000; i++) {
    gint64 first_ps = (gint64)pow(10, g_rand_double_range(rand, -1, 12));
    gint64 growth_ps = i % 5 == 0 ? 0 : (gint64)pow(10, g_rand_double_range(rand, -1, 9));
    guint32 n = (guint32)g_rand_int_range(rand, 1, 300);
    gint64 whole_ps = repeats_elapsed_ps(first_ps, growth_ps, n);
    RepeatLimit limit = {.lookahead = i % 2,
                         .until_ps =
                             (gint64)((double)whole_ps * g_rand_double_range(rand, 0, 1.2))};
    guint32 exact = (guint32)g_rand_int_range(rand, 1, (gint32)n + 1);
    if (i % 3 == 0) /* at the very edge */
      limit.until_ps = repeats_elapsed_ps(first_ps, growth_ps, exact) + (gint64)(i / 3 % 3) - 1;
    if (i % 97 == 0)
      limit.until_ps = i % 2 ? G_MAXINT64 : 0;
    g_assert_cmpuint(repeats_until(first_ps, growth_ps, n, &limit), ==,
                     count_up(first_ps, growth_ps, n, &limit));
  }
}

/* Where all of them would last longer than the clock counts. */
static void
test_long_repeats(void)
{
  const gint64 minutes_ps = 450 * PS_PER_S;
  const RepeatLimit limit = {.until_ps = TIME_MAX_PS}, never = {.until_ps = G_MAXINT64};

  g_assert_cmpuint(repeats_until(minutes_ps, 0, 65536, &limit), ==, TIME_MAX_PS / minutes_ps + 1);
  g_assert_cmpuint(repeats_until(minutes_ps, G_MAXINT64 / 2, 65536, &limit), ==, 2);
  g_assert_cmpuint(repeats_until(minutes_ps, 0, 1, &never), ==, 1);
}

typedef struct {
  CostModel base;
  guint asked;
} CountingCost;

/* 1000 ps a token of a prefill. */
static void
count_step_ps(CostModel *base, const CostShape *shape, guint32 repeat G_GNUC_UNUSED,
              CostPiece *piece)
{
  ((CountingCost *)base)->asked++;
  for (guint32 i = 0; i < shape->n_prefills; i++)
    piece->base_ps[COST_ATTENTION] += 1000 * (gint64)shape->prefills[i].tokens;
}

/* Of a step that computes tokens again: with them and without, each once. */
static void
test_asks_once(void)
{
  static const CostModelClass class = {
      .name = "counting", .measures_nothing = TRUE, .step = count_step_ps};
  CountingCost cost = {.base.class = &class};
  g_autoptr(Executor) executor = executor_model.create(&cost.base);
  g_autoptr(Step) step = step_new(16, 16);
  const StepEntry entry = {
      .tokens = 100, .recomputed_tokens = 60, .kind = ENTRY_RESUMED, .samples = 1};
  const RepeatLimit limit = {.until_ps = G_MAXINT64};
  StepTiming timing;

  g_array_append_val(step->entries, entry);
  step->n_sequences = 1;
  g_assert_true(executor_run(executor, step, &limit, &timing, NULL));
  g_assert_cmpint(timing.first_ps, ==, 100000);
  g_assert_cmpint(timing.recompute_overhead_ps, ==, 60000);
  g_assert_cmpuint(cost.asked, ==, 2);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/executor/repeats-until", test_repeats_until);
  g_test_add_func("/executor/long-repeats", test_long_repeats);
  g_test_add_func("/executor/asks-once", test_asks_once);
  return g_test_run();
}
