/* What reports make of results: thinning, splits of time, numbers of a grid, the chart library. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "report/page/chart_library.h"
#include "report/stored/course.h"
#include "report/plot/gnuplot.h"
#include "report/stored/grid.h"
#include "report/overhead.h"
#include "report/stored/thin.h"
#include "sim/units.h"

static void
assert_thinned(const double *values, guint n, guint limit)
{
  g_autoptr(GArray) kept = thin_extremes(values, n, limit);
  double low = INFINITY, high = -INFINITY, kept_low = INFINITY, kept_high = -INFINITY;

  g_assert_cmpuint(kept->len, <=, n <= limit ? n : limit);
  for (guint i = 0; i < n; i++) {
    low = fmin(low, values[i]);
    high = fmax(high, values[i]);
  }
  for (guint i = 0; i < kept->len; i++) {
    guint at = g_array_index(kept, guint, i);
    g_assert_true(i == 0 || at > g_array_index(kept, guint, i - 1));
    kept_low = fmin(kept_low, values[at]);
    kept_high = fmax(kept_high, values[at]);
  }
  g_assert_cmpfloat(kept_low, ==, low);
  g_assert_cmpfloat(kept_high, ==, high);
  if (n > 0) {
    g_assert_cmpuint(g_array_index(kept, guint, 0), ==, 0);
    g_assert_cmpuint(g_array_index(kept, guint, kept->len - 1), ==, n - 1);
  }
}

/* The ends and the extremes are kept, whatever the length and wherever they are. */
static void
test_thin(void)
{
  g_autoptr(GRand) random = g_rand_new_with_seed(7);
  double values[3000];

  for (guint round = 0; round < 2000; round++) {
    guint n = (guint)g_rand_int_range(random, 0, round < 1000 ? 40 : 3000);
    guint limit = (guint)g_rand_int_range(random, 4, 300);
    for (guint i = 0; i < n; i++)
      values[i] = g_rand_int_range(random, 0, 1000);
    assert_thinned(values, n, limit);
  }
}

/* A single spike in a long flat curve is still there. */
static void
test_thin_spike(void)
{
  g_autofree double *values = g_new0(double, 100000);

  for (guint at = 0; at < 100000; at += 9973) {
    values[at] = 1;
    assert_thinned(values, 100000, 200);
    values[at] = 0;
  }
}

static void
test_victim(void)
{
  const StoredVictim victim = {.total_s = 10, .queued_s = 2, .preempted_s = 3, .cost_s = 1};
  const StoredVictim dear = {.total_s = 10, .queued_s = 2, .preempted_s = 7, .cost_s = 4};
  const StoredVictim unpriced = {.total_s = 10, .queued_s = 2, .preempted_s = 3, .cost_s = NAN};
  double parts[VICTIM_PARTS];

  victim_split(&victim, parts);
  g_assert_cmpfloat(parts[VICTIM_AGAIN], ==, 1);
  g_assert_cmpfloat(parts[VICTIM_OWN], ==, 4);
  victim_split(&dear, parts);
  g_assert_cmpfloat(parts[VICTIM_AGAIN], ==, 1);
  g_assert_cmpfloat(parts[VICTIM_OWN], ==, 0);
  victim_split(&unpriced, parts);
  g_assert_cmpfloat(parts[VICTIM_AGAIN], ==, 0);
  g_assert_cmpfloat(parts[VICTIM_OWN], ==, 5);
}

static void
test_overhead(void)
{
  RunRecord record = {.slowdown = 1.25};

  record.summary.makespan_ps = 100 * PS_PER_S;
  record.summary.overhead_recompute_ps = 5 * PS_PER_S;
  g_assert_cmpfloat(overhead_s(&record, OVERHEAD_RECOMPUTE), ==, 5);
  g_assert_cmpfloat_with_epsilon(overhead_s(&record, OVERHEAD_STALL), 15, 1e-9);
  record.slowdown = 1.01;
  g_assert_cmpfloat(overhead_s(&record, OVERHEAD_STALL), ==, 0);
  record.slowdown = NAN;
  g_assert_true(isnan(overhead_s(&record, OVERHEAD_STALL)));
}

static void
test_numbers(void)
{
  double number;

  g_assert_true(grid_number("20%", &number) && number == 20);
  g_assert_true(grid_number("0.5", &number) && number == 0.5);
  g_assert_true(grid_number("-3", &number) && number == -3);
  g_assert_true(grid_number("1.5GiB", &number) && number == 1.5 * 1073741824);
  g_assert_true(grid_number("800MB", &number) && number == 8e8);
  g_assert_false(grid_number("swap", &number));
  g_assert_false(grid_number("", &number));
  g_assert_false(grid_number("-", &number));
}

/* What gnuplot gets of a name cannot end its string or start a command. */
static void
test_quoting(void)
{
  g_autoptr(GString) text = g_string_new(NULL);

  gnuplot_append_quoted(text, "a\"; system 'x'`y`$(z)\\n\x01\xff\xc3\xa9");
  g_assert_nonnull(strstr(text->str, "system"));
  for (const char *c = text->str + 1; c < text->str + text->len - 1; c++)
    g_assert_null(strchr("\"'`$\\\n\x01", *c));
}

/* A script that ends its element early would show the rest of it. */
static void
test_library(void)
{
  g_autofree char *folder = g_dir_make_tmp("spillway-library-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(folder, "chart.js", NULL);
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_true(g_file_set_contents(path, "/*! Chart.js v4.4.1 */ x = '</script>';", -1, NULL));
  text = chart_library_read(path, &error);
  g_assert_no_error(error);
  g_assert_cmpstr(text, ==, "/*! Chart.js v4.4.1 */ x = '<\\/script>';");
  g_unlink(path);
  g_rmdir(folder);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/report/thin", test_thin);
  g_test_add_func("/report/thin-spike", test_thin_spike);
  g_test_add_func("/report/victim", test_victim);
  g_test_add_func("/report/overhead", test_overhead);
  g_test_add_func("/report/grid-numbers", test_numbers);
  g_test_add_func("/report/gnuplot-quoting", test_quoting);
  g_test_add_func("/report/chart-library", test_library);
  return g_test_run();
}
