/* Charts of bars that lie, several parts one after the other: what the overhead is made of, and
 * where the victims' time went.
 *
 * Names of any length stand beside the bars. A terminal cannot fill boxes: there each part is a
 * line of its own character.
 */
#include "charts.h"

#include <math.h>

#include "report/stored/course.h"
#include "report/overhead.h"

#define VICTIMS_SHOWN 12
#define NAME_CHARACTERS 40
#define LINES_AROUND 10 /* of a terminal: title, key, axis */

typedef struct {
  char *name;
  double *ends_s; /* where each part ends, from 0 on */
} Bar;

typedef struct {
  const char *(*title)(guint part);
  const guint *linetypes;
  guint n_parts;
  GArray *bars;
} Bars;

static void
bar_clear(gpointer data)
{
  Bar *bar = data;

  g_free(bar->name);
  g_free(bar->ends_s);
}

static Bars
bars_new(const char *(*title)(guint part), const guint *linetypes, guint n_parts)
{
  Bars bars = {title, linetypes, n_parts, g_array_new(FALSE, FALSE, sizeof(Bar))};

  g_array_set_clear_func(bars.bars, bar_clear);
  return bars;
}

static void
add_bar(Bars *bars, const char *name, const double *parts_s)
{
  Bar bar = {.name = g_utf8_strlen(name, -1) > NAME_CHARACTERS
                         ? g_utf8_substring(name, 0, NAME_CHARACTERS)
                         : g_strdup(name),
             .ends_s = g_new0(double, bars->n_parts + 1)};

  for (guint part = 0; part < bars->n_parts; part++)
    bar.ends_s[part + 1] = bar.ends_s[part] + (isfinite(parts_s[part]) ? parts_s[part] : 0);
  g_array_append_val(bars->bars, bar);
}

/* A block: in each bar where the part begins, and where it ends. */
static void
draw_part(Plot *plot, const Bars *bars, guint part)
{
  gboolean text = plot->request->format == GNUPLOT_TEXT;
  g_autofree char *style =
      text ? g_strdup_printf("using 1:2 with lines linetype %u", part + 1)
           : g_strdup_printf("using 1:3:1:2:($3-0.36):($3+0.36) with boxxyerror linetype %u",
                             bars->linetypes[part]);

  for (guint i = 0; i < bars->bars->len; i++) {
    const Bar *bar = &g_array_index(bars->bars, Bar, i);
    plot_append_real(plot->data, bar->ends_s[part]);
    if (text) {
      g_string_append_printf(plot->data, " %u\n", i);
      plot_append_real(plot->data, bar->ends_s[part + 1]);
      g_string_append_printf(plot->data, " %u\n\n", i);
    } else {
      plot_append_real(plot->data, bar->ends_s[part + 1]);
      g_string_append_printf(plot->data, " %u\n", i);
    }
  }
  plot_end_block(plot);
  plot_append_curve(plot, plot->blocks - 1, style, bars->title(part));
}

/* Frees what the bars hold. */
static void
draw_bars(Plot *plot, Bars *bars)
{
  guint n = bars->bars->len;

  g_string_append_printf(plot->commands,
                         "set xlabel 'seconds'\nset xrange [0:*]\nset yrange [%u.5:-0.5]\n"
                         "set key outside top right horizontal\nset grid noytics\nset style fill "
                         "solid 0.9 border rgb 'white'\n"
                         "set ytics noenhanced%s (",
                         MAX(n, 1) - 1, n > 12 ? " font ',9'" : "");
  for (guint i = 0; i < n; i++) {
    g_string_append(plot->commands, i > 0 ? ", " : "");
    plot_append_tic(plot, g_array_index(bars->bars, Bar, i).name, i);
  }
  g_string_append(plot->commands, ")\n");
  for (guint part = 0; part < bars->n_parts; part++)
    draw_part(plot, bars, part);
  plot->height = plot->request->format == GNUPLOT_TEXT ? n + LINES_AROUND : 0;
  g_array_unref(bars->bars);
}

static const char *
title_of_overhead(guint part)
{
  return overhead_title((Overhead)part);
}

gboolean
plot_overhead(Plot *plot, GError **error)
{
  static const guint linetypes[OVERHEADS] = {1, 2, 3, 4};
  Bars bars = bars_new(title_of_overhead, linetypes, OVERHEADS);
  double sum_s = 0;

  (void)error;
  for (guint i = 0; i < plot_runs(plot); i++) {
    const StoredRun *run = plot_run(plot, i);
    double values_s[OVERHEADS];
    for (guint part = 0; part < OVERHEADS; part++) {
      values_s[part] = overhead_s(&run->record, (Overhead)part);
      sum_s += isfinite(values_s[part]) ? values_s[part] : 0;
    }
    add_bar(&bars, run->label, values_s);
  }
  draw_bars(plot, &bars);
  return sum_s > 0;
}

gboolean
plot_victims(Plot *plot, GError **error)
{
  static const guint linetypes[VICTIM_PARTS] = {7, 2, 3, 1};
  Bars bars = bars_new(victim_part_title, linetypes, VICTIM_PARTS);
  guint n_runs = plot_runs(plot), each = MAX(1, 2 * VICTIMS_SHOWN / MAX(n_runs, 2));
  gboolean any = FALSE;

  for (guint i = 0; i < n_runs; i++) {
    const StoredRun *run = plot_run(plot, i);
    g_autoptr(GArray) victims = stored_victims(plot->stored, run, each, error);
    if (victims == NULL) {
      g_array_unref(bars.bars);
      return FALSE;
    }
    any |= victims->len > 0;
    for (guint v = 0; v < victims->len; v++) {
      const StoredVictim *victim = &g_array_index(victims, StoredVictim, v);
      g_autofree char *name =
          n_runs > 1 ? g_strdup_printf("%s: %s", run->label, victim->id) : g_strdup(victim->id);
      double values_s[VICTIM_PARTS];
      victim_split(victim, values_s);
      add_bar(&bars, name, values_s);
    }
  }
  draw_bars(plot, &bars);
  return any;
}
