#include "plot.h"

#include <errno.h>
#include <glib/gstdio.h>

#include "charts.h"

#define PICTURE_WIDTH 900
#define PICTURE_HEIGHT 520

static const PlotChart charts[] = {
    {"throughput", "output tokens a second over time"},
    {"kv", "KV blocks in use over time, with preemptions and resumes"},
    {"queue", "requests that wait, and that are swapped out, over time"},
    {"ttft", "distribution of the time to first token"},
    {"tpot", "distribution of the time per output token"},
    {"e2e", "distribution of the time from arrival to finish"},
    {"overhead", "what recomputing, swapping and stalls cost"},
    {"victims", "where the victims' time went"},
    {"study", "a figure across a study's grid, with confidence bands"},
    {"heat", "the same as a heat map"},
    {NULL, NULL},
};

static gboolean (*const makers[])(Plot *plot, GError **error) = {
    plot_throughput, plot_kv,       plot_queue,   plot_ttft,  plot_tpot,
    plot_e2e,        plot_overhead, plot_victims, plot_study, plot_heat,
};
G_STATIC_ASSERT(G_N_ELEMENTS(makers) + 1 == G_N_ELEMENTS(charts));

const PlotChart *
plot_charts(void)
{
  return charts;
}

/* Colours that the colour-blind tell apart, as on the page. */
static const char colours[] = "set linetype 1 lc rgb '#0072b2' lw 2\n"
                              "set linetype 2 lc rgb '#d55e00' lw 2\n"
                              "set linetype 3 lc rgb '#009e73' lw 2\n"
                              "set linetype 4 lc rgb '#b0569a' lw 2\n"
                              "set linetype 5 lc rgb '#a66f00' lw 2\n"
                              "set linetype 6 lc rgb '#2a93c9' lw 2\n"
                              "set linetype 7 lc rgb '#6b6b6b' lw 2\n"
                              "set linetype 8 lc rgb '#8a3b00' lw 2\n"
                              "set grid lc rgb '#d5dbe1' lw 0.5\n"
                              "set tics out nomirror\nset border 3\n"
                              "set key outside top center horizontal noenhanced\n";

gboolean
plot_chart(Stored *stored, const PlotRequest *request, gboolean *empty, GError **error)
{
  g_autoptr(GString) commands = g_string_new(colours);
  g_autoptr(GString) data = g_string_new(NULL);
  Plot plot = {.stored = stored, .request = request, .commands = commands, .data = data};
  GnuplotDrawing drawing = {
      .format = request->format,
      .width = request->width > 0 ? request->width : PICTURE_WIDTH,
      .height = request->height > 0 ? request->height : PICTURE_HEIGHT,
      .out = request->out,
  };
  GError *failure = NULL;
  guint i = 0;

  while (!g_str_equal(charts[i].name, request->chart))
    i++;
  g_string_append_printf(commands, "set title \"%s\" noenhanced\n", charts[i].title);
  *empty = !makers[i](&plot, &failure);
  if (failure != NULL) {
    g_propagate_error(error, failure);
    *empty = FALSE;
    return FALSE;
  }
  drawing.height = MAX(drawing.height, plot.height);
  drawing.commands = commands->str;
  drawing.data = data->str;
  return !*empty && gnuplot_draw(&drawing, error);
}

gboolean
plot_folder(Stored *stored, GnuplotFormat format, const char *figure, const char *folder,
            guint *drawn, GError **error)
{
  static const char *const suffixes[] = {
      [GNUPLOT_TEXT] = "txt", [GNUPLOT_SVG] = "svg", [GNUPLOT_PNG] = "png", [GNUPLOT_PDF] = "pdf"};

  if (g_mkdir_with_parents(folder, 0777) != 0) {
    int saved = errno;
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(saved),
                "cannot make the folder %s: %s", folder, g_strerror(saved));
    return FALSE;
  }
  *drawn = 0;
  for (guint i = 0; charts[i].name != NULL; i++) {
    g_autofree char *name = g_strconcat(charts[i].name, ".", suffixes[format], NULL);
    g_autofree char *out = g_build_filename(folder, name, NULL);
    const PlotRequest request = {
        .chart = charts[i].name, .figure = figure, .format = format, .out = out};
    gboolean empty;
    if (plot_chart(stored, &request, &empty, error))
      ++*drawn;
    else if (!empty)
      return FALSE;
  }
  return TRUE;
}
