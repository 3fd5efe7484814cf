#include "results_options.h"

#include "cli.h"
#include "scenario/typed.h"
#include "report/figures.h"
#include "report/results/results.h"

Stored *
results_options_open(char **argv, const char *runs, GError **error)
{
  if (argv[1] == NULL) {
    g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                        "expected a results database; 'spillway compare -o FILE.db' writes one");
    return NULL;
  }
  return stored_open((const char *const *)argv + 1, runs, error);
}

int
results_error_status(const char *verb, const GError *error)
{
  return cli_error(error->domain == RESULTS_ERROR ? CLI_USAGE : CLI_FAILED, verb, "%s",
                   error->message);
}

int
results_search_status(const char *verb, const GError *error)
{
  gboolean damaged = g_error_matches(error, RESULTS_ERROR, RESULTS_ERROR_DAMAGED);

  return cli_error(damaged ? CLI_USAGE : CLI_FAILED, verb, "%s", error->message);
}

gboolean
results_figure_check(char **figure, GError **error)
{
  guint n;
  const Figure *all = figures(&n);
  g_autofree const char **keys = g_new0(const char *, n + 1);
  g_autofree char *hint = NULL;
  guint n_keys = 0;

  if (*figure == NULL)
    *figure = g_strdup("e2e_s.mean");
  for (guint i = 0; i < n; i++) {
    if (figure_is_text(&all[i]))
      continue;
    if (g_str_equal(all[i].key, *figure))
      return TRUE;
    keys[n_keys++] = all[i].key;
  }
  hint = typed_hint(*figure, keys);
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
              "--figure: found '%s', expected a figure of the summary, such as ttft_s.p99%s",
              *figure, hint);
  return FALSE;
}
