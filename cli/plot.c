/* spillway plot: charts of results, with characters or as one picture. */
#include "cli.h"

#include <stdio.h>
#include <string.h>

#include "report/plot/plot.h"
#include "results_options.h"
#include "scenario/output_file.h"
#include "terminal.h"

#define ROWS 26

#define SUMMARY                                                                                    \
  "Draws charts of results databases in the terminal, or one of them as a picture. Needs gnuplot."

#define EXAMPLES                                                                                   \
  "Examples:\n"                                                                                    \
  "  spillway plot results.db\n"                                                                   \
  "  spillway plot results.db --chart ttft,overhead --runs recompute,swap\n"                       \
  "  spillway plot study.db --chart study --figure ttft_s.p99 -o ttft.svg\n"                       \
  "\n"                                                                                             \
  "Exit status: 0 done; 1 gnuplot is missing, the picture cannot be written, or these runs have\n" \
  "nothing for the chart; 2 the command line or a file is wrong."

static char *
describe_charts(void)
{
  GString *text = g_string_new("Charts:\n");

  for (const PlotChart *chart = plot_charts(); chart->name != NULL; chart++)
    g_string_append_printf(text, "  %-11s %s\n", chart->name, chart->title);
  g_string_append_printf(text, "\n%s", EXAMPLES);
  return g_string_free(text, FALSE);
}

static gboolean
check_charts(char **charts, const char *out, GError **error)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new();
  guint n = 0;

  for (const PlotChart *chart = plot_charts(); chart->name != NULL; chart++)
    g_ptr_array_add(names, (gpointer)chart->name);
  g_ptr_array_add(names, NULL);
  for (; charts[n] != NULL; n++) {
    g_autofree char *hint = NULL, *all = NULL;
    if (g_strv_contains((const char *const *)names->pdata, charts[n]))
      continue;
    hint = typed_hint(charts[n], (const char *const *)names->pdata);
    all = g_strjoinv(", ", (char **)names->pdata);
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "--chart: found '%s', expected %s%s", charts[n], all, hint);
    return FALSE;
  }
  if (n == 1 || (n > 0 && out == NULL))
    return TRUE;
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
              "--chart: found %u charts, expected %s", n,
              out != NULL ? "one, for one picture; 'spillway report --format' draws all" : "some");
  return FALSE;
}

static gboolean
check_out(const char *out, char **paths, GError **error)
{
  const NamedFile output = {"-o", out};

  for (; *paths != NULL; paths++)
    if (!output_file_check(&output, 1, &(NamedFile){"RESULTS.db", *paths}, 1, error))
      return FALSE;
  return TRUE;
}

/* Those that these runs have nothing for are named, unless nobody asked for them. */
static int
draw(Stored *stored, char **charts, gboolean asked, PlotRequest *request)
{
  guint drawn = 0;

  for (guint i = 0; charts[i] != NULL; i++) {
    g_autoptr(GError) error = NULL;
    gboolean empty;
    request->chart = charts[i];
    if (plot_chart(stored, request, &empty, &error))
      drawn++;
    else if (!empty)
      return results_error_status("plot", error);
    else if (asked)
      cli_note("plot", "%s: these runs have nothing to draw there", charts[i]);
  }
  if (drawn == 0)
    return cli_error(
        CLI_FAILED, "plot",
        "there is nothing to draw; --chart names other charts, and 'spillway sweep --detail "
        "series' keeps what most of them draw");
  return CLI_DONE;
}

int
command_plot(int argc, char **argv)
{
  static const TerminalColumns terminal = {.fallback = 100, .min = 40, .max = 160};
  g_autofree char *runs = NULL, *figure = NULL, *out = NULL, *chart_list = NULL;
  const GOptionEntry entries[] = {
      {"chart", 0, 0, G_OPTION_ARG_STRING, &chart_list,
       "which (default throughput,kv,study: those there are)", "LIST"},
      {"out", 'o', 0, G_OPTION_ARG_FILENAME, &out,
       "where to draw: FILE.svg, .png or .pdf; the terminal if not given", "FILE"},
      RESULTS_OPTION_RUNS(&runs),
      RESULTS_OPTION_FIGURE(&figure),
      {NULL, 0, 0, 0, NULL, NULL, NULL},
  };
  g_autofree char *more = describe_charts();
  g_auto(GStrv) charts = NULL;
  g_autoptr(Stored) stored = NULL;
  g_autoptr(GError) error = NULL;
  PlotRequest request = {0};
  int status;
  const VerbOptions usage = {.name = "plot",
                             .arguments = "RESULTS.db…",
                             .summary = SUMMARY,
                             .examples = more,
                             .own = entries};

  if (!verb_parse(&usage, &argc, &argv, &status))
    return status;
  if (!gnuplot_format_of(out, &request.format))
    return cli_error(CLI_USAGE, "plot",
                     "-o: found '%s', expected a name that ends in .svg, .png or .pdf", out);
  charts = g_strsplit(chart_list != NULL ? chart_list
                      : out != NULL      ? "kv"
                                         : "throughput,kv,study",
                      ",", -1);
  if (!check_charts(charts, out, &error) || !check_out(out, argv + 1, &error) ||
      (out != NULL && !output_file_check_folder(out, "-o", &error)) ||
      !results_figure_check(&figure, &error) ||
      (stored = results_options_open(argv, runs, &error)) == NULL)
    return cli_error(CLI_USAGE, "plot", "%s", error->message);
  request.figure = figure;
  request.out = out;
  if (out == NULL) {
    request.width = terminal_columns(&terminal);
    request.height = ROWS;
  }
  return draw(stored, charts, chart_list != NULL, &request);
}
