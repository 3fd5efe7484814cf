/* spillway compare: one scenario under several overflow policies, side by side. */
#include "cli.h"

#include <stdio.h>
#include <string.h>

#include "scenario/run/execute.h"
#include "scenario/message.h"
#include "dry_run.h"
#include "format_option.h"
#include "report/summary.h"
#include "report/text.h"
#include "scenario/settings.h"
#include "scenario/settings_files.h"
#include "scenario/settings_policies.h"
#include "run_options.h"
#include "terminal.h"

#define SUMMARY                                                                                    \
  "Replays a trace under several overflow policies (--overflow a,b,c, or all; recompute,swap if\n" \
  "not given) and puts them side by side, the best of each row marked."

#define EXAMPLES                                                                                   \
  "Examples:\n"                                                                                    \
  "  spillway compare --model llama-2-7b --device a100-40gb --trace demo --kv-memory 12%\n"        \
  "  spillway compare --model llama-2-7b --device a100-40gb --trace study-burst \\\n"              \
  "      --scheduler vllm-0.6 --kv-memory 20% --swap-space 32 --overflow recompute,swap \\\n"      \
  "      -o results.db\n"                                                                          \
  "\n"                                                                                             \
  "Exit status: 0 done; 1 the engine did not end well under a policy (the table is printed);\n"    \
  "2 the command line or a file is wrong."

typedef struct {
  Settings *settings;
  Workload *workload;
  Measured *against; /* NULL: nothing */
  Results *results;
  PerfettoWindow window;
  GPtrArray *scenarios; /* of Scenario */
  GArray *records;      /* of RunRecord */
} Comparison;

/* "log.jsonl" → "log.swap.jsonl": a file a policy. */
static char *
path_for(const char *path, const char *policy)
{
  const char *name, *dot;

  if (path == NULL)
    return NULL;
  name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
  dot = strchr(name, '.');
  if (dot == NULL || dot == name)
    return g_strdup_printf("%s.%s", path, policy);
  return g_strdup_printf("%.*s.%s%s", (int)(dot - path), path, policy, dot);
}

/* What this policy's run reads and writes. */
static gboolean
check_files(const Settings *settings, const char *policy, GError **error)
{
  g_autoptr(Settings) own = settings_copy(settings);
  char **const paths[] = {&own->decisions, &own->requests, &own->perfetto};

  for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
    char *path = path_for(*paths[i], policy);
    g_free(*paths[i]);
    *paths[i] = path;
  }
  return settings_check_files(own, error);
}

static Scenario *
resolve(const Comparison *c, char *const *names, guint i, GError **error)
{
  const PolicyKind *kind = &policy_kinds[POLICY_OVERFLOW];
  g_autoptr(Settings) one = settings_copy(c->settings);
  g_autoptr(Scenario) scenario = NULL;

  if (!settings_set(one, "overflow", names[i], error) || !check_files(one, names[i], error))
    return NULL;
  settings_forget_others(one, kind, names[i], (const char *const *)names);
  scenario = scenario_new(one, "compare", i > 0, error);
  if (scenario == NULL || !scenario_runs_among_others(scenario, error))
    return NULL;
  return g_steal_pointer(&scenario);
}

/* Resolves every policy before any is run, so that a wrong name costs no time. Under --overflow
 * all, a policy that cannot be run with the other options is left out, with a note. */
static gboolean
resolve_all(Comparison *c, GError **error)
{
  const PolicyKind *kind = &policy_kinds[POLICY_OVERFLOW];
  const char *list = c->settings->overflow != NULL ? c->settings->overflow : "recompute,swap";
  g_auto(GStrv) names = settings_policy_list(kind, list, error);

  for (guint i = 0; names != NULL && names[i] != NULL; i++) {
    g_autoptr(GError) mine = NULL;
    Scenario *scenario = resolve(c, names, i, &mine);
    if (scenario != NULL) {
      if (i > 0)
        scenario_tell_doubts(scenario, c->scenarios, "compare");
      g_ptr_array_add(c->scenarios, scenario);
    } else if (i > 0 && g_str_equal(list, "all")) {
      cli_note("compare", "left out: %s", mine->message);
    } else {
      g_propagate_error(error, g_steal_pointer(&mine));
      return FALSE;
    }
  }
  return names != NULL;
}

static int
run_all(Comparison *c)
{
  Unlimited unlimited = {0};
  int status = CLI_DONE;

  for (guint i = 0; i < c->scenarios->len; i++) {
    const Scenario *scenario = g_ptr_array_index(c->scenarios, i);
    const char *policy = scenario->config.overflow->base.name;
    g_autofree char *decisions = path_for(c->settings->decisions, policy);
    g_autofree char *requests = path_for(c->settings->requests, policy);
    g_autofree char *perfetto = path_for(c->settings->perfetto, policy);
    const Execution execution = {
        .workload = c->workload,
        .settings = c->settings,
        .verb = "compare",
        .name = policy,
        .stride = !c->settings->no_stride,
        .decisions = decisions,
        .requests = requests,
        .perfetto = perfetto,
        .perfetto_window = c->window,
        .against = c->against,
        .results = c->results,
        .unlimited = &unlimited,
    };
    RunRecord record;
    int run_status = execute_scenario(scenario, &execution, &record);
    status = MAX(status, run_status);
    g_array_append_val(c->records, record);
  }
  return status;
}

static void
print_records(const Comparison *c, OutputFormat format)
{
  static const TerminalColumns terminal = {.fallback = 120, .min = 60, .max = 1000};
  const RunRecord *records = (const RunRecord *)(gpointer)c->records->data;
  guint n = c->records->len;
  g_autofree char *text = format == OUTPUT_JSON ? comparison_json(records, n)
                          : format == OUTPUT_CSV
                              ? summary_csv(records, n, TRUE)
                              : comparison_text(records, n, terminal_columns(&terminal));
  output_format_print(format, text);
}

static int
compare(Comparison *c)
{
  g_autoptr(GError) error = NULL;
  OutputFormat format;
  int status = CLI_DONE, run_status;

  if (!output_format_parse(c->settings->format, &format, &error) ||
      !perfetto_window_parse(c->settings, &c->window, &error) || !resolve_all(c, &error) ||
      (c->workload = scenario_read_workload(c->settings, "compare", &error)) == NULL ||
      ((c->against = execute_read_against(c->settings->against, c->workload, "compare", &error)) ==
           NULL &&
       error != NULL))
    return cli_error(CLI_USAGE, "compare", "%s", error->message);
  if (c->settings->dry_run) {
    dry_run_print(c->scenarios, c->settings, format);
    return CLI_DONE;
  }
  if (!execute_open_results(c->settings->output, "compare", &c->results))
    status = CLI_USAGE;
  run_status = run_all(c);
  print_records(c, format);
  return MAX(status, run_status);
}

int
command_compare(int argc, char **argv)
{
  Comparison c = {
      .settings = settings_new(),
      .scenarios = g_ptr_array_new_with_free_func((GDestroyNotify)scenario_free),
      .records = g_array_new(FALSE, FALSE, sizeof(RunRecord)),
  };
  int status = CLI_USAGE;

  g_array_set_clear_func(c.records, (GDestroyNotify)run_record_clear);
  if (settings_parse(c.settings, "compare", SUMMARY, EXAMPLES, &argc, &argv, &status))
    status = compare(&c);
  g_array_unref(c.records);
  g_ptr_array_unref(c.scenarios);
  results_free(c.results);
  measured_free(c.against);
  workload_free(c.workload);
  settings_free(c.settings);
  return status;
}
