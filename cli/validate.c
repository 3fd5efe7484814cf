/* spillway validate: a scenario computed, simulated and replayed, and how the three differ.
 *
 * The costs of the simulation are fitted to other requests, computed before, so that no step is
 * predicted by a fit to itself. On the CPU all costs are fitted. On the GPU they are the profile's,
 * and only the time of this program's host, which no profile has, is fitted.
 */
#include "config.h"

#include "cli.h"
#include "dry_run.h"
#include "scenario/settings_files.h"
#include "study/validation/cost_with_host.h"
#include "scenario/run/execute.h"
#include "scenario/executors.h"
#include "format_option.h"
#include "gpu.h"
#include "live.h"
#include "live/random.h"
#include "report/plot/gnuplot.h"
#include "sim/loop.h"
#include "study/validation/validation.h"
#include "run_options.h"

#include <stdio.h>

#define SUMMARY                                                                                    \
  "Computes a scenario as live does, simulates it and replays it, and prints how far the\n"        \
  "simulation is off, whether that is within what is asked of it, and which operations\n"          \
  "explain it. Takes run's options."

#define EXAMPLES                                                                                   \
  "Examples:\n"                                                                                    \
  "  spillway validate --model llama-2-7b --device measured.db --trace study-burst \\\n"           \
  "      --kv-memory 12% --scheduler vllm-0.6 --overflow swap --swap-space 32 --plot steps.svg\n"  \
  "  spillway validate --executor cpu --model tiny/config.json --num-gpu-blocks 200 \\\n"          \
  "      --trace 'gen:--requests=20 --rate=100 --prompt=uniform:5,60 --output=uniform:5,40'\n"     \
  "\n"                                                                                             \
  "Exit status: 0 done, however far off; 1 the run failed, or its replay decided otherwise;\n"     \
  "2 the command line or a file is wrong."

enum { FIT_REQUESTS = 64, FIT_REQUESTS_GPU = 24, FIT_OUTPUT_GPU = 64 };

typedef struct {
  const Settings *settings;
  const LiveDeviceClass *gpu;
  Scenario *scenario;       /* computed */
  Scenario *model_scenario; /* with the costs of --device; NULL: they are fitted */
  Workload *workload;
  Results *results;
  CostModel *fitted, *with_host;
  GArray
      *copies; /* of RecordedCopies: beside the steps of the computed run; NULL: there are none */
  Disk disk;   /* as its transfers were timed */
  char *cost_text;
  int status;
} Validate;

/* MAX() would say twice what says something. */
static int
worse(int a, int b)
{
  return MAX(a, b);
}

/* Executes one of the three runs into *record. live: NULL where nothing is computed. */
static void
execute(Validate *v, const Scenario *scenario, const LiveSetup *live, const char *name,
        Observer *watch, RunRecord *record)
{
  const Settings *settings = v->settings;
  Unlimited unlimited = {.known = TRUE, .makespan_ps = -1};
  Execution execution = {
      .workload = v->workload,
      .settings = settings,
      .verb = "validate",
      .name = name,
      .stride = !settings->no_stride,
      .results = v->results,
      .record_steps = settings->record_steps,
      .live = live,
      .copies_ended = live != NULL ? v->copies : NULL,
      .observer = watch,
      .unlimited = &unlimited,
  };
  int status;

  if (live != NULL) {
    execution.decisions = settings->decisions;
    execution.requests = settings->requests;
    execution.outputs = settings->output_token_ids;
  }
  status = execute_scenario(scenario, &execution, record);
  v->status = MAX(v->status, status);
}

/* Requests for the fit, which all arrive at once: each has the lengths of a request of the trace,
 * drawn at random, times a factor from 0.5 to 1.5. */
static Workload *
make_fit_workload(const Validate *v)
{
  guint32 n = workload_count(v->workload), longest = v->scenario->config.max_model_len;
  gboolean host_alone = v->model_scenario != NULL;
  guint64 key = random_key(v->settings->seed, RANDOM_FIT);
  g_autoptr(Workload) workload = workload_new();

  for (guint32 i = 0; i < (host_alone ? FIT_REQUESTS_GPU : FIT_REQUESTS) && n > 0; i++) {
    const Request *like = workload_request(v->workload, (guint32)(random_key(key, 3 * i) % n));
    double prompt = like->prompt_tokens * (0.5 + random_unit_float(random_key(key, 3 * i + 1)));
    double output = like->output_tokens * (0.5 + random_unit_float(random_key(key, 3 * i + 2)));
    const Request request = {
        .prompt_tokens = (guint32)CLAMP(prompt, 1, longest - 1),
        .output_tokens = (guint32)CLAMP(output, 1, host_alone ? FIT_OUTPUT_GPU : G_MAXINT32),
    };
    workload_add(workload, &request, NULL, NULL);
  }
  workload_seal(workload, NULL);
  return g_steal_pointer(&workload);
}

