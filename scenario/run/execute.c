/* One run with its observers.
 *
 * Files are opened before the run, so that a bad path is reported at once. The run goes on without
 * such a file: its summary is worth having, and the exit status tells. Files are complete before
 * anything is printed, so that a reader who closes the pipe loses nothing.
 */
#include "execute.h"

#include <glib/gstdio.h>
#include <math.h>
#include <signal.h>
#include <sys/stat.h>

#include "scenario/assumptions.h"
#include "scenario/message.h"
#include "engines.h"
#include "scenario/executors.h"
#include "live_progress.h"
#include "progress.h"
#include "report/files/decision_log.h"
#include "report/files/perfetto.h"
#include "report/files/requests_csv.h"
#include "sim/loop.h"

typedef struct {
  const Scenario *scenario;
  const Execution *execution;
  const Workload *trace; /* with its own arrivals */
  Client *client;
  Metrics *metrics;
  DecisionLog *decisions;
  RequestsCsv *requests;
  Perfetto *perfetto;
  ResultsRun *results;
  Against *against;
  Progress *progress;
  LiveExecutor *live;          /* the run's executor, where it computes */
  LiveProgress *live_progress; /* then instead of the bar */
  GPtrArray *observers;        /* of Observer * */
  int status;
} Run;

/* Set by Ctrl-C and SIGTERM; global, since a signal handler can reach nothing else. */
static volatile sig_atomic_t interrupt_seen;

static void
on_interrupt(int signal_number)
{
  interrupt_seen = 1;
  signal(signal_number, SIG_DFL); /* the second one ends it at once */
}

static void
say(Run *run, int status, const GError *error)
{
  run->status = MAX(run->status, status);
  if (run->execution->failure == NULL)
    cli_error(status, run->execution->verb, "%s", error->message);
  else if (*run->execution->failure == NULL)
    *run->execution->failure = g_strdup(error->message);
}

static void
open_perfetto(Run *run)
{
  const Execution *e = run->execution;
  const Scenario *s = run->scenario;
  g_autoptr(GError) error = NULL;

  if (e->perfetto == NULL)
    return;
  run->perfetto = perfetto_open(
      e->perfetto, e->workload, s->config.num_gpu_blocks - s->scheduler->hidden_blocks,
      s->config.num_cpu_blocks, e->perfetto_window.from_ps, e->perfetto_window.to_ps, &error);
  if (run->perfetto == NULL)
    say(run, CLI_USAGE, error);
  else
    g_ptr_array_add(run->observers, perfetto_observer(run->perfetto));
}

static void
open_files(Run *run)
{
  const Execution *e = run->execution;
  g_autoptr(GError) error = NULL;

  if (e->decisions != NULL) {
    run->decisions = decision_log_open(e->decisions, e->workload, run->scenario->settings, &error);
    if (run->decisions == NULL)
      say(run, CLI_USAGE, error);
    else
      g_ptr_array_add(run->observers, decision_log_observer(run->decisions));
    g_clear_error(&error);
  }
  if (e->requests != NULL) {
    run->requests = requests_csv_open(e->requests, e->workload, &error);
    if (run->requests == NULL)
      say(run, CLI_USAGE, error);
    else
      g_ptr_array_add(run->observers, requests_csv_observer(run->requests));
  }
  open_perfetto(run);
  if (e->against != NULL) {
    run->against = against_new(e->against);
    g_ptr_array_add(run->observers, against_observer(run->against));
  }
  if (e->results != NULL || (e->packed != NULL && e->detail == RESULTS_DETAIL_ALL)) {
    run->results = results_run_new(e->workload, run->scenario->cost,
                                   run->scenario->config.max_num_batched_tokens);
    if (e->record_steps || e->live != NULL)
      results_run_record_steps(run->results);
    g_ptr_array_add(run->observers, results_run_observer(run->results));
  }
}

/* Closes and commits what was opened. */
static void
close_files(Run *run, const RunRecord *record)
{
  ResultsSeries series;
  g_autoptr(GError) error = NULL;

  if (run->decisions != NULL && !decision_log_close(run->decisions, &error)) {
    say(run, CLI_USAGE, error);
    g_clear_error(&error);
  }
  if (run->requests != NULL && !requests_csv_close(run->requests, &error)) {
    say(run, CLI_USAGE, error);
    g_clear_error(&error);
  }
  if (run->perfetto != NULL && !perfetto_close(run->perfetto, &error)) {
    say(run, CLI_USAGE, error);
    g_clear_error(&error);
  }
  series.buckets = metrics_series(run->metrics, &series.n, &series.bucket_ps);
  if (scenario_engines(run->scenario) > 1) /* levels would be now of one, now of another engine */
    series.n = 0;
  if (run->execution->results != NULL &&
      results_commit(run->execution->results, run->results, record, &series, &error) == 0) {
    say(run, CLI_USAGE, error);
    g_clear_error(&error);
  }
  if (run->execution->packed != NULL &&
      !results_pack(run->execution->packed, run->execution->workload, run->results, record,
                    run->execution->detail == RESULTS_DETAIL_FIGURES ? NULL : &series, &error))
    say(run, CLI_FAILED, error);
}

