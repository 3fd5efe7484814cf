/* spillway regret: policies held against the best schedule that can be found, and against bounds.
 */
#include "cli.h"

#include <stdio.h>
#include <unistd.h>

#include "format_option.h"
#include "run_options.h"
#include "scenario/output_file.h"
#include "scenario/settings_files.h"
#include "scenario/workload/workload_source.h"
#include "study/regret/kept.h"
#include "study/regret/regret.h"

#define VERB "regret"
#define MAX_JOBS 256
#define MAX_PLAYS 1e9

#define SUMMARY                                                                                    \
  "Holds overflow and victim policies (--overflow a,b, --victim a,b; all that the engine can\n"    \
  "have if not given) against bounds, and against the best schedule found: at each eviction of\n"  \
  "a run everything else that could have been done is played to the end, what lowers the mean\n"   \
  "latency is kept, until nothing does. It begins from each policy's run. With -o FILE.db what "   \
  "was\n"                                                                                          \
  "played is kept: killed at any moment, or out of its budget, it goes on when started again."

#define EXAMPLES                                                                                   \
  "Examples:\n"                                                                                    \
  "  spillway regret --model llama-2-7b --device a100-40gb --trace demo --kv-memory 12%\n"         \
  "  spillway regret --model llama-2-7b --device a100-40gb --trace demo --kv-memory 12% \\\n"      \
  "      --overflow recompute,swap,auto --victim newest,cheapest --budget 20000\n"                 \
  "  spillway regret --model llama-2-7b --device a100-40gb --trace chat-hour --limit 2000 \\\n"    \
  "      --kv-memory 12% --budget 10m -o regret.db\n"                                              \
  "  spillway regret --model llama-2-7b --device a100-40gb --num-gpu-blocks 40 --exhaustive \\\n"  \
  "      --trace 'gen:--requests 4 --prompt fixed:150 --output fixed:100'\n"                       \
  "\n"                                                                                             \
  "Exit status: 0 done; 1 the engine did not end well under any policy; 2 the command line or a\n" \
  "file is wrong."

typedef struct {
  char *budget, *jobs, *output, *format; /* as typed, or NULL */
  gboolean exhaustive;
} RegretOptions;

/* "2000", a number of runs, or "30s", a time. */
static gboolean
parse_budget(const char *text, SearchBudget *budget, GError **error)
{
  *budget = (SearchBudget){.plays = REGRET_PLAYS, .deadline_us = G_MAXINT64};
  if (text == NULL)
    return TRUE;
  if (g_str_has_suffix(text, "s") || g_str_has_suffix(text, "m") || g_str_has_suffix(text, "h")) {
    budget->plays = G_MAXUINT64;
    return typed_duration(text, "--budget", &budget->deadline_us, error);
  }
  if (typed_uint(text, "--budget", 0, (guint64)MAX_PLAYS, &budget->plays, error))
    return TRUE;
  g_clear_error(error);
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
              "--budget: found '%s', expected a number of runs, at most %g, or a time such as 5m",
              text, (double)MAX_PLAYS);
  return FALSE;
}

static gboolean
parse_jobs(const char *text, guint *n_threads, GError **error)
{
  guint64 jobs = (guint64)CLAMP(sysconf(_SC_NPROCESSORS_ONLN), 1, MAX_JOBS);

  if (text != NULL && !typed_uint(text, "--jobs", 1, MAX_JOBS, &jobs, error))
    return FALSE;
  *n_threads = (guint)jobs;
  return TRUE;
}

static void
print_regret(const Regret *regret, OutputFormat format)
{
  g_autofree char *text = format == OUTPUT_JSON  ? regret_json(regret)
                          : format == OUTPUT_CSV ? regret_csv(regret)
                                                 : regret_text(regret);
  output_format_print(format, text);
}

static gboolean
parse_options(const RegretOptions *options, RegretRequest *request, OutputFormat *format,
              GError **error)
{
  const NamedFile output = {"-o", options->output};

  request->exhaustive = options->exhaustive;
  return output_format_parse(options->format, format, error) &&
         parse_budget(options->budget, &request->budget, error) &&
         parse_jobs(options->jobs, &request->n_threads, error) &&
         settings_check_outputs(request->settings, &output, 1, NULL, 0, error);
}

