/* spillway report: results databases as one HTML page, or as pictures. */
#include "cli.h"

#include <stdio.h>

#include "format_option.h"
#include "report/page/page.h"
#include "report/plot/plot.h"
#include "results_options.h"
#include "scenario/output_file.h"

#define SUMMARY                                                                                    \
  "Writes what results databases hold as one HTML page that needs nothing else: the comparison,\n" \
  "the course of each run, latencies, overhead, victims, and a study's grid. With --format png,\n" \
  "svg or pdf, a picture a chart into a folder."

#define EXAMPLES                                                                                   \
  "Examples:\n"                                                                                    \
  "  spillway report results.db -o report.html\n"                                                  \
  "  spillway report a100.db h100.db --runs swap -o report.html\n"                                 \
  "  spillway report study.db --format pdf --figure ttft_s.p99 -o figures\n"                       \
  "\n"                                                                                             \
  "Exit status: 0 done; 1 what draws the charts is missing, or the output cannot be written;\n"    \
  "2 the command line or a file is wrong."

/* A picture's name for a page, or the name of what is read, is a mistake. */
static gboolean
check_out(const char *out, const char *const *paths, const char *library, gboolean page,
          GError **error)
{
  const NamedFile output = {"-o", out};
  GnuplotFormat format;

  if (!output_file_check(&output, 1, &(NamedFile){"--chart-js", library}, 1, error))
    return FALSE;
  for (guint i = 0; paths[i] != NULL; i++) {
    const NamedFile input = {"RESULTS.db", paths[i]};
    if (!output_file_check(&output, 1, &input, 1, error))
      return FALSE;
  }
  if (!page)
    return TRUE;
  if (!gnuplot_format_of(out, &format))
    return output_file_check_page(out, "-o", error);
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
              "-o: found '%s', expected an HTML file's name; 'spillway plot --chart NAME -o %s' "
              "draws one picture, '--format png|svg|pdf' all of them into a folder",
              out, out);
  return FALSE;
}

static int
write_page(Stored *stored, const char *library, const char *out)
{
  g_autoptr(GError) error = NULL;

  if (!page_write(stored, library, out, &error))
    return results_error_status("report", error);
  cli_print(out);
  printf(": %u run%s; open it in a browser\n", stored->runs->len,
         stored->runs->len == 1 ? "" : "s");
  return CLI_DONE;
}

static int
write_pictures(Stored *stored, GnuplotFormat format, const char *figure, const char *out)
{
  g_autoptr(GError) error = NULL;
  guint drawn;

  if (!plot_folder(stored, format, figure, out, &drawn, &error))
    return results_error_status("report", error);
  cli_print(out);
  printf(": %u chart%s\n", drawn, drawn == 1 ? "" : "s");
  return CLI_DONE;
}

int
command_report(int argc, char **argv)
{
  g_autofree char *runs = NULL, *figure = NULL, *out = NULL, *format_name = NULL, *library = NULL;
  const GOptionEntry entries[] = {
      {"out", 'o', 0, G_OPTION_ARG_FILENAME, &out,
       "the page, or the pictures' folder (default report.html, figures)", "FILE"},
      {"format", 0, 0, G_OPTION_ARG_STRING, &format_name, "html (default), png, svg or pdf",
       "FORMAT"},
      RESULTS_OPTION_RUNS(&runs),
      RESULTS_OPTION_FIGURE(&figure),
      CHART_JS_OPTION(library),
      {NULL, 0, 0, 0, NULL, NULL, NULL},
  };
  g_autoptr(Stored) stored = NULL;
  g_autoptr(GError) error = NULL;
  GnuplotFormat format = GNUPLOT_TEXT;
  gboolean page;
  int status;
  const VerbOptions usage = {.name = "report",
                             .arguments = "RESULTS.db…",
                             .summary = SUMMARY,
                             .examples = EXAMPLES,
                             .own = entries};

  if (!verb_parse(&usage, &argc, &argv, &status))
    return status;
  page = format_name == NULL || g_str_equal(format_name, "html");
  if (!page && !gnuplot_format(format_name, &format))
    return cli_error(CLI_USAGE, "report", "--format: found '%s', expected html, png, svg or pdf",
                     format_name);
  if (!page && library != NULL)
    return cli_error(CLI_USAGE, "report", "--chart-js: is of the page; --format %s has none",
                     format_name);
  if (page && figure != NULL)
    return cli_error(CLI_USAGE, "report",
                     "--figure: is of pictures (--format); the page has every figure to choose");
  if (out == NULL)
    out = g_strdup(page ? "report.html" : "figures");
  if (!results_figure_check(&figure, &error) ||
      !check_out(out, (const char *const *)argv + 1, library, page, &error) ||
      (stored = results_options_open(argv, runs, &error)) == NULL)
    return cli_error(CLI_USAGE, "report", "%s", error->message);
  return page ? write_page(stored, library, out) : write_pictures(stored, format, figure, out);
}