static const char *
device_costs_name(const Scenario *scenario)
{
  return scenario->profile != NULL ? "the profile" : "the roofline of";
}

static const char *
device_name(const Scenario *scenario)
{
  return scenario->profile != NULL ? scenario->profile->name : scenario->device->name;
}

/* Adds the timed copies beside the steps to `samples` (NULL: to none), and sets
 * v->disk.transfer_ps, what a block's transfer took in the mean, of each direction of the disk that
 * was used. */
static void
add_copies(Validate *v, const GArray *copies, GArray *samples)
{
  guint64 blocks[COPY_DIRECTIONS] = {0};
  gint64 took_ps[COPY_DIRECTIONS] = {0};

  for (guint i = 0; i < copies->len; i++) {
    const CopiesEnded *ended = &g_array_index(copies, RecordedCopies, i).ended;
    StepSample sample = {.counts = {.copy_out_blocks = (gint64)ended->blocks[COPY_OUT],
                                    .copy_in_blocks = (gint64)ended->blocks[COPY_IN]}};
    sample.component_ps[COST_SWAP_OUT] = ended->took_ps[COPY_OUT];
    sample.component_ps[COST_SWAP_IN] = ended->took_ps[COPY_IN];
    if (samples != NULL)
      g_array_append_val(samples, sample);
    for (CopyDirection d = COPY_OUT; d < COPY_DIRECTIONS; d++) {
      blocks[d] += ended->blocks[d];
      took_ps[d] += ended->took_ps[d];
    }
  }
  for (CopyDirection d = COPY_TO_DISK; d < COPY_DIRECTIONS; d++)
    if (blocks[d] > 0)
      v->disk.transfer_ps[d - COPY_TO_DISK] = took_ps[d] / (gint64)blocks[d];
}

/* Computes the requests of the fit and sets the costs. FALSE after a message, where they could not
 * be computed. */
static gboolean
fit_costs(Validate *v, const LiveSetup *live)
{
  g_autoptr(Workload) workload = make_fit_workload(v);
  g_autoptr(LiveSetup) shared = live_setup_share(live, workload);
  g_autoptr(StepWatch) watch = step_watch_new(NULL);
  g_autoptr(GArray) copies = g_array_new(FALSE, FALSE, sizeof(RecordedCopies));
  Unlimited unlimited = {.known = TRUE, .makespan_ps = -1};
  Scenario scenario = *v->scenario;
  const Execution execution = {
      .workload = workload,
      .settings = v->settings,
      .verb = "validate",
      .name = "fit",
      .live = shared,
      .copies_ended = copies,
      .observer = &watch->observer,
      .unlimited = &unlimited,
  };
  RunRecord record;
  int status;

  scenario.config.num_cpu_blocks = MIN(scenario.config.num_cpu_blocks, live->num_host_blocks);
  status = execute_scenario(&scenario, &execution, &record);
  run_record_clear(&record);
  v->status = MAX(v->status, status);
  if (status != CLI_DONE)
    return FALSE;
  add_copies(v, copies, watch->samples);
  v->fitted =
      step_fit_new((const StepSample *)(gconstpointer)watch->samples->data, watch->samples->len);
  if (v->model_scenario == NULL) {
    v->cost_text =
        g_strdup_printf("fitted to the %u steps of %u other requests, computed just before",
                        watch->recorded->len, workload_count(workload));
    return TRUE;
  }
  v->with_host = cost_with_host_new(v->model_scenario->cost, v->fitted);
  v->cost_text = g_strdup_printf("%s %s; the host's time is fitted to %u steps of other requests",
                                 device_costs_name(v->model_scenario),
                                 device_name(v->model_scenario), watch->recorded->len);
  return TRUE;
}

/* Each layer has its own pool, so that it can wait for its own copies. */
static gboolean
copies_by_layer(const Scenario *scenario)
{
  return scenario->copy_path != COPY_PATH_PER_BLOCK && scenario->config.overflow->needs_host;
}

/* The costs of --device without a server's host time, which fit_costs() replaces by this program's.
 * With --what-if nothing is fitted: the costs are --device's, changed as it says. CUDA graphs are
 * assumed where the executor has them, for steps of decodes (of_own_executor). */
