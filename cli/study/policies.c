/* spillway study policies: a map of which policy is best where. */
#include "study.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/format_option.h"
#include "report/page/page.h"
#include "cli/results_options.h"
#include "scenario/output_file.h"
#include "study/policies/output.h"
#include "study/transport.h"

#define VERB "study policies"

#define SUMMARY                                                                                    \
  "Says which overflow, victim and admission policy is best where, and by how much: over memory\n" \
  "pressure, lengths of prompts and outputs, the link's speed, models with much and little KV a\n" \
  "token, engines; and on traces. At each point the engine's own policies run, and every other\n"  \
  "one in their place, with the same random numbers. Killed at any moment, it goes on when\n"      \
  "started again."

#define EXAMPLES                                                                                   \
  "A pressure of 2: the pool has half of what the traffic would hold at its peak, with memory\n"   \
  "for all. Generated requests come as fast as a server with memory for all has 32 under way.\n"   \
  "\n"                                                                                             \
  "Examples:\n"                                                                                    \
  "  spillway study policies -o policies.db --page policies.html\n"                                \
  "  spillway study policies -o policies.db --budget 2m\n"                                         \
  "  spillway study policies -o traces.db --prompts none --trace mooncake.jsonl --trace "          \
  "azure-code.csv \\\n"                                                                            \
  "      --models llama-3.1-8b --engines vllm,sglang --figure ttft_s.p99 --page traces.html\n"     \
  "\n"                                                                                             \
  "Exit status: 0 done, or the budget is spent (a line says what is left); 1 stopped, or the\n"    \
  "page cannot be written; 2 the command line or a file is wrong."

typedef struct {
  char *device, *engines, *models, *links, *pressures, *prompts, *outputs; /* as typed, or NULL */
  char *requests, *seeds, *figure, *budget, *output, *page, *library, *format, *jobs;
  char **traces;
} PoliciesOptions;

static void
policies_options_clear(PoliciesOptions *o)
{
  char **const texts[] = {&o->device,    &o->engines, &o->models,  &o->links,
                          &o->pressures, &o->prompts, &o->outputs, &o->requests,
                          &o->seeds,     &o->figure,  &o->budget,  &o->output,
                          &o->page,      &o->library, &o->format,  &o->jobs};

  for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
    g_free(*texts[i]);
  g_strfreev(o->traces);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PoliciesOptions, policies_options_clear)

/* What the options come to. */
typedef struct {
  MapRequest request;
  MapRunOptions run;
  guint figure;
  OutputFormat format;
} Policies;

static void
policies_clear(Policies *p)
{
  MapRequest *r = &p->request;

  g_free(r->device);
  g_strfreev(r->engines);
  g_strfreev(r->models);
  g_strfreev(r->traces);
  g_clear_pointer(&r->links, g_array_unref);
  g_clear_pointer(&r->pressures, g_array_unref);
  g_clear_pointer(&r->prompts, g_array_unref);
  g_clear_pointer(&r->outputs, g_array_unref);
  results_free(p->run.results);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Policies, policies_clear)

static gboolean
refuse_twice(const char *option, const char *what, GError **error)
{
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
              "%s: found %s twice, expected it once", option, what);
  return FALSE;
}

/* "a,b,c", each once. NULL with an error. */
static char **
parse_names(const char *text, const char *option, GError **error)
{
  /* An empty text has one empty name. */
  g_auto(GStrv) names = g_strsplit(*text != '\0' ? text : ",", ",", -1);

  for (guint i = 0; names[i] != NULL; i++) {
    g_strstrip(names[i]);
    if (*names[i] == '\0') {
      g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                  "%s: found '%s', expected names with commas between them", option, text);
      return NULL;
    }
    for (guint j = 0; j < i; j++)
      if (g_str_equal(names[i], names[j])) {
        refuse_twice(option, names[i], error);
        return NULL;
      }
  }
  return g_steal_pointer(&names);
}

