/* spillway run: one scenario, replayed. */
#include "cli.h"

#include <stdio.h>

#include "execute.h"
#include "format_option.h"
#include "report/summary.h"
#include "report/text.h"
#include "settings.h"

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
  fputs(text, stdout);
}

int
command_run(int argc, char **argv)
{
  g_autoptr(Settings) settings = settings_new();
  g_autoptr(Workload) workload = NULL;
  g_autoptr(Scenario) scenario = NULL;
  g_autoptr(Measured) against = NULL;
  g_autoptr(Results) results = NULL;
  g_autoptr(GError) error = NULL;
  OutputFormat format;
  PerfettoWindow window;
  RunRecord record;
  Unlimited unlimited = {0};
  int status = CLI_DONE, run_status;

  if (!settings_parse(settings, "run", SUMMARY, EXAMPLES, &argc, &argv, &status))
    return status;
  if (!output_format_parse(settings->format, &format, &error) ||
      !perfetto_window_parse(settings, &window, &error) ||
      (scenario = scenario_new(settings, "run", FALSE, &error)) == NULL ||
      (workload = scenario_read_workload(settings, "run", &error)) == NULL ||
      ((against = execute_read_against(settings->against, workload, "run", &error)) == NULL &&
       error != NULL))
    return cli_error(CLI_USAGE, "run", "%s", error->message);
  if (!execute_open_results(settings->output, "run", &results))
    status = CLI_USAGE;

  const Execution execution = {
      .workload = workload,
      .settings = settings,
      .verb = "run",
      .name = scenario->config.overflow->name,
      .stride = !settings->no_stride,
      .decisions = settings->decisions,
      .requests = settings->requests,
      .perfetto = settings->perfetto,
      .perfetto_window = window,
      .against = against,
      .results = results,
      .unlimited = &unlimited,
  };
  run_status = execute_scenario(scenario, &execution, &record);
  print_record(&record, format);
  run_record_clear(&record);
  return MAX(status, run_status);
}
