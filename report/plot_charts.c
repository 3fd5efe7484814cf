/* The charts of plot.h. Names of runs and requests become titles, of which gnuplot gets only what
 * is harmless. */
#include "plot_charts.h"

#include <math.h>

#include "course.h"
#include "grid.h"
#include "overhead.h"
#include "thin.h"

#define CURVE_POINTS 1200
#define VICTIMS_SHOWN 12

static guint
n_runs(const Plot *plot)
{
  return MIN(plot->stored->runs->len, PLOT_RUNS);
}

static const StoredRun *
run_at(const Plot *plot, guint index)
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

/* In a terminal the first letters of the curves' names would overlap: there it is only lines. */
static const char *
line_style(guint run, char style[48])
{
  g_snprintf(style, 48, "using 1:2 with lines linetype %u", run + 1);
  return style;
}

static gboolean
add_course(Plot *plot, CourseCurve curve, guint run, const Course *course)
{
  char style[48];

  if (course->n[curve] == 0)
    return FALSE;
  add_points(plot, course->time_s[curve], course->values[curve], course->n[curve]);
  plot_append_curve(plot, plot->blocks - 1, line_style(run, style), run_at(plot, run)->label);
  return TRUE;
}

static void
add_mark_curves(Plot *plot, guint run, const Course *course)
{
  g_autofree char *down =
      g_strdup_printf("using 1:2 with points pt 11 ps 0.9 linetype %u", run + 1);
  g_autofree char *up = g_strdup_printf("using 1:2 with points pt 8 ps 0.9 linetype %u", run + 1);
  const char *label = run_at(plot, run)->label;
  g_autofree char *preempted = g_strconcat(label, ", preempted", NULL);
  g_autofree char *resumed = g_strconcat(label, ", brought back", NULL);

  if (course->preemptions->len == 0 || plot->request->format == GNUPLOT_TEXT)
    return;
  add_marks(plot, course->preemptions, 110);
  plot_append_curve(plot, plot->blocks - 1, down, preempted);
  add_marks(plot, course->resumes, 104);
  plot_append_curve(plot, plot->blocks - 1, up, resumed);
}