/* The spread of the measurements behind the costs, weighted by the time of each component. */
static double
measured_spread(CostModel *cost, const Summary *summary)
{
  double spread = 0;

  for (guint c = 0; cost != NULL && c < COST_COMPONENTS; c++)
    spread += (double)summary->measured_component_ps[c] * cost_model_spread(cost, (CostComponent)c);
  return summary->measured_ps > 0 ? spread / (double)summary->measured_ps : 0;
}

static Executor *
create_executor(Run *run)
{
  const Scenario *s = run->scenario;
  const Recording *recording = s->recording;

  if (recording != NULL)
    return executor_replay_new((const RecordedStep *)(gconstpointer)recording->steps->data,
                               recording->steps->len, recording->measured,
                               recording->copies != NULL
                                   ? (const RecordedCopies *)(gconstpointer)recording->copies->data
                                   : NULL,
                               recording->copies != NULL ? recording->copies->len : 0);
  if (!executor_computes(s->executor))
    return s->executor->create(s->cost);
  run->live = live_setup_executor(run->execution->live, run->execution->copies_ended);
  g_ptr_array_add(run->observers, live_executor_observer(run->live));
  return live_executor_base(run->live);
}

/* Writes the tokens that each request got. */
static void
write_outputs(Run *run)
{
  const Execution *e = run->execution;
  g_autoptr(GError) error = NULL;

  if (run->live == NULL || e->outputs == NULL)
    return;
  if (!live_setup_write_outputs(e->live, run->live, e->outputs, &error))
    say(run, CLI_USAGE, error);
}

/* A replay that ended well but left recorded lines over has departed from the recording, too. */
static void
check_all_replayed(Run *run, const Executor *executor, RunOutcome *outcome)
{
  gsize left;
  int status;

  if (run->scenario->recording == NULL || outcome->end != RUN_DONE)
    return;
  left = executor_replay_left(executor);
  if (left == 0)
    return;
  status = cli_error(CLI_FAILED, run->execution->verb,
                     "the schedule departs from the recording: it was done, and %" G_GSIZE_FORMAT
                     " of %u recorded lines are left",
                     left, run->scenario->recording->steps->len);
  run->status = MAX(run->status, status);
}

static void
simulate(Run *run, RunRecord *record)
{
  const Scenario *s = run->scenario;
  Executor *executor = scenario_engines(s) > 1 ? NULL : create_executor(run);
  g_autoptr(Engines) engines = engines_new(s, &s->config, run->execution->workload, executor);
  g_autoptr(GError) error = NULL;
  gint64 start_us = g_get_monotonic_time();
  RunOutcome outcome;
  Loop loop = {
      .client = run->client,
      .observers = (Observer *const *)run->observers->pdata,
      .n_observers = run->observers->len,
      .stride = run->execution->stride,
      .unit_copy_steps = (guint32)run->execution->settings->unit_copy_steps,
      .interrupted = &interrupt_seen,
      .stop = run->execution->stop,
      .stop_data = run->execution->stop_data,
  };

  engines_put(engines, &loop);
  if (!loop_run(&loop, &outcome, &error))
    say(run, CLI_FAILED, error);
  check_all_replayed(run, executor, &outcome);
  write_outputs(run);
  metrics_summary(run->metrics, &record->summary);
  record->wall_s = (double)(g_get_monotonic_time() - start_us) / G_USEC_PER_SEC;
  record->measured_spread = measured_spread(s->cost, &record->summary);
  slowdown_measure(s, run->trace, run->execution->unlimited, &outcome, &interrupt_seen, record);
  if (outcome.end != RUN_DONE)
    run->status = MAX(run->status, CLI_FAILED);
  if (outcome.end != RUN_DONE && run->execution->failure == NULL)
    cli_error(CLI_FAILED, run->execution->verb,
              "%s under %s ended at step %" G_GUINT64_FORMAT " (%s): %s; %" G_GUINT64_FORMAT
              " of %u requests were left",
              s->scheduler->name, s->config.overflow->base.name, outcome.last_step,
              run_end_name(outcome.end), outcome.reason, outcome.unfinished,
              workload_count(run->execution->workload));
}

static double
copied_bytes(guint64 block_bytes, guint64 blocks)
{
  return block_bytes > 0 ? (double)blocks * (double)block_bytes : NAN;
}

static void
set_bytes(const Scenario *scenario, RunRecord *record)
{
  const Summary *sum = &record->summary;

  record->swapped_out_bytes = copied_bytes(scenario->block_bytes, sum->swapped_out_blocks);
  record->swapped_in_bytes = copied_bytes(scenario->block_bytes, sum->swapped_in_blocks);
  record->disk_written_bytes = copied_bytes(scenario->disk_block_bytes, sum->disk_written_blocks);
  record->disk_read_bytes = copied_bytes(scenario->disk_block_bytes, sum->disk_read_blocks);
}

