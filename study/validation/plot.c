/* Two panels: each step as computed against as predicted, and how far off the steps are one after
 * the other. */
#include <math.h>

#include "report/text/format.h"
#include "report/plot/gnuplot.h"
#include "sim/units.h"
#include "validation.h"

static const char *const colours[STEPS_KINDS] = {"#0072b2", "#999999", "#009e73",
                                                 "#d55e00", "#cc79a7", "#e69f00"};
/* Decodes are the most by far: drawn first, small, and not above the others. */
static const StepsKind order[STEPS_KINDS] = {STEPS_DECODE, STEPS_MIXED,  STEPS_PREFILL,
                                             STEPS_COPIES, STEPS_BESIDE, STEPS_RECOMPUTE};

static guint
count_of(const Validation *v, StepsKind kind)
{
  guint n = 0;

  for (guint i = 0; i < v->steps->watched->len; i++)
    n += g_array_index(v->steps->watched, WatchedStep, i).kind == kind;
  return n;
}

static void
append_points(const Validation *v, const char *columns, gboolean titles, GString *script)
{
  guint index = 0;

  for (guint k = 0; k < STEPS_KINDS; k++)
    if (count_of(v, order[k]) > 0) {
      g_string_append_printf(script, ", 'data' index %u using %s with points pt 7 ps 0.5 lc '%s' ",
                             index++, columns, colours[order[k]]);
      if (titles)
        g_string_append_printf(script, "title '%s'", steps_kind_name(order[k]));
      else
        g_string_append(script, "notitle");
    }
  g_string_append_c(script, '\n');
}

/* "makespan +0.4 % (1 %)  first token, p99 -2.0 % (3 %)": the errors and what is asked. */
static void
append_title(const Validation *v, GString *script)
{
  TargetResult targets[VALIDATION_TARGETS];

  validation_targets(v, targets);
  g_string_append(script, "set multiplot layout 1,2 title \"");
  for (guint i = 0; i < VALIDATION_TARGETS; i++) {
    g_autofree char *text =
        isfinite(targets[i].error)
            ? g_strdup_printf("%s%s %+.1f %% (%.0f %%)", i > 0 ? "    " : "", targets[i].label,
                              100 * targets[i].error, 100 * targets[i].target)
            : g_strdup("");
    gnuplot_append_plain(script, text);
  }
  g_string_append(script, "\" noenhanced font ',11'\n");
}

static char *
plot_commands(const Validation *v)
{
  GString *script = g_string_new(NULL);
  double low = INFINITY, high = 0;

  for (guint i = 0; i < v->steps->watched->len; i++) {
    const WatchedStep *step = &g_array_index(v->steps->watched, WatchedStep, i);
    low = MIN(low, MAX(ps_to_s(MIN(step->measured_ps, step->predicted_ps)) * 1e3, 1e-6));
    high = MAX(high, ps_to_s(MAX(step->measured_ps, step->predicted_ps)) * 1e3);
  }
  append_title(v, script);
  g_string_append_printf(
      script,
      "set grid lc '#dddddd'\nset tics nomirror\nset border 3\nset key noenhanced\n"
      "set logscale xy\nset format '%%g'\nset xrange [%.6g:%.6g]\nset yrange [%.6g:%.6g]\n"
      "set title 'each step, ms' noenhanced\nset key left top\n"
      "set xlabel 'computed'\nset ylabel 'predicted'\n"
      "plot x with lines lc '#000000' title 'equal', x * 1.05 with lines dt 3 lc '#000000' title "
      "'5 %% off', x / 1.05 with lines dt 3 lc '#000000' notitle",
      low / 1.3, high * 1.3, low / 1.3, high * 1.3);
  append_points(v, "2:3", TRUE, script);
  g_string_append(script,
                  "unset logscale\nset xrange [0:*]\nset yrange [-25:25]\nset key off\n"
                  "set title 'predicted - computed, % (what is further off is at the edge)' "
                  "noenhanced\nset xlabel 'step'\nset ylabel '%'\n"
                  "plot 0 with lines lc '#000000' notitle, 5 with lines dt 3 lc '#000000' notitle, "
                  "-5 with lines dt 3 lc '#000000' notitle");
  append_points(v, "1:4", FALSE, script);
  g_string_append(script, "unset multiplot\n");
  return g_string_free(script, FALSE);
}

static void
append_step(GString *data, guint index, const WatchedStep *step)
{
  double error = 100 * validation_error((double)step->measured_ps, (double)step->predicted_ps);
  char x[FORMAT_SECONDS_MAX], y[FORMAT_SECONDS_MAX], z[FORMAT_SECONDS_MAX];

  format_real(ps_to_s(step->measured_ps) * 1e3, x);
  format_real(ps_to_s(step->predicted_ps) * 1e3, y);
  format_real(isfinite(error) ? CLAMP(error, -25, 25) : 25, z);
  g_string_append_printf(data, "%u %s %s %s\n", index, x, y, z);
}

static char *
plot_data(const Validation *v)
{
  GString *data = g_string_new(NULL);

  for (guint k = 0; k < STEPS_KINDS; k++) {
    for (guint i = 0; i < v->steps->watched->len; i++) {
      const WatchedStep *step = &g_array_index(v->steps->watched, WatchedStep, i);
      if (step->kind == order[k])
        append_step(data, i, step);
    }
    if (count_of(v, order[k]) > 0)
      g_string_append(data, "\n\n");
  }
  return g_string_free(data, FALSE);
}

gboolean
validation_draw(const Validation *v, const char *out, GError **error)
{
  g_autofree char *commands = plot_commands(v);
  g_autofree char *data = plot_data(v);
  GnuplotDrawing drawing = {
      .commands = commands,
      .data = data,
      .width = 1200,
      .height = 560,
      .out = out,
  };

  return gnuplot_format_of(out, &drawing.format) && gnuplot_draw(&drawing, error);
}