/* Engines are names of schedulers; ":uncached" is all that may follow one. */
static gboolean
check_engines(char **engines, GError **error)
{
  for (guint i = 0; engines[i] != NULL; i++) {
    const char *colon = strchr(engines[i], ':');
    if (colon == NULL || (g_str_equal(colon, ":uncached") && g_str_has_prefix(engines[i], "vllm")))
      continue;
    g_set_error(
        error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
        "--engines: found '%s', expected a scheduler, such as vllm, or vllm:uncached, which "
        "is without prefix caching",
        engines[i]);
    return FALSE;
  }
  return TRUE;
}

static GArray *
parse_reals(const char *text, const char *option, double min, double max, GError **error)
{
  g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(double));
  g_auto(GStrv) words = g_strsplit(*text != '\0' ? text : ",", ",", -1);

  for (guint i = 0; words[i] != NULL; i++) {
    double value;
    if (!typed_real(g_strstrip(words[i]), option, min, max, &value, error))
      return NULL;
    for (guint j = 0; j < values->len; j++)
      if (g_array_index(values, double, j) == value) {
        refuse_twice(option, words[i], error);
        return NULL;
      }
    g_array_append_val(values, value);
  }
  return g_steal_pointer(&values);
}

static const char *
or_else(const char *text, const char *fallback)
{
  return text != NULL ? text : fallback;
}

/* "none": only traces are run. */
static GArray *
parse_prompts(const char *text, GError **error)
{
  if (g_strcmp0(text, "none") == 0)
    return g_array_new(FALSE, FALSE, sizeof(double));
  return parse_reals(or_else(text, "256,1024,4096"), "--prompts", 2, 1e6, error);
}

static gboolean
parse_axes(const PoliciesOptions *o, MapRequest *r, GError **error)
{
  r->device = g_strdup(or_else(o->device, "h100-sxm"));
  return (r->engines = parse_names(or_else(o->engines, "vllm,vllm:uncached,vllm-0.6,sglang"),
                                   "--engines", error)) != NULL &&
         check_engines(r->engines, error) &&
         (r->models =
              parse_names(or_else(o->models, "yarn-llama-2-7b-64k,llama-3.1-8b,llama-3.1-8b:fp8"),
                          "--models", error)) != NULL &&
         (r->links = parse_reals(or_else(o->links, "0.25,1,8"), "--links", 1e-3, 1e3, error)) !=
             NULL &&
         (r->pressures = parse_reals(or_else(o->pressures, "1.25,2,4"), "--pressures", 1, 100,
                                     error)) != NULL &&
         (r->prompts = parse_prompts(o->prompts, error)) != NULL &&
         (r->outputs =
              parse_reals(or_else(o->outputs, "64,256,1024"), "--outputs", 2, 1e6, error)) != NULL;
}

/* The shipped traces, unless --trace names others; "none" leaves them out. */
static gboolean
parse_traces(char **typed, MapRequest *r, GError **error)
{
  static const char *const shipped[] = {"chat-hour", "code-hour", NULL};
  const gboolean is_none =
      typed != NULL && g_strv_length(typed) == 1 && g_str_equal(typed[0], "none");

  r->traces = is_none ? g_new0(char *, 1) : g_strdupv(typed != NULL ? typed : (char **)shipped);
  for (guint i = 0; r->traces[i] != NULL; i++)
    for (guint j = 0; j < i; j++)
      if (g_str_equal(r->traces[i], r->traces[j]))
        return refuse_twice("--trace", r->traces[i], error);
  if (r->traces[0] != NULL || r->prompts->len > 0)
    return TRUE;
  g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                      "--prompts none and --trace none leave nothing to run: leave one out");
  return FALSE;
}

static gboolean
parse_figure(const char *text, guint *figure, GError **error)
{
  enum { JUDGED = 4 }; /* the others are counts */

  for (*figure = 0; *figure < JUDGED; (*figure)++)
    if (text == NULL || g_str_equal(text, map_figures[*figure]))
      return TRUE;
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
              "--figure: found '%s', expected %s, %s, %s or %s", text, map_figures[0],
              map_figures[1], map_figures[2], map_figures[3]);
  return FALSE;
}

