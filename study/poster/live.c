/* Does a list of jobs, one after the other. Weights are loaded once, into a setup that all others
 * borrow from. */
#include "live.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>

#include "scenario/message.h"
#include "jobs.h"
#include "probe.h"
#include "store.h"
#include "report/text/format.h"
#include "report/results/results.h"
#include "sim/units.h"

#define VERB "study poster"

typedef struct {
  PosterData *data;
  PosterCompute compute;
  PosterStore *store;
  Workload *workload, *no_workload;
  Settings *weight_settings;
  Scenario *weight_scenario;
  LiveSetup *weights;
  Results *results;
  PosterRun all; /* with memory for all requests */
  GPtrArray *missing;
} LiveStudy;

static volatile sig_atomic_t stop_seen;

/* The second one ends the program. */
static void
on_stop(int signal_number)
{
  stop_seen = 1;
  signal(signal_number, SIG_DFL);
}

/* Where what a job measures goes. */
static CrossoverCost *
costs_of(LiveStudy *study, const PosterJob *job)
{
  return job->kind == POSTER_JOB_PRICE ? study->data->pinned[job->at]
                                       : study->data->pageable[job->at];
}

static PosterRun *
run_of(LiveStudy *study, const PosterJob *job)
{
  return job->kind == POSTER_JOB_SHARE  ? &study->data->runs[job->at][job->policy]
         : job->kind == POSTER_JOB_SIZE ? &study->data->by_size[job->at][job->policy]
                                        : &study->all;
}

static PosterTimeline **
timeline_of(LiveStudy *study, const PosterJob *job)
{
  return job->kind == POSTER_JOB_SHARE && poster_percents[job->at] == POSTER_TIMELINE_PERCENT
             ? &study->data->timelines[job->policy]
             : NULL;
}

static void
mark_priced(PosterData *data, const PosterJob *job)
{
  (job->kind == POSTER_JOB_PRICE ? data->priced : data->priced_pageable)[job->at] = TRUE;
}

/* FALSE where the job has to be done. */
static gboolean
job_recall(LiveStudy *study, const PosterJob *job, const char *name)
{
  json_auto_t *kept = poster_store_find(study->store, name);
  PosterRun run;
  gboolean found;

  if (kept == NULL)
    return FALSE;
  if (poster_job_is_price(job)) {
    found = poster_costs_from_json(kept, costs_of(study, job), study->data->longest);
    if (found)
      mark_priced(study->data, job);
    return found;
  }
  found = poster_run_from_json(kept, &run, timeline_of(study, job));
  if (found)
    *run_of(study, job) = run;
  return found;
}

static json_t *
measure(LiveStudy *study, const PosterJob *job, GError **error)
{
  const PosterReplay replay = poster_job_replay(job);
  PosterTimeline **place = timeline_of(study, job);
  g_autoptr(PosterTimeline) timeline = NULL;
  PosterRun run;
  json_t *json;

  if (poster_job_is_price(job)) {
    if (!poster_probe(study->data, job->at, job->kind == POSTER_JOB_PAGEABLE, &study->compute,
                      costs_of(study, job), error))
      return NULL;
    mark_priced(study->data, job);
    return poster_costs_to_json(costs_of(study, job), study->data->longest);
  }
  if (!poster_replay(study->data, &replay, study->workload, &study->compute, NULL,
                     place != NULL ? &timeline : NULL, &run, error))
    return NULL;
  json = poster_run_to_json(&run, timeline);
  *run_of(study, job) = run;
  if (place != NULL)
    *place = g_steal_pointer(&timeline);
  return json;
}

static char *
outcome_text(LiveStudy *study, const PosterJob *job)
{
  g_autofree char *number = NULL;

  if (poster_job_is_price(job)) {
    const CrossoverCost *last = &costs_of(study, job)[study->data->longest - 1];
    g_autofree char *recompute = format_duration(ps_to_s(last->recompute_ps));
    g_autofree char *swap = format_duration(ps_to_s(poster_swap_ps(last)));
    return g_strdup_printf("%u tokens: recomputing %s, swapping %s",
                           poster_lengths[study->data->longest - 1], recompute, swap);
  }
  number = format_duration(ps_to_s(run_of(study, job)->makespan_ps));
  return g_strdup_printf("%s, %" G_GUINT64_FORMAT " evictions", number,
                         run_of(study, job)->preemptions);
}