static gboolean
plot_course(Plot *plot, CourseCurve curve, const char *title, GError **error)
{
  gboolean any = FALSE;

  g_string_append_printf(plot->commands,
                         "set xlabel 'time (s)'\nset ylabel '%s'\nset yrange [0:%s]\n", title,
                         curve == COURSE_KV ? "114" : "*");
  for (guint i = 0; i < n_runs(plot); i++) {
    g_autoptr(Course) course = course_read(plot->stored, run_at(plot, i), error);
    if (course == NULL)
      return FALSE;
    any |= add_course(plot, curve, i, course);
    if (curve == COURSE_KV)
      add_mark_curves(plot, i, course);
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
  for (guint i = 0; i < n_runs(plot); i++) {
    g_autoptr(Course) course = course_read(plot->stored, run_at(plot, i), error);
    g_autofree char *title = g_strconcat(run_at(plot, i)->label, ", swapped out", NULL);
    g_autofree char *style = g_strdup_printf("using 1:2 with lines dt 2 linetype %u", i + 1);
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

static gboolean
plot_latency(Plot *plot, Latency latency, GError **error)
{
  gboolean any = FALSE;
  double low = INFINITY, high = 0;
  char style[48];

  g_string_append(plot->commands, "set ylabel '% of requests'\nset yrange [0:100]\n");
  for (guint i = 0; i < n_runs(plot); i++) {
    g_autoptr(GArray) sorted = stored_latency(plot->stored, run_at(plot, i), latency, error);
    const double *values;
    g_autofree double *share = NULL;
    if (sorted == NULL)
      return FALSE;
    if (sorted->len == 0)
      continue;
    values = (const double *)(gpointer)sorted->data;
    low = fmin(low, values[0]);
    high = fmax(high, values[sorted->len - 1]);
    share = g_new(double, sorted->len);
    for (guint v = 0; v < sorted->len; v++)
      share[v] = 100.0 * (v + 1) / sorted->len;
    add_points(plot, values, share, sorted->len);
    if (!any) {
      gboolean log = low > 0 && high / low > 30;
      g_string_append_printf(plot->commands, "set xlabel 'time (s)'\n%s",
                             log ? "set logscale x\n" : "");
    }
    any = TRUE;
    plot_append_curve(plot, plot->blocks - 1, line_style(i, style), run_at(plot, i)->label);
  }
  return any;
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

static void
append_name(Plot *plot, const char *text)
{
  g_autofree char *name =
      g_utf8_strlen(text, -1) > 40 ? g_utf8_substring(text, 0, 40) : g_strdup(text);

  gnuplot_append_quoted(plot->data, name);
}

/* A terminal fills no bars: there each part is a point of its own letter. */
static void
scatter(Plot *plot, const char *(*title)(guint part), guint n_parts)
{
  g_string_append(plot->commands, "set ylabel 'seconds'\nset yrange [0:*]\nset offsets 0.5, 0.5\n");
  for (guint part = 0; part < n_parts; part++) {
    g_autofree char *style = g_strdup_printf("using 0:%u%s with points pt %u", part + 2,
                                             part == 0 ? ":xtic(1)" : "", part + 1);
    plot_append_curve(plot, 0, style, title(part));
  }
}

/* Bars of several parts on one another: block 0 has a row a bar, a column a part. */
static void
stack(Plot *plot, guint n_bars, const char *(*title)(guint part), guint n_parts)
{
  if (plot->request->format == GNUPLOT_TEXT) {
    scatter(plot, title, n_parts);
    return;
  }
  g_string_append_printf(plot->commands,
                         "set style data histograms\nset style histogram rowstacked\n"
                         "set boxwidth 0.6\nset style fill solid 0.9 border rgb 'white'\n"
                         "set ylabel 'seconds'\nset yrange [0:*]\nset xtics noenhanced%s\n",
                         n_bars > 4 ? " rotate by -60 font ',9'" : "");
  for (guint part = 0; part < n_parts; part++) {
    g_autofree char *style =
        g_strdup_printf("using %u%s linetype %u", part + 2, part == 0 ? ":xtic(1)" : "", part + 1);
    plot_append_curve(plot, 0, style, title(part));
  }
}

static const char *
title_of_overhead(guint part)
{
  return overhead_title((Overhead)part);
}

gboolean
plot_overhead(Plot *plot, GError **error)
{
  double sum_s = 0;

  (void)error;
  for (guint i = 0; i < n_runs(plot); i++) {
    append_name(plot, run_at(plot, i)->label);
    for (guint part = 0; part < OVERHEADS; part++) {
      double value_s = overhead_s(&run_at(plot, i)->record, (Overhead)part);
      plot_append_real(plot->data, isnan(value_s) ? 0 : value_s);
      sum_s += isnan(value_s) ? 0 : value_s;
    }
    g_string_append_c(plot->data, '\n');
  }
  plot_end_block(plot);
  stack(plot, n_runs(plot), title_of_overhead, OVERHEADS);
  return sum_s > 0;
}

gboolean
plot_victims(Plot *plot, GError **error)
{
  guint n = 0, each = MAX(1, 2 * VICTIMS_SHOWN / MAX(n_runs(plot), 2));

  for (guint i = 0; i < n_runs(plot); i++) {
    g_autoptr(GArray) victims = stored_victims(plot->stored, run_at(plot, i), each, error);
    if (victims == NULL)
      return FALSE;
    for (guint v = 0; v < victims->len; v++) {
      const StoredVictim *victim = &g_array_index(victims, StoredVictim, v);
      g_autofree char *name = n_runs(plot) > 1
                                  ? g_strdup_printf("%s: %s", run_at(plot, i)->label, victim->id)
                                  : g_strdup(victim->id);
      double parts[VICTIM_PARTS];
      victim_split(victim, parts);
      append_name(plot, name);
      for (guint part = 0; part < VICTIM_PARTS; part++)
        plot_append_real(plot->data, parts[part]);
      g_string_append_c(plot->data, '\n');
      n++;
    }
  }
  plot_end_block(plot);
  stack(plot, n, victim_part_title, VICTIM_PARTS);
  return n > 0;
}