static gboolean
parse_numbers(const PoliciesOptions *o, Policies *p, GError **error)
{
  guint64 requests = 200, seeds = 5, jobs = 0;
  gint64 budget_us = 0;

  if ((o->requests != NULL &&
       !typed_uint(o->requests, "--requests", 1, 1000000, &requests, error)) ||
      (o->seeds != NULL && !typed_uint(o->seeds, "--seeds", 1, 1000, &seeds, error)) ||
      (o->jobs != NULL && !typed_uint(o->jobs, "--jobs", 1, JOBS_MAX, &jobs, error)) ||
      (o->budget != NULL && !typed_duration(o->budget, "--budget", &budget_us, error)))
    return FALSE;
  p->request.n_requests = (guint)requests;
  p->request.n_seeds = (guint)seeds;
  p->run.n_workers = (guint)jobs;
  p->run.deadline_us = o->budget != NULL ? g_get_monotonic_time() + budget_us : G_MAXINT64;
  return TRUE;
}

static gboolean
check_files(const PoliciesOptions *o, const MapRequest *r, GError **error)
{
  const NamedFile outputs[] = {{"-o", o->output}, {"--page", o->page}};
  const NamedFile inputs[] = {{"--device", o->device}, {"--chart-js", o->library}};
  g_auto(GStrv) models = g_strsplit(o->models != NULL ? o->models : "", ",", -1);

  if (o->output == NULL) {
    g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                        "-o is missing: the database that takes the results");
    return FALSE;
  }
  for (guint i = 0; r->traces[i] != NULL; i++) {
    const NamedFile input = {"--trace", r->traces[i]};
    if (!output_file_check(outputs, 2, &input, 1, error))
      return FALSE;
  }
  for (guint i = 0; models[i] != NULL; i++)
    if (!output_file_check(outputs, 2, &(NamedFile){"--models", models[i]}, 1, error))
      return FALSE;
  return output_file_check(outputs, 2, inputs, G_N_ELEMENTS(inputs), error) &&
         (o->page == NULL || output_file_check_page(o->page, "--page", error));
}

static void
print_map(const PolicyMap *map, const MapProgress *progress, const Policies *p)
{
  g_autofree char *text = NULL;
  char *dump = NULL;

  if (p->format == OUTPUT_JSON) {
    json_auto_t *root = policy_map_json(map, progress, p->figure);
    dump = json_dumps(root, JSON_REAL_PRECISION(12));
    puts(dump);
    free(dump);
    return;
  }
  text = p->format == OUTPUT_CSV ? policy_map_csv(map, p->figure)
                                 : policy_map_text(map, progress, p->figure);
  output_format_print(p->format, text);
}

/* Runs the jobs that the database lacks, then prints and draws all. */
static int
run_map(Policies *p, const PoliciesOptions *o, PolicyMap *map)
{
  g_autoptr(GError) error = NULL;
  MapProgress progress;

  if (!policy_map_execute(map, &p->run, &progress, &error)) {
    if (error != NULL)
      return results_search_status(VERB, error);
    return cli_error(CLI_FAILED, VERB,
                     "stopped: %u of %u jobs were run and are kept; start it again to go on",
                     progress.n_before + progress.n_now, progress.n_jobs);
  }
  print_map(map, &progress, p);
  cli_note(VERB, "%u jobs run now, %u of %u done%s", progress.n_now,
           progress.n_before + progress.n_now, progress.n_jobs,
           progress.n_before + progress.n_now < progress.n_jobs
               ? ": the budget is spent; start it again to go on"
               : "");
  if (o->page != NULL) {
    json_auto_t *data = policy_map_json(map, &progress, p->figure);
    if (!page_write_data(data, "policies.js", o->library, o->page, &error))
      return cli_error(CLI_FAILED, VERB, "%s", error->message);
  }
  return CLI_DONE;
}