/* What only the run has told: the record's configuration is its own from here on. */
static void
assume_cut(const Scenario *scenario, RunRecord *record)
{
  const Summary *sum = &record->summary;
  json_t *list;

  if (sum->cut_requests == 0)
    return;
  json_decref(record->config);
  record->config = json_deep_copy(scenario->settings);
  list = json_object_get(record->config, "assumed");
  if (list == NULL)
    json_object_set_new(record->config, "assumed", list = json_array());
  scenario_assume_cut(scenario, sum->cut_requests, sum->cut_tokens, list);
}

/* Adds the observers: metrics, progress on a terminal, and the caller's. */
static void
add_observers(Run *run)
{
  const RequestLimits limits = slo_request_limits(&run->scenario->slo);
  const Execution *e = run->execution;

  metrics_set_limits(run->metrics, &limits);
  g_ptr_array_add(run->observers, metrics_observer(run->metrics));
  if (e->live != NULL)
    g_ptr_array_add(run->observers, live_progress_observer(run->live_progress));
  else if (e->failure == NULL)
    g_ptr_array_add(run->observers, progress_observer(run->progress));
  if (e->observer != NULL)
    g_ptr_array_add(run->observers, e->observer);
}

static void
run_clear(Run *run)
{
  progress_free(run->progress);
  live_progress_free(run->live_progress);
  against_free(run->against);
  results_run_free(run->results);
  perfetto_free(run->perfetto);
  requests_csv_free(run->requests);
  decision_log_free(run->decisions);
  metrics_free(run->metrics);
  g_ptr_array_unref(run->observers);
}

int
execute_scenario(const Scenario *scenario, const Execution *given, RunRecord *record)
{
  g_autoptr(Workload) own = NULL;
  Execution with_client = *given;
  const Execution *execution = &with_client;
  g_autoptr(Client) client = scenario_client_new(scenario, &with_client.workload, &own);
  Run run = {
      .scenario = scenario,
      .execution = execution,
      .trace = given->workload,
      .client = client,
      .observers = g_ptr_array_new(),
      .metrics = metrics_new(execution->workload,
                             scenario->config.num_gpu_blocks - scenario->scheduler->hidden_blocks,
                             scenario->config.num_cpu_blocks),
      .progress = progress_new(execution->workload, execution->name),
      .live_progress =
          live_progress_new(workload_count(execution->workload),
                            scenario->config.num_gpu_blocks - scenario->scheduler->hidden_blocks,
                            scenario->config.num_cpu_blocks),
  };
  const gboolean is_alone = execution->failure == NULL; /* not one of a sweep's worker */
  void (*on_int)(int) = is_alone ? signal(SIGINT, on_interrupt) : SIG_ERR;
  void (*on_term)(int) = is_alone ? signal(SIGTERM, on_interrupt) : SIG_ERR;

  *record = (RunRecord){
      .name = execution->name,
      .num_gpu_blocks = scenario->config.num_gpu_blocks,
      .num_cpu_blocks = scenario->config.num_cpu_blocks,
      .num_disk_blocks = scenario->config.num_disk_blocks,
      .config = json_incref(scenario->settings),
  };
  add_observers(&run);
  open_files(&run);
  simulate(&run, record);
  set_bytes(scenario, record);
  assume_cut(scenario, record);
  if (run.against != NULL)
    record->against = against_figures(run.against);
  close_files(&run, record);
  if (on_int != SIG_ERR)
    signal(SIGINT, on_int);
  if (on_term != SIG_ERR)
    signal(SIGTERM, on_term);
  run_clear(&run);
  return run.status;
}

void
run_record_clear(RunRecord *record)
{
  summary_clear(&record->summary);
  g_clear_pointer(&record->config, json_decref);
  g_clear_pointer(&record->against, against_figures_free);
}

Measured *
execute_read_against(const char *path, const Workload *workload, const char *verb, GError **error)
{
  g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(Measured) measured = NULL;

  if (path == NULL)
    return NULL;
  if (workload->turns != NULL) {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "--against: the trace has turns that wait for an answer, so its "
                "requests are in no order that a measured run could be held against");
    return NULL;
  }
  measured = measured_read(path, error);
  if (measured == NULL || !measured_pair(measured, workload, notes, error)) {
    g_prefix_error(error, "--against: ");
    return NULL;
  }
  for (guint i = 0; i < notes->len; i++)
    cli_note(verb, "%s", (const char *)g_ptr_array_index(notes, i));
  for (guint i = 0; i < measured->doubts->len; i++)
    cli_note(verb, "--against: %s: %s", measured->file,
             (const char *)g_ptr_array_index(measured->doubts, i));
  return g_steal_pointer(&measured);
}

gboolean
execute_open_results(const char *path, const char *verb, Results **results)
{
  g_autoptr(GError) error = NULL;

  *results = NULL;
  if (path == NULL)
    return TRUE;
  *results = results_open(path, RESULTS_LOCK_WAIT_MS, &error);
  if (*results == NULL)
    cli_error(CLI_USAGE, verb, "%s", error->message);
  return *results != NULL;
}