static gboolean
read_costs(Validate *v, GError **error)
{
  g_autoptr(Settings) settings = settings_copy(v->settings);
  const char *const computed[] = {"load-format",   "token-ids",       "temperature",
                                  "top-k",         "top-p",           "copy-method",
                                  "copy-block-us", "output-token-ids"};

  settings_set(settings, "executor", "model", NULL);
  settings->of_own_executor = TRUE;
  if (settings->what_if == NULL)
    settings_set(settings, "what-if", "host=0", NULL);
  for (guint i = 0; i < G_N_ELEMENTS(computed); i++)
    g_hash_table_remove(settings->given, computed[i]);
  if (!v->scenario->config.overlap_copies) { /* a GPU's inside a step are beside its layers */
    settings->layerwise_copies |= settings->overlap_copies && copies_by_layer(v->scenario);
    settings->overlap_copies = FALSE;
    g_hash_table_remove(settings->given, "overlap-copies");
  }
  if (v->scenario->executor == &executor_cpu) /* it has no engine that copies while it computes */
    settings->layerwise_copies = FALSE;
  v->model_scenario = scenario_new(settings, "validate", TRUE, error);
  if (v->model_scenario == NULL)
    return FALSE;
  if (v->settings->what_if != NULL)
    v->cost_text = g_strdup_printf("%s %s, --what-if %s", device_costs_name(v->model_scenario),
                                   device_name(v->model_scenario), v->settings->what_if);
  return TRUE;
}

/* The scenario that is computed. --what-if changes the simulation's costs only, where they are
 * --device's. */
static Scenario *
make_computed(const Settings *settings, GError **error)
{
  g_autoptr(Settings) computed = settings_copy(settings);

  if (settings->device != NULL && g_str_equal(settings->executor, "gpu")) {
    g_clear_pointer(&computed->what_if, g_free);
    g_hash_table_remove(computed->given, "what-if");
  }
  return scenario_new(computed, "validate", FALSE, error);
}

static gboolean
prepare(Validate *v, GError **error)
{
  const Settings *settings = v->settings;

  v->scenario = make_computed(settings, error);
  if (v->scenario == NULL ||
      (v->workload = scenario_read_workload(settings, "validate", error)) == NULL)
    return FALSE;
  if (v->scenario->profile != NULL || v->scenario->executor != &executor_cpu) {
    if (settings->device == NULL) {
      g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                  "--device is missing: the profile that is validated ('spillway calibrate' makes "
                  "one)");
      return FALSE;
    }
    return read_costs(v, error);
  }
  return TRUE;
}

static void
print_validation(const Validation *validation, OutputFormat format)
{
  g_autofree char *text = format == OUTPUT_JSON  ? validation_json(validation)
                          : format == OUTPUT_CSV ? validation_csv(validation)
                                                 : validation_text(validation);
  output_format_print(format, text);
}

/* Whether the executor failed or the user interrupted it. A simulation cannot end so; it can end in
 * all the engine's own ways. */
static gboolean
ended_early(const RunRecord *record)
{
  return record->summary.end == RUN_ABORT &&
         (g_strcmp0(record->summary.end_reason, LOOP_EXECUTOR_FAILED) == 0 ||
          g_strcmp0(record->summary.end_reason, LOOP_INTERRUPTED) == 0);
}

static CostModel *
cost_of(const Validate *v)
{
  if (v->with_host != NULL)
    return v->with_host;
  return v->fitted != NULL ? v->fitted : v->model_scenario->cost;
}

/* Simulates and replays what was computed, and prints the comparison. */
static void
compare(Validate *v, Validation *validation, OutputFormat format)
{
  g_autoptr(StepWatch) replayed_steps = step_watch_new(NULL);
  g_autoptr(GError) error = NULL;
  Recording recording = {
      .measured = TRUE, .steps = validation->steps->recorded, .copies = v->copies};
  Scenario simulation = *v->scenario, replay = *v->scenario;
  RunRecord simulated_record, replay_record;

  simulation.executor = &executor_model;
  simulation.cost = simulation.config.cost = cost_of(v);
  simulation.config.disk = v->disk;
  replay.executor = &executor_replay;
  replay.recording = &recording;
  execute(v, &simulation, NULL, "simulated", NULL, &simulated_record);
  execute(v, &replay, NULL, "replayed", &replayed_steps->observer, &replay_record);
  validation->simulated = &simulated_record;
  validation->replayed = &replay_record;
  validation->replayed_steps = replayed_steps;
  print_validation(validation, format);
  if (!validation_replay_is_same(validation))
    v->status = MAX(v->status, CLI_FAILED);
  if (v->settings->plot != NULL && !validation_draw(validation, v->settings->plot, &error))
    v->status = worse(v->status, cli_error(CLI_FAILED, "validate", "%s", error->message));
  run_record_clear(&simulated_record);
  run_record_clear(&replay_record);
}