static void
add_missing(LiveStudy *study, const char *name, const char *why)
{
  g_ptr_array_add(study->missing, g_strdup_printf("%s: %s", name, why));
}

static void
job_do(LiveStudy *study, const PosterJob *job, const char *name, guint number, guint n)
{
  g_autoptr(GError) error = NULL;
  json_t *measured = measure(study, job, &error);

  if (measured == NULL) {
    add_missing(study, name, error->message);
    cli_note(VERB, "%u of %u, %s: %s", number, n, name, error->message);
    return;
  }
  g_autofree char *outcome = outcome_text(study, job);
  cli_note(VERB, "%u of %u, %s: %s", number, n, name, outcome);
  if (!poster_store_keep(study->store, name, measured, &error))
    cli_note(VERB, "%s is measured and not kept: %s", name, error->message);
}

static void
do_jobs(LiveStudy *study, double minutes)
{
  g_autoptr(GArray) jobs = poster_jobs(study->data);
  gint64 end_us = g_get_monotonic_time() + (gint64)(minutes * 60 * G_USEC_PER_SEC);
  void (*on_int)(int) = signal(SIGINT, on_stop);
  void (*on_term)(int) = signal(SIGTERM, on_stop);
  guint kept = 0;

  stop_seen = 0;
  for (guint i = 0; i < jobs->len; i++) {
    const PosterJob *job = &g_array_index(jobs, PosterJob, i);
    g_autofree char *name = poster_job_name(job);
    if (job_recall(study, job, name))
      kept++;
    else if (stop_seen)
      add_missing(study, name, "it was interrupted before");
    else if (minutes > 0 && g_get_monotonic_time() >= end_us)
      add_missing(study, name, "the time was over");
    else
      job_do(study, job, name, i + 1, jobs->len);
  }
  signal(SIGINT, on_int);
  signal(SIGTERM, on_term);
  if (kept > 0)
    cli_note(VERB, "%u of %u were measured before and are as they were", kept, jobs->len);
}

/* The least pool: this setup is there for its weights. */
static gboolean
load_weights(LiveStudy *study, GError **error)
{
  const PosterReplay replay = {.block_size = POSTER_BLOCK_SIZE, .swap_gib = POSTER_AMPLE_GIB};
  const PosterBurst one = {1, 1, 1};
  Settings *settings = study->weight_settings = poster_settings(study->data, &replay);

  settings_set(settings, "executor", study->compute.executor, NULL);
  settings_set(settings, "num-gpu-blocks", "4", NULL);
  settings_set(settings, "max-num-seqs", "1", NULL);
  settings_set(settings, "max-num-batched-tokens", "16", NULL);
  study->no_workload = poster_burst_new(&one);
  study->weight_scenario = scenario_new(settings, NULL, TRUE, error);
  if (study->weight_scenario != NULL)
    study->weights = live_setup_new(study->weight_scenario, settings, study->no_workload,
                                    study->compute.gpu, NULL, error);
  study->compute.weights = study->weights;
  return study->weights != NULL;
}

static json_t *
identity_of(const PosterData *data)
{
  const PosterSetting *s = &data->setting;
  json_t *identity;

  identity = json_pack("{s:s, s:s, s:s, s:s, s:s, s:[i, i, i], s:f, s:i}", "executor",
                       data->executor, "model", s->model, "device", s->device, "scheduler",
                       s->scheduler, "copy_path", s->copy_path, "burst", (int)data->burst.requests,
                       (int)data->burst.prompt_tokens, (int)data->burst.output_tokens, "card_bytes",
                       data->card_bytes, "longest", (int)data->longest);
  if (data->kernels != NULL)
    json_object_set_new(identity, "kernels", json_string(data->kernels));
  return identity;
}

