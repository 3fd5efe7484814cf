/* spillway run: one scenario, replayed. */
#include "cli.h"

#include <stdio.h>

#include "scenario/run/execute.h"
#include "scenario/executors.h"
#include "dry_run.h"
#include "format_option.h"
#include "gpu.h"
#include "live.h"
#include "report/summary.h"
#include "report/text.h"
#include "scenario/settings.h"
#include "scenario/settings_files.h"
#include "run_options.h"

#define SUMMARY "Replays a trace through an engine's scheduler and says what it took."

#define EXAMPLES                                                                                   \
  "Examples:\n"                                                                                    \
  "  spillway run --model llama-2-7b --device a100-40gb --trace demo\n"                            \
  "  spillway run --model llama-2-7b --device a100-40gb --trace study-burst --kv-memory 12% \\\n"  \
  "      --scheduler vllm-0.6 --overflow swap --swap-space 32 -o results.db\n"                     \
  "  spillway run --model ./config.json --device h100-sxm --trace requests.csv.gz --format json\n" \
  "\n"                                                                                             \
  "Exit status: 0 done; 1 the engine died, was stuck or in a livelock (the summary is printed);\n" \
  "2 the command line or a file is wrong."

static void
print_record(const RunRecord *record, OutputFormat format)
{
  g_autofree char *text = format == OUTPUT_JSON  ? summary_json(record)
                          : format == OUTPUT_CSV ? summary_csv(record, 1, FALSE)
                                                 : summary_text(record);
  output_format_print(format, text);
}

/* Settings that need not be as they were recorded: what costs (durations are the recording's), and
 * what resolves into settings that are compared themselves. */
static const char *const free_of_recording[] = {"executor",
                                                "device",
                                                "host",
                                                "live",
                                                "trace_format",
                                                "unit_copy_steps",
                                                "kv_memory",
                                                "gpu_memory_utilization",
                                                "free_gpu_memory_fraction",
                                                "mem_fraction_static",
                                                "swap_space",
                                                "kv_offloading_size",
                                                "kv_offloading_disk",
                                                "page_size",
                                                "max_total_tokens",
                                                "max_running_requests",
                                                "disable_radix_cache",
                                                "disable_overlap_schedule",
                                                NULL};

/* TRUE if the setting is now as the text in the recording says. A recording that lacks the key is
 * of other policies, or of a program without the setting: then it was off. */
static gboolean
is_as_recorded(const Recording *recording, const char *key, const json_t *value, const char *now)
{
  const char *then = g_hash_table_lookup(recording->config, key);

  if (!g_hash_table_contains(recording->config, key))
    return now == NULL || json_is_false(value) ||
           (json_is_number(value) && json_number_value(value) == 0);
  if (then == NULL || now == NULL || json_is_string(value))
    return g_strcmp0(then, now) == 0;
  return g_ascii_strtod(then, NULL) == g_ascii_strtod(now, NULL);
}

/* Notes each setting by which a replay may differ from its recording. */
static void
note_differences(const Scenario *scenario, const char *verb)
{
  const char *key;
  json_t *value;

  if (scenario->recording == NULL)
    return;
  json_object_foreach(scenario->settings, key, value)
  {
    const char *then = g_hash_table_lookup(scenario->recording->config, key);
    g_autofree char *now = json_is_string(value)    ? g_strdup(json_string_value(value))
                           : json_is_boolean(value) ? g_strdup(json_is_true(value) ? "1" : "0")
                           : json_is_null(value)
                               ? NULL
                               : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
    if (!json_is_object(value) && !json_is_array(value) &&
        !g_strv_contains(free_of_recording, key) &&
        !is_as_recorded(scenario->recording, key, value, now))
      cli_note(verb, "%s was %s when the run was recorded, and is %s now", key,
               then != NULL ? then : "not given", now != NULL ? now : "not given");
  }
}

/* Everything that is read before the run. */
typedef struct {
  Scenario *scenario;
  Workload *workload;
  Measured *against;
  LiveSetup *live;
} Inputs;

static void
inputs_clear(Inputs *inputs)
{
  live_setup_free(inputs->live);
  measured_free(inputs->against);
  workload_free(inputs->workload);
  scenario_free(inputs->scenario);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Inputs, inputs_clear)

/* FALSE after a message, where the verb returns *status. */
static gboolean
read_inputs(Inputs *inputs, const Settings *settings, const char *verb, const LiveDeviceClass *gpu,
            int *status)
{
  g_autoptr(GError) error = NULL;

  if ((inputs->scenario = scenario_new(settings, verb, FALSE, &error)) == NULL ||
      (inputs->workload = scenario_read_workload(settings, verb, &error)) == NULL ||
      ((inputs->against =
            execute_read_against(settings->against, inputs->workload, verb, &error)) == NULL &&
       error != NULL)) {
    *status = cli_error(CLI_USAGE, verb, "%s", error->message);
    return FALSE;
  }
  note_differences(inputs->scenario, verb);
  if (settings->dry_run || !executor_computes(inputs->scenario->executor))
    return TRUE;
  inputs->live = live_setup_new(inputs->scenario, settings, inputs->workload, gpu, NULL, &error);
  if (inputs->live != NULL)
    return TRUE;
  *status =
      cli_error(error->domain == LIVE_ERROR ? CLI_FAILED : CLI_USAGE, verb, "%s", error->message);
  return FALSE;
}

int
run_settings(const Settings *settings, const char *verb, const LiveDeviceClass *gpu)
{
  g_auto(Inputs) inputs = {0};
  g_autoptr(Results) results = NULL;
  g_autoptr(GError) error = NULL;
  OutputFormat format;
  PerfettoWindow window;
  RunRecord record;
  Unlimited unlimited = {0};
  int status = CLI_DONE, run_status;

  if (!settings_check_files(settings, &error) ||
      !output_format_parse(settings->format, &format, &error) ||
      !perfetto_window_parse(settings, &window, &error))
    return cli_error(CLI_USAGE, verb, "%s", error->message);
  if (!read_inputs(&inputs, settings, verb, gpu, &status))
    return status;
  if (settings->dry_run) {
    dry_run_print_one(inputs.scenario, settings, format);
    return CLI_DONE;
  }
  if (!execute_open_results(settings->output, verb, &results))
    status = CLI_USAGE;

  const Execution execution = {
      .workload = inputs.workload,
      .settings = settings,
      .verb = verb,
      .name = inputs.scenario->config.overflow->base.name,
      .stride = !settings->no_stride,
      .decisions = settings->decisions,
      .requests = settings->requests,
      .perfetto = settings->perfetto,
      .perfetto_window = window,
      .against = inputs.against,
      .results = results,
      .live = inputs.live,
      .outputs = settings->output_token_ids,
      .record_steps = settings->record_steps,
      .unlimited = &unlimited,
  };
  run_status = execute_scenario(inputs.scenario, &execution, &record);
  print_record(&record, format);
  run_record_clear(&record);
  return MAX(status, run_status);
}

int
command_run(int argc, char **argv)
{
  g_autoptr(Settings) settings = settings_new();
  g_auto(GStrv) words = g_strdupv(argv);
  int status = CLI_DONE;

  if (!settings_parse(settings, "run", SUMMARY, EXAMPLES, &argc, &argv, &status))
    return status;
  if (g_strcmp0(settings->executor, "gpu") == 0 && !settings->dry_run) {
    /* spillway-gpu has `live` only, not `run`. */
    g_free(words[0]);
    words[0] = g_strdup("live");
    return gpu_run(words);
  }
  return run_settings(settings, "run", NULL);
}