/* Searches, prints the result, and then says what could not be kept. */
static int
search_and_print(const RegretRequest *request, OutputFormat format)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(Regret) regret = regret_new(request, &error);

  if (regret == NULL)
    return cli_error(error->domain == REGRET_ERROR ? CLI_FAILED : CLI_USAGE, VERB, "%s",
                     error->message);
  print_regret(regret, format);
  if (request->kept != NULL)
    cli_note(VERB,
             "%" G_GUINT64_FORMAT " runs were found, %" G_GUINT64_FORMAT " were played and kept",
             kept_plays_found(request->kept), kept_plays_added(request->kept));
  if (request->kept != NULL && !kept_plays_check(request->kept, &error))
    return cli_error(CLI_USAGE, VERB, "%s", error->message);
  if (regret->is_interrupted)
    return cli_error(CLI_FAILED, VERB,
                     "interrupted: the best schedule is the best of those played until then%s",
                     request->kept != NULL ? "; start it again to go on" : "");
  return CLI_DONE;
}

/* Schedules are compared request by request, by a request's place in the order of arrival. */
static gboolean
has_fixed_order(const Workload *workload, GError **error)
{
  if (workload->turns == NULL)
    return TRUE;
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
              "--trace: found turns that wait for an answer, so that requests arrive in another "
              "order under each schedule; expected one where each request has its time");
  return FALSE;
}

static int
hold(const Settings *settings, const RegretOptions *options)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(Workload) workload = NULL;
  g_autoptr(Results) results = NULL;
  g_autoptr(KeptPlays) kept = NULL;
  RegretRequest request = {.settings = settings, .verb = VERB};
  OutputFormat format;
  int status;

  if (!parse_options(options, &request, &format, &error) ||
      (request.workload = workload = scenario_read_workload(settings, VERB, &error)) == NULL ||
      !has_fixed_order(workload, &error) ||
      (options->output != NULL &&
       ((results = results_open(options->output, RESULTS_LOCK_WAIT_MS, &error)) == NULL ||
        (request.kept = kept =
             kept_plays_new(results, settings, workload_count(workload), &error)) == NULL)))
    return cli_error(CLI_USAGE, VERB, "%s", error->message);
  if (results != NULL)
    results_set_ahead(results, TRUE);
  status = search_and_print(&request, format);
  if (results != NULL)
    results_set_ahead(results, FALSE);
  return status;
}

int
command_regret(int argc, char **argv)
{
  g_autoptr(Settings) settings = settings_new();
  RegretOptions options = {0};
  const GOptionEntry own[] = {
      {"budget", 0, 0, G_OPTION_ARG_STRING, &options.budget,
       "the search plays N runs at most (default 2000), or ends after a time: then it is another "
       "on "
       "another machine",
       "N|TIME"},
      {"exhaustive", 0, 0, G_OPTION_ARG_NONE, &options.exhaustive,
       "also try every schedule there is, where they are few, and tell how near the search came",
       NULL},
      {"jobs", 'j', 0, G_OPTION_ARG_STRING, &options.jobs,
       "threads that play (default: one a core); the result is the same", "N"},
      {"output", 'o', 0, G_OPTION_ARG_FILENAME, &options.output,
       "keep what the search plays in a results database, and go on from it", "FILE.db"},
      FORMAT_OPTION(options.format),
      {0},
  };
  const VerbOptions verb = {.name = VERB, .summary = SUMMARY, .examples = EXAMPLES, .own = own};
  int status = CLI_USAGE;

  if (settings_parse_beside(settings, &verb, &argc, &argv, &status))
    status = argc > 1 ? settings_refuse_argument(VERB, argv[1]) : hold(settings, &options);
  g_free(options.budget);
  g_free(options.jobs);
  g_free(options.output);
  g_free(options.format);
  return status;
}
