/* The charts of plot.h. Names of runs and requests become titles, of which gnuplot gets only what
 * is harmless. */
#include "charts.h"

#include <math.h>

#include "report/stored/course.h"
#include "report/stored/grid.h"
#include "report/stored/thin.h"

#define CURVE_POINTS 1200

guint
plot_runs(const Plot *plot)
{
  return MIN(plot->stored->runs->len, PLOT_RUNS);
}

const StoredRun *
plot_run(const Plot *plot, guint index)
{
  return g_ptr_array_index(plot->stored->runs, index);
}

static void
add_points(Plot *plot, const double *x, const double *y, guint n)
{
  g_autoptr(GArray) kept = thin_extremes(y, n, CURVE_POINTS);

  for (guint i = 0; i < kept->len; i++) {
    guint at = g_array_index(kept, guint, i);
    plot_append_real(plot->data, x[at]);
    plot_append_real(plot->data, y[at]);
    g_string_append_c(plot->data, '\n');
  }
  plot_end_block(plot);
}

static void
add_marks(Plot *plot, const GArray *marks, double level)
{
  for (guint i = 0; i < marks->len; i++) {
    plot_append_real(plot->data, g_array_index(marks, CourseMark, i).time_s);
    plot_append_real(plot->data, level);
    g_string_append_c(plot->data, '\n');
  }
  plot_end_block(plot);
}

/* A dash for each run, as on the page; a character on a terminal. */
static char *
line_style(const Plot *plot, guint run)
{
  static const char *const dashes[PLOT_RUNS] = {
      "solid", "(8,4)", "(2,3)", "(10,4,2,4)", "(5,3)", "(14,5)", "(1,2)", "(7,3,2,3,2,3)",
  };

  return plot->request->format == GNUPLOT_TEXT
             ? g_strdup_printf("using 1:2 with lines linetype %u", run + 1)
             : g_strdup_printf("using 1:2 with lines linetype %u dashtype %s", run + 1,
                               dashes[run]);
}

static gboolean
add_course(Plot *plot, CourseCurve curve, guint run, const Course *course)
{
  g_autofree char *style = line_style(plot, run);

  if (course->n[curve] == 0)
    return FALSE;
  add_points(plot, course->time_s[curve], course->values[curve], course->n[curve]);
  plot_append_curve(plot, plot->blocks - 1, style, plot_run(plot, run)->label);
  return TRUE;
}

#define MARKS_FROM 105
#define MARKS_ROW 7

/* Above the curves, in rows of the run's own: `row` is the first, counted from below. */
static void
add_mark_curves(Plot *plot, guint run, guint row, const Course *course)
{
  g_autofree char *down =
      g_strdup_printf("using 1:2 with points pt 11 ps 0.9 linetype %u", run + 1);
  g_autofree char *up = g_strdup_printf("using 1:2 with points pt 8 ps 0.9 linetype %u", run + 1);
  const char *label = plot_run(plot, run)->label;
  g_autofree char *preempted = g_strconcat(label, ", preempted", NULL);
  g_autofree char *resumed = g_strconcat(label, ", brought back", NULL);

  add_marks(plot, course->preemptions, MARKS_FROM + MARKS_ROW * (row + 1));
  plot_append_curve(plot, plot->blocks - 1, down, preempted);
  add_marks(plot, course->resumes, MARKS_FROM + MARKS_ROW * row);
  plot_append_curve(plot, plot->blocks - 1, up, resumed);
}

static gboolean
plot_course(Plot *plot, CourseCurve curve, const char *title, GError **error)
{
  gboolean any = FALSE;
  guint row = 0;

  g_string_append_printf(plot->commands,
                         "set xlabel 'time (s)'\nset ylabel '%s'\nset yrange [0:*]\n%s", title,
                         curve == COURSE_KV ? "set ytics 0,20,100\n" : "");
  for (guint i = 0; i < plot_runs(plot); i++) {
    g_autoptr(Course) course = course_read(plot->stored, plot_run(plot, i), error);
    if (course == NULL)
      return FALSE;
    any |= add_course(plot, curve, i, course);
    if (curve == COURSE_KV && course->preemptions->len > 0 &&
        plot->request->format != GNUPLOT_TEXT) {
      add_mark_curves(plot, i, row, course);
      row += 2;
    }
  }
  return any;
}

gboolean
plot_throughput(Plot *plot, GError **error)
{
  return plot_course(plot, COURSE_THROUGHPUT, "output tokens / s", error);
}

