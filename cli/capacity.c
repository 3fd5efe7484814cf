/* spillway capacity: the load that a server holds within given limits, and the settings that hold
 * most. */
#include "cli.h"

#include <stdio.h>

#include "format_option.h"
#include "report/page/page.h"
#include "results_options.h"
#include "run_options.h"
#include "scenario/output_file.h"
#include "scenario/settings_files.h"
#include "scenario/workload/workload_source.h"
#include "study/capacity/capacity.h"
#include "study/transport.h"

#define VERB "capacity"
#define SEEDS 5

#define SUMMARY                                                                                    \
  "Finds the highest load at which the limits of --slo hold, with its confidence, for the "        \
  "options\n"                                                                                      \
  "given or for every setting of a study file's grid, on all cores. Every load has the same "      \
  "random\n"                                                                                       \
  "numbers. Options on the command line go before the file's [run]."

#define EXAMPLES                                                                                   \
  "Examples:\n"                                                                                    \
  "  spillway capacity --model llama-3.1-8b --device l40s --random-input-len 1024 \\\n"            \
  "      --random-output-len 256 --slo 'ttft:p99<2s,tpot:p99<50ms'\n"                              \
  "  spillway capacity settings.ini --slo 'ttft:p99<2s' --search concurrency -o settings.db\n"     \
  "  spillway capacity --model llama-3.1-8b --device l40s --trace chat-hour --slo 'e2e:p90<20s' "  \
  "\\\n"                                                                                           \
  "      --page capacity.html\n"                                                                   \
  "\n"                                                                                             \
  "Exit status: 0 done; 1 stopped, or no setting could be searched; 2 the command line, the "      \
  "study\n"                                                                                        \
  "or a file is wrong."

typedef struct {
  Settings *settings;
  char *search, *output, *page, *format, *jobs, *seeds, *library;
  guint n_jobs, n_seeds;
  OutputFormat output_format;
  Study *study;
  StudyPlan *plan;
  Results *results;
  Capacity capacity;
} CapacityVerb;

static gboolean
refuse(GError **error, const char *message)
{
  g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, message);
  return FALSE;
}

static gboolean
parse_search(CapacityVerb *v, GError **error)
{
  v->capacity.kind = SEARCH_RATE;
  if (v->search == NULL)
    return TRUE;
  while (search_kinds[v->capacity.kind] != NULL &&
         !g_str_equal(v->search, search_kinds[v->capacity.kind]))
    v->capacity.kind++;
  if (search_kinds[v->capacity.kind] != NULL)
    return TRUE;
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
              "--search: found '%s', expected rate or concurrency", v->search);
  return FALSE;
}

static gboolean
check_options(CapacityVerb *v, GError **error)
{
  guint64 jobs = 0, seeds = SEEDS;
  const NamedFile outputs[] = {{"-o", v->output}, {"--page", v->page}};
  const NamedFile library = {"--chart-js", v->library};

  if ((v->jobs != NULL && !typed_uint(v->jobs, "--jobs", 1, JOBS_MAX, &jobs, error)) ||
      (v->seeds != NULL && !typed_uint(v->seeds, "--seeds", 1, 1000, &seeds, error)) ||
      !output_format_parse(v->format, &v->output_format, error) || !parse_search(v, error) ||
      !settings_check_outputs(v->settings, outputs, 2, &library, 1, error) ||
      (v->page != NULL && !output_file_check_page(v->page, "--page", error)))
    return FALSE;
  v->n_jobs = (guint)jobs;
  v->n_seeds = (guint)seeds;
  return TRUE;
}

/* What is searched for cannot be given. */
static gboolean
check_load(const CapacityVerb *v, const Settings *settings, GError **error)
{
  if (settings->slo == NULL)
    return refuse(error, "--slo is missing: the limits, such as 'ttft:p99<2s,tpot:p99<50ms'");
  if (v->capacity.kind == SEARCH_RATE && settings_given(settings, "request-rate"))
    return refuse(error, "--request-rate: is what is searched for; leave it out, or give "
                         "--search concurrency");
  if (v->capacity.kind == SEARCH_RATE && settings_given(settings, "time-scale"))
    return refuse(error, "--time-scale: the load is a rate that is searched for; leave it out");
  if (v->capacity.kind == SEARCH_CONCURRENCY && settings_given(settings, "max-concurrency"))
    return refuse(error, "--max-concurrency: is what is searched for; leave it out");
  return TRUE;
}

/* Whether another seed makes another run: else one is enough. */
static gboolean
is_seeded(const CapacityVerb *v)
{
  return v->capacity.kind == SEARCH_RATE || workload_is_seeded(v->settings);
}

