#include "replay.h"

#include <math.h>
#include <string.h>

#include "scenario/executors.h"
#include "scenario/resolve.h"

double
poster_share_bytes(const PosterData *data, guint32 percent)
{
  return data->card_bytes / 100 * percent;
}

Workload *
poster_burst_new(const PosterBurst *burst)
{
  const Request request = {.prompt_tokens = burst->prompt_tokens,
                           .output_tokens = burst->output_tokens};
  Workload *workload = workload_new();

  for (guint32 i = 0; i < burst->requests; i++)
    workload_add(workload, &request, NULL, NULL);
  workload_seal(workload, NULL);
  return workload;
}

static guint64
tokens_a_request(const PosterBurst *burst)
{
  return burst->prompt_tokens + burst->output_tokens;
}

gboolean
poster_replay_fits(const PosterData *data, const PosterReplay *replay, GError **error)
{
  g_autoptr(Model) model = resolve_model(data->setting.model, error);
  guint64 tokens;

  if (model == NULL)
    return FALSE;
  tokens = (guint64)(poster_share_bytes(data, replay->percent) /
                     (double)model_kv_bytes_per_token(model));
  if (replay->percent == 0 ||
      tokens / replay->block_size * replay->block_size >= tokens_a_request(&data->burst) + 1)
    return TRUE;
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
              "a pool of %" G_GUINT64_FORMAT " blocks of %u tokens holds no request of this burst",
              tokens / replay->block_size, replay->block_size);
  return FALSE;
}

static gboolean
set(Settings *settings, const char *name, const char *value)
{
  return settings_set(settings, name, value, NULL);
}

/* For each request one block more than its tokens need, and the watermark. */
static char *
blocks_for_all(const PosterData *data, guint32 block_size)
{
  guint64 each = tokens_a_request(&data->burst) / block_size + 2;

  return g_strdup_printf("%" G_GUINT64_FORMAT, data->burst.requests * each * 102 / 100 + 2);
}

/* The study compares engines at the same batch, without features that came after it. */
static gboolean
set_batch(Settings *settings, const char *scheduler)
{
  return !g_str_equal(scheduler, "vllm-v1") ||
         (set(settings, "max-num-seqs", "256") && set(settings, "max-num-batched-tokens", "8192") &&
          set(settings, "no-enable-prefix-caching", NULL) &&
          set(settings, "no-async-scheduling", NULL));
}

Settings *
poster_settings(const PosterData *data, const PosterReplay *replay)
{
  const PosterSetting *s = &data->setting;
  g_autoptr(Settings) settings = settings_new();
  g_autofree char *bytes = g_strdup_printf("%.0f", poster_share_bytes(data, replay->percent));
  g_autofree char *blocks = blocks_for_all(data, replay->block_size);
  g_autofree char *block_size = g_strdup_printf("%u", replay->block_size);
  gboolean accepted = set(settings, "model", s->model) && set(settings, "device", s->device) &&
                      set(settings, "scheduler", s->scheduler) &&
                      set(settings, "overflow", poster_policy_names[replay->policy]) &&
                      set(settings, "block-size", block_size) &&
                      (replay->percent > 0 ? set(settings, "kv-memory", bytes)
                                           : set(settings, "num-gpu-blocks", blocks)) &&
                      set(settings, "swap-space", replay->swap_gib) &&
                      set(settings, "copy-path", s->copy_path) &&
                      (s->what_if == NULL || set(settings, "what-if", s->what_if)) &&
                      (!s->chunked || set(settings, "enable-chunked-prefill", NULL)) &&
                      set_batch(settings, s->scheduler);

  g_assert(accepted);
  settings->kernels = g_intern_string(data->kernels);
  return g_steal_pointer(&settings);
}

static void
take_record(const RunRecord *record, PosterRun *run)
{
  const Summary *summary = &record->summary;

  *run = (PosterRun){
      .num_gpu_blocks = record->num_gpu_blocks,
      .end = summary->end,
      .makespan_ps = summary->makespan_ps,
      .recompute_ps = summary->overhead_recompute_ps,
      .copy_ps = summary->overhead_swap_out_ps + summary->overhead_swap_in_ps,
      .lost_ps = -1,
      .preemptions = summary->preemptions,
      .fallbacks = summary->swap_fallbacks,
      .finished = summary->finished,
  };
  if (isfinite(record->slowdown))
    run->lost_ps = (gint64)((double)run->makespan_ps * (1 - 1 / record->slowdown));
}

/* What the study says of where its figures come from. */
static void
take_origin(PosterData *data, const RunRecord *record)
{
  const json_t *profile = json_object_get(record->config, "profile");

  data->measured_share = figure_real(figure_find("measured_share"), record);
  if (data->digest == NULL)
    data->digest = g_strdup(json_string_value(json_object_get(profile, "sha256")));
}

static Scenario *
scenario_of(const PosterData *data, Settings *settings, const PosterCompute *compute,
            GError **error)
{
  if (compute == NULL)
    return scenario_new_shared(settings, data->shelf, TRUE, error);
  settings_set(settings, "executor", compute->executor, NULL);
  return scenario_new(settings, NULL, TRUE, error);
}

static char *
name_of(const PosterReplay *replay)
{
  return replay->percent == 0
             ? g_strdup("memory for all")
             : g_strdup_printf("%s, %u %%, blocks of %u", poster_policy_names[replay->policy],
                               replay->percent, replay->block_size);
}

gboolean
poster_replay(PosterData *data, const PosterReplay *replay, const Workload *workload,
              const PosterCompute *compute, Unlimited *unlimited, PosterTimeline **timeline,
              PosterRun *run, GError **error)
{
  g_autoptr(Settings) settings = poster_settings(data, replay);
  g_autoptr(Scenario) scenario = scenario_of(data, settings, compute, error);
  g_autoptr(LiveSetup) live = NULL;
  g_autofree char *failure = NULL, *name = name_of(replay);
  Unlimited own = {.known = compute != NULL, .makespan_ps = -1};
  Execution execution = {
      .workload = workload,
      .settings = settings,
      .verb = "study poster",
      .name = name,
      .stride = TRUE,
      .unlimited = unlimited != NULL ? unlimited : &own,
      .failure = &failure,
  };
  RunRecord record;

  if (scenario == NULL)
    return FALSE;
  if (compute != NULL) {
    live = live_setup_new(scenario, settings, workload, compute->gpu, compute->weights, error);
    if (live == NULL)
      return FALSE;
    execution.live = live;
    execution.results = compute->results;
  }
  if (timeline != NULL) {
    *timeline = poster_timeline_new(scenario->config.num_gpu_blocks);
    execution.observer = poster_timeline_observer(*timeline);
  }
  execute_scenario(scenario, &execution, &record);
  take_record(&record, run);
  if (timeline != NULL) {
    poster_timeline_finish(*timeline);
    take_origin(data, &record);
  }
  run_record_clear(&record);
  if (compute != NULL && failure != NULL)
    g_set_error(error, LIVE_ERROR, LIVE_ERROR_DEVICE, "%s", failure);
  return compute == NULL || failure == NULL;
}