/* The disk of the simulation: transfers of a direction that the fit did not use take what they took
 * in the run itself. */
static void
fill_disk(Validate *v)
{
  const Disk timed = v->disk;

  v->disk.queue_depth = v->scenario->config.disk.queue_depth;
  if (v->copies == NULL || v->scenario->config.num_disk_blocks == 0)
    return;
  add_copies(v, v->copies, NULL);
  for (guint way = 0; way < 2; way++)
    if (timed.transfer_ps[way] > 0)
      v->disk.transfer_ps[way] = timed.transfer_ps[way];
}

static void
validate(Validate *v, LiveSetup *live, OutputFormat format)
{
  g_autoptr(StepWatch) steps = step_watch_new(cost_of(v));
  RunRecord record;
  Validation validation = {
      .live = &record,
      .steps = steps,
      .cost = v->cost_text,
      .copies = v->copies,
      .copy_cost = cost_of(v),
      .disk = &v->disk,
      .layers_are_one = v->scenario->executor == &executor_gpu,
  };

  execute(v, v->scenario, live, "live", &steps->observer, &record);
  fill_disk(v);
  if (ended_early(&record))
    v->status = worse(v->status,
                      cli_error(CLI_FAILED, "validate",
                                "the computed run ended early (%" G_GUINT64_FORMAT
                                " of %u requests were done): there is nothing to compare with%s%s",
                                record.summary.finished, workload_count(v->workload),
                                v->results != NULL ? "; what it did is in " : "",
                                v->results != NULL ? v->settings->output : ""));
  else
    compare(v, &validation, format);
  run_record_clear(&record);
}

static int
validate_settings(Validate *v)
{
  const Settings *settings = v->settings;
  g_autoptr(LiveSetup) live = NULL;
  g_autoptr(GError) error = NULL;
  OutputFormat format;
  GnuplotFormat picture;

  if (settings->plot != NULL && !gnuplot_format_of(settings->plot, &picture))
    return cli_error(CLI_USAGE, "validate",
                     "--plot: found '%s', expected a name that ends in .svg, .png or .pdf",
                     settings->plot);
  if (!settings_check_files(settings, &error) ||
      !output_format_parse(settings->format, &format, &error) || !prepare(v, &error))
    return cli_error(CLI_USAGE, "validate", "%s", error->message);
  if (settings->dry_run) {
    dry_run_print_one(v->scenario, settings, format);
    return CLI_DONE;
  }
  live = live_setup_new(v->scenario, settings, v->workload, v->gpu, NULL, &error);
  if (live == NULL)
    return cli_error(error->domain == LIVE_ERROR ? CLI_FAILED : CLI_USAGE, "validate", "%s",
                     error->message);
  if (v->scenario->config.overlap_copies)
    v->copies = g_array_new(FALSE, FALSE, sizeof(RecordedCopies));
  if (!execute_open_results(settings->output, "validate", &v->results))
    v->status = CLI_USAGE;
  if (v->cost_text != NULL || fit_costs(v, live))
    validate(v, live, format);
  return v->status;
}

int
validate_verb(int argc, char **argv, const LiveDeviceClass *gpu)
{
  g_autoptr(Settings) settings = settings_new();
  g_auto(GStrv) words = g_strdupv(argv);
  Validate v = {.settings = settings, .gpu = gpu};
  int status = CLI_DONE;

  if (!settings_parse(settings, "validate", SUMMARY, EXAMPLES, &argc, &argv, &status) ||
      !live_choose(settings, "validate", words, gpu, &status))
    return status;
  status = validate_settings(&v);
  cost_model_free(v.with_host);
  cost_model_free(v.fitted);
  scenario_free(v.model_scenario);
  scenario_free(v.scenario);
  workload_free(v.workload);
  results_free(v.results);
  g_free(v.cost_text);
  g_clear_pointer(&v.copies, g_array_unref);
  return status;
}

int
command_validate(int argc, char **argv)
{
  return validate_verb(argc, argv, NULL);
}