static gboolean
prepare(CapacityVerb *v, const char *path, GError **error)
{
  const NamedFile outputs[] = {{"-o", v->output}, {"--page", v->page}};
  g_autoptr(Settings) first = NULL;

  /* Without a trace or any length requests are drawn as the benchmark's client does. */
  if (path == NULL && workload_source(v->settings) == WORKLOAD_NONE &&
      !settings_set(v->settings, "num-prompts", "1000", error))
    return FALSE;
  if (path != NULL && v->seeds != NULL)
    return refuse(error, "--seeds: a study file has its own, in [study]; leave it out");
  if (path != NULL && settings_given(v->settings, "seed"))
    return refuse(error, "--seed: a study file has its seeds, in [study]; leave it out");
  v->study = path != NULL ? study_read(path, error)
                          : study_of_one(VERB, v->settings, is_seeded(v) ? v->n_seeds : 1);
  if (v->study == NULL ||
      (path != NULL && !study_check_outputs(v->study, outputs, G_N_ELEMENTS(outputs), error)))
    return FALSE;
  v->study->base = v->settings;
  first = study_settings(v->study, 0, 0);
  if (!check_load(v, first, error) || !slo_parse(first->slo, &v->capacity.slo, error))
    return FALSE;
  v->plan = study_plan_new(v->study, v->capacity.shelf, error);
  v->capacity.plan = v->plan;
  if (v->plan == NULL)
    return FALSE;
  shelf_tell_notes(v->capacity.shelf, VERB);
  return v->output == NULL ||
         (v->results = results_open(v->output, RESULTS_LOCK_WAIT_MS, error)) != NULL;
}

static int
print(CapacityVerb *v)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *text = v->output_format == OUTPUT_JSON  ? capacity_json(&v->capacity)
                          : v->output_format == OUTPUT_CSV ? capacity_csv(&v->capacity)
                                                           : capacity_text(&v->capacity);

  output_format_print(v->output_format, text);
  if (v->page != NULL) {
    json_auto_t *data = capacity_page_data(&v->capacity);
    if (!page_write_data(data, "capacity.js", v->library, v->page, &error))
      return cli_error(CLI_FAILED, VERB, "%s", error->message);
  }
  for (guint i = 0; i < v->capacity.failures->len; i++)
    if (g_ptr_array_index(v->capacity.failures, i) == NULL)
      return CLI_DONE;
  return cli_error(CLI_FAILED, VERB, "%s",
                   (const char *)g_ptr_array_index(v->capacity.failures, 0));
}

static int
search(CapacityVerb *v, const char *path)
{
  g_autoptr(GError) error = NULL;
  guint n_run = 0;

  if (!check_options(v, &error) || !prepare(v, path, &error))
    return cli_error(CLI_USAGE, VERB, "%s", error->message);
  if (!capacity_run(&v->capacity, v->results, v->n_jobs, &n_run, &error)) {
    if (error != NULL)
      return results_search_status(VERB, error);
    return cli_error(CLI_FAILED, VERB, "stopped: %u searches were made%s", n_run,
                     v->results != NULL ? " and are kept; start it again to go on"
                                        : "; -o FILE.db keeps them");
  }
  cli_note(VERB, "%u search%s made now, %u in all", n_run, n_run == 1 ? "" : "es",
           v->plan->table.cells->len);
  return print(v);
}

static void
verb_clear(CapacityVerb *v)
{
  results_free(v->results);
  study_plan_free(v->plan);
  study_free(v->study);
  shelf_free(v->capacity.shelf);
  g_ptr_array_unref(v->capacity.searches);
  g_ptr_array_unref(v->capacity.failures);
  settings_free(v->settings);
  g_free(v->search);
  g_free(v->output);
  g_free(v->page);
  g_free(v->format);
  g_free(v->jobs);
  g_free(v->seeds);
  g_free(v->library);
}

static void
drop_search(gpointer search)
{
  json_decref(search);
}

int
command_capacity(int argc, char **argv)
{
  CapacityVerb v = {.settings = settings_new(),
                    .capacity = {.shelf = shelf_new(),
                                 .searches = g_ptr_array_new_with_free_func(drop_search),
                                 .failures = g_ptr_array_new_with_free_func(g_free)}};
  const GOptionEntry entries[] = {
      {"search", 0, 0, G_OPTION_ARG_STRING, &v.search,
       "the load: rate (requests a second, default) or concurrency (requests under way)", "KIND"},
      {"seeds", 0, 0, G_OPTION_ARG_STRING, &v.seeds,
       "replicas, for the interval (default 5; a study file has its own)", "N"},
      {"output", 'o', 0, G_OPTION_ARG_FILENAME, &v.output,
       "keep finished searches in a results database, and go on from it", "FILE.db"},
      {"page", 0, 0, G_OPTION_ARG_FILENAME, &v.page,
       "a page with load against latency, the limits drawn in", "FILE.html"},
      CHART_JS_OPTION(v.library),
      FORMAT_OPTION(v.format),
      {"jobs", 'j', 0, G_OPTION_ARG_STRING, &v.jobs,
       "how many searches to make at once (default: the number of cores)", "N"},
      {NULL, 0, 0, 0, NULL, NULL, NULL},
  };
  const VerbOptions options = {.name = VERB,
                               .summary = SUMMARY,
                               .examples = EXAMPLES,
                               .arguments = "[STUDY.ini]",
                               .own = entries};
  int status = CLI_DONE;

  if (settings_parse_beside(v.settings, &options, &argc, &argv, &status))
    status = argc <= 2 ? search(&v, argc == 2 ? argv[1] : NULL)
                       : settings_refuse_argument(VERB, argv[2]);
  verb_clear(&v);
  return status;
}