static gboolean
open_places(LiveStudy *study, const char *folder, GError **error)
{
  g_autofree char *kept = g_build_filename(folder, "live", NULL);
  g_autofree char *database = g_build_filename(folder, "live.db", NULL);

  if (g_mkdir_with_parents(kept, 0777) != 0) {
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                "%s cannot be made: %s; name another folder", kept, g_strerror(errno));
    return FALSE;
  }
  study->store = poster_store_new(kept, identity_of(study->data));
  study->results = study->compute.results = results_open(database, RESULTS_LOCK_WAIT_MS, error);
  return study->results != NULL;
}

/* Where recomputing and swapping cost the same, between the lengths that were measured. */
static GArray *
crossings_of(const CrossoverCost *costs, guint n)
{
  GArray *points = g_array_new(FALSE, FALSE, sizeof(CrossoverPoint));

  for (guint i = 0; i < n; i++) {
    CrossoverPoint point = {poster_lengths[i], crossover_swap_is_cheaper(&costs[i])};
    const CrossoverPoint *last =
        i > 0 ? &g_array_index(points, CrossoverPoint, points->len - 1) : NULL;
    if (last != NULL && last->swap_cheaper == point.swap_cheaper)
      continue;
    if (last != NULL) {
      double before = (double)(costs[i - 1].recompute_ps - poster_swap_ps(&costs[i - 1]));
      double after = (double)(costs[i].recompute_ps - poster_swap_ps(&costs[i]));
      guint32 from = poster_lengths[i - 1];
      point.tokens =
          from + (guint32)((poster_lengths[i] - from) * (before / (before - after)) + 0.5);
    }
    g_array_append_val(points, point);
  }
  return points;
}

/* What follows from the measured. */
static void
complete(LiveStudy *study)
{
  PosterData *data = study->data;

  for (guint i = 0; i < POSTER_BLOCK_SIZES; i++)
    if (data->priced[i])
      data->crossings[i] = crossings_of(data->pinned[i], data->longest);
  for (guint p = 0; p < POSTER_POLICIES; p++)
    for (guint i = 0; i < POSTER_SHARES; i++) {
      PosterRun *run = &data->runs[i][p];
      if (!run->missing && run->end == RUN_DONE && !study->all.missing &&
          study->all.end == RUN_DONE && run->finished == study->all.finished)
        run->lost_ps = MAX(0, run->makespan_ps - study->all.makespan_ps);
      for (guint k = 0; k < POSTER_REPLAY_SIZES; k++)
        if (poster_replay_sizes[k] == POSTER_BLOCK_SIZE &&
            poster_percents[i] == POSTER_TIMELINE_PERCENT)
          data->by_size[k][p] = *run;
    }
}

static void
study_clear(LiveStudy *study)
{
  live_setup_free(study->weights);
  scenario_free(study->weight_scenario);
  settings_free(study->weight_settings);
  workload_free(study->workload);
  workload_free(study->no_workload);
  results_free(study->results);
  poster_store_free(study->store);
}

PosterData *
poster_live(const PosterSetting *setting, Shelf *shelf, const PosterLiveOptions *options,
            GPtrArray **missing, GError **error)
{
  g_autoptr(PosterData) data = poster_data_new(setting, shelf, error);
  LiveStudy study = {.data = data,
                     .compute = {.executor = options->executor, .gpu = options->gpu},
                     .all = {.missing = TRUE}};
  gboolean worked;

  if (data == NULL)
    return NULL;
  data->executor = options->executor;
  if (g_str_equal(options->executor, "gpu") && options->gpu->kernels != NULL)
    data->kernels = options->gpu->kernels();
  g_free(data->device_title);
  data->device_title = g_strdup(g_str_equal(options->executor, "cpu") ? "the CPU of this machine"
                                                                      : "the GPU of this machine");
  data->one_host_memory = g_str_equal(options->executor, "cpu");
  data->measured_share = 1;
  data->unfit_percent = 0;
  study.missing = *missing = g_ptr_array_new_with_free_func(g_free);
  study.workload = poster_burst_new(&data->burst);
  worked = open_places(&study, options->folder, error) && load_weights(&study, error);
  if (worked) {
    do_jobs(&study, options->minutes);
    complete(&study);
  }
  study_clear(&study);
  return worked ? g_steal_pointer(&data) : NULL;
}