gboolean
plot_kv(Plot *plot, GError **error)
{
  return plot_course(plot, COURSE_KV, "% of the blocks", error);
}

gboolean
plot_queue(Plot *plot, GError **error)
{
  gboolean any = FALSE;

  g_string_append(plot->commands,
                  "set xlabel 'time (s)'\nset ylabel 'requests'\nset yrange [0:*]\n");
  for (guint i = 0; i < plot_runs(plot); i++) {
    g_autoptr(Course) course = course_read(plot->stored, plot_run(plot, i), error);
    g_autofree char *title = g_strconcat(plot_run(plot, i)->label, ", swapped out", NULL);
    g_autofree char *style =
        g_strdup_printf(plot->request->format == GNUPLOT_TEXT
                            ? "using 1:2 with lines linetype %u"
                            : "using 1:2 with filledcurves y1=0 fillstyle transparent solid 0.4 "
                              "linetype %u",
                        i + 1);
    double most = 0;
    if (course == NULL)
      return FALSE;
    any |= add_course(plot, COURSE_WAITING, i, course);
    for (guint p = 0; p < course->n[COURSE_OUT]; p++)
      most = fmax(most, course->values[COURSE_OUT][p]);
    if (most == 0)
      continue;
    add_points(plot, course->time_s[COURSE_OUT], course->values[COURSE_OUT], course->n[COURSE_OUT]);
    plot_append_curve(plot, plot->blocks - 1, style, title);
  }
  return any;
}

/* Every run's latencies, ascending; NULL with an error. */
static GPtrArray *
latencies(const Plot *plot, Latency latency, GError **error)
{
  g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);

  for (guint i = 0; i < plot_runs(plot); i++) {
    GArray *sorted = stored_latency(plot->stored, plot_run(plot, i), latency, error);
    if (sorted == NULL)
      return NULL;
    g_ptr_array_add(all, sorted);
  }
  return g_steal_pointer(&all);
}

/* Adds a block of points: the shares of requests that took no longer, from 0 on. */
static void
add_shares(Plot *plot, const GArray *sorted)
{
  const double *values = (const double *)(gpointer)sorted->data;
  g_autofree double *x = g_new(double, sorted->len + 1);
  g_autofree double *share = g_new(double, sorted->len + 1);

  x[0] = values[0];
  share[0] = 0;
  for (guint v = 0; v < sorted->len; v++) {
    x[v + 1] = values[v];
    share[v + 1] = 100.0 * (v + 1) / sorted->len;
  }
  add_points(plot, x, share, sorted->len + 1);
}

static gboolean
plot_latency(Plot *plot, Latency latency, GError **error)
{
  g_autoptr(GPtrArray) all = latencies(plot, latency, error);
  gboolean log;
  double low = INFINITY, high = 0;

  if (all == NULL)
    return FALSE;
  for (guint i = 0; i < all->len; i++) {
    const GArray *sorted = g_ptr_array_index(all, i);
    if (sorted->len == 0)
      continue;
    low = fmin(low, g_array_index(sorted, double, 0));
    high = fmax(high, g_array_index(sorted, double, sorted->len - 1));
  }
  log = low > 0 && high / low > 30;
  g_string_append_printf(
      plot->commands,
      "set ylabel '%% of requests'\nset yrange [0:100]\nset xlabel 'time (s%s)'\n%s",
      log ? ", logarithmic" : "", log ? "set logscale x\n" : "");
  if (low == high) { /* one request, or all alike */
    g_string_append(plot->commands, "set xrange [0:");
    plot_append_real(plot->commands, 2 * high);
    g_string_append(plot->commands, "]\n");
  }
  for (guint i = 0; i < all->len; i++) {
    g_autofree char *style = line_style(plot, i);
    const GArray *sorted = g_ptr_array_index(all, i);
    if (sorted->len == 0)
      continue;
    add_shares(plot, sorted);
    plot_append_curve(plot, plot->blocks - 1, style, plot_run(plot, i)->label);
  }
  return high > 0;
}

gboolean
plot_ttft(Plot *plot, GError **error)
{
  return plot_latency(plot, LATENCY_TTFT, error);
}

gboolean
plot_tpot(Plot *plot, GError **error)
{
  return plot_latency(plot, LATENCY_TPOT, error);
}

gboolean
plot_e2e(Plot *plot, GError **error)
{
  return plot_latency(plot, LATENCY_E2E, error);
}