static int
policies(const PoliciesOptions *o)
{
  g_auto(Policies) p = {0};
  g_autoptr(Shelf) shelf = shelf_new();
  g_autoptr(PolicyMap) map = NULL;
  g_autoptr(GError) error = NULL;

  if (!parse_axes(o, &p.request, &error) || !parse_traces(o->traces, &p.request, &error) ||
      !parse_figure(o->figure, &p.figure, &error) || !parse_numbers(o, &p, &error) ||
      !output_format_parse(o->format, &p.format, &error) || !check_files(o, &p.request, &error) ||
      (map = policy_map_new(&p.request, shelf, &error)) == NULL ||
      (p.run.results = results_open(o->output, RESULTS_LOCK_WAIT_MS, &error)) == NULL)
    return cli_error(CLI_USAGE, VERB, "%s", error->message);
  shelf_tell_notes(shelf, VERB);
  return run_map(&p, o, map);
}

int
command_study_policies(int argc, char **argv)
{
  g_auto(PoliciesOptions) o = {0};
  const GOptionEntry entries[] = {
      {"output", 'o', 0, G_OPTION_ARG_FILENAME, &o.output,
       "the results database, made or continued", "FILE.db"},
      {"page", 0, 0, G_OPTION_ARG_FILENAME, &o.page, "the maps as a page", "FILE.html"},
      CHART_JS_OPTION(o.library),
      {"device", 0, 0, G_OPTION_ARG_FILENAME, &o.device,
       "a shipped device or profile, or the file of one (default h100-sxm)", "NAME"},
      {"engines", 0, 0, G_OPTION_ARG_STRING, &o.engines,
       "schedulers, of which :uncached is without prefix caching (default "
       "vllm,vllm:uncached,vllm-0.6,sglang)",
       "LIST"},
      {"models", 0, 0, G_OPTION_ARG_FILENAME, &o.models,
       "models, with :fp8 or another type of their KV cache (default "
       "yarn-llama-2-7b-64k,llama-3.1-8b,llama-3.1-8b:fp8: MHA, GQA, an eighth of MHA's KV)",
       "LIST"},
      {"pressures", 0, 0, G_OPTION_ARG_STRING, &o.pressures,
       "what the traffic holds at its peak / the pool (default 1.25,2,4)", "LIST"},
      {"prompts", 0, 0, G_OPTION_ARG_STRING, &o.prompts,
       "mean tokens of prompts (default 256,1024,4096; none: only traces)", "LIST"},
      {"outputs", 0, 0, G_OPTION_ARG_STRING, &o.outputs,
       "mean tokens of outputs (default 64,256,1024)", "LIST"},
      {"links", 0, 0, G_OPTION_ARG_STRING, &o.links,
       "times the speed of the device's link to the host (default 0.25,1,8)", "LIST"},
      {"trace", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o.traces,
       "a trace, too, a row each; may be given several times (default chat-hour and code-hour; "
       "none: no trace)",
       "FILE"},
      {"requests", 0, 0, G_OPTION_ARG_STRING, &o.requests,
       "generated requests of a run (default 200)", "N"},
      {"seeds", 0, 0, G_OPTION_ARG_STRING, &o.seeds, "runs of each, for the interval (default 5)",
       "N"},
      {"figure", 0, 0, G_OPTION_ARG_STRING, &o.figure,
       "what is to be good: e2e_s.mean (default), ttft_s.p99, tpot_s.mean, output_tokens_per_s",
       "KEY"},
      {"budget", 0, 0, G_OPTION_ARG_STRING, &o.budget,
       "begin no further runs after that time; the same command goes on", "TIME"},
      FORMAT_OPTION(o.format),
      {"jobs", 'j', 0, G_OPTION_ARG_STRING, &o.jobs,
       "how many runs at once (default: the number of cores)", "N"},
      {NULL, 0, 0, 0, NULL, NULL, NULL},
  };
  int status = CLI_DONE;
  const VerbOptions usage = {
      .name = VERB, .summary = SUMMARY, .examples = EXAMPLES, .own = entries};

  if (!verb_parse(&usage, &argc, &argv, &status))
    return status;
  if (argc > 1)
    return cli_error(CLI_USAGE, VERB, "found '%s', expected only options", argv[1]);
  return policies(&o);
}
