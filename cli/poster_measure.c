/* A setting of the study, measured: prices of evictions from the cost model, and the burst of 32
 * requests (1500 tokens in, 1024 out) replayed at each share of memory under both policies.
 *
 * Shares are of 40 GB whatever the device, so that every device meets the same overflow.
 */
#include "poster.h"

#include <math.h>
#include <string.h>

#include "resolve.h"

#define CARD_BYTES 40000000000.0
#define REQUESTS 32
#define PROMPT_TOKENS 1500
#define OUTPUT_TOKENS 1024
/* All requests complete are 39.4 GiB: nothing is refused for want of host memory. */
#define AMPLE_GIB "64"
#define DEFAULT_GIB "4"

const guint32 poster_block_sizes[POSTER_BLOCK_SIZES] = {1, 2, 4, 8, 16, 32, 64, 128, 256};
const guint32 poster_lengths[POSTER_LENGTHS] = {256, 512, 1024, 2048, 4096, 8192, 16384, 32768};
const guint32 poster_percents[POSTER_SHARES] = {10, 12, 15, 20, 25, 30, 35, 40, 45, 50};
const guint32 poster_replay_sizes[POSTER_REPLAY_SIZES] = {8, 16, 32, 64, 128, 256};
const char *const poster_policy_names[POSTER_POLICIES] = {"recompute", "swap"};

gint64
poster_swap_ps(const CrossoverCost *cost)
{
  return cost->swap_out_ps + cost->swap_in_ps;
}

gint64
poster_overhead_ps(const PosterRun *run)
{
  return run->recompute_ps + run->copy_ps;
}

void
poster_data_free(PosterData *data)
{
  if (data == NULL)
    return;
  for (guint i = 0; i < POSTER_BLOCK_SIZES; i++)
    g_clear_pointer(&data->crossings[i], g_array_unref);
  for (guint i = 0; i < POSTER_POLICIES; i++)
    poster_timeline_free(data->timelines[i]);
  g_free(data->device_title);
  g_free(data->profile);
  g_free(data->digest);
  g_free(data);
}

static Workload *
burst_new(void)
{
  const Request request = {.prompt_tokens = PROMPT_TOKENS, .output_tokens = OUTPUT_TOKENS};
  Workload *workload = workload_new();

  for (guint i = 0; i < REQUESTS; i++)
    workload_add(workload, &request, NULL, NULL);
  workload_seal(workload, NULL);
  return workload;
}

static gboolean
price_size(PosterData *data, guint size, const Profile *profile, RooflineConfig *config,
           GError **error)
{
  guint32 block_size = poster_block_sizes[size];
  g_autoptr(CostModel) pinned = NULL, pageable = NULL;

  config->block_size = block_size;
  config->host_memory = HOST_MEMORY_PINNED;
  pinned = resolve_cost_model(profile, config, error);
  config->host_memory = HOST_MEMORY_PAGEABLE;
  pageable = pinned != NULL ? resolve_cost_model(profile, config, error) : NULL;
  if (pageable == NULL)
    return FALSE;
  for (guint i = 0; i < data->longest; i++) {
    data->pinned[size][i] = crossover_cost(pinned, block_size, poster_lengths[i]);
    data->pageable[size][i] = crossover_cost(pageable, block_size, poster_lengths[i]);
  }
  data->crossings[size] = crossover_points(pinned, block_size, poster_lengths[data->longest - 1]);
  return TRUE;
}

static double
share_bytes(guint32 percent)
{
  return CARD_BYTES / 100 * percent;
}

static guint32
find_unfit(const Model *model, const Device *device)
{
  for (guint i = 0; i < POSTER_SHARES; i++)
    if ((double)model_weight_bytes(model) + share_bytes(poster_percents[i]) > device->memory_bytes)
      return poster_percents[i];
  return 0;
}

/* Evicting and restoring n tokens: figures 2 and 3. */
static gboolean
price(PosterData *data, Shelf *shelf, GError **error)
{
  const PosterSetting *s = &data->setting;
  g_autoptr(Model) model = resolve_model(s->model, error);
  g_autoptr(Device) device = NULL;
  Profile *profile = NULL;
  const char *digest;
  RooflineConfig config = {.tensor_parallel_size = 1};
  gboolean worked = TRUE;

  if (model == NULL || !shelf_costs(shelf, s->device, &device, &profile, &digest, error) ||
      !what_if_parse(s->what_if, &config.what_if, error))
    return FALSE;
  copy_path_from_name(s->copy_path, &config.copy_path);
  host_scheduler_from_name(s->scheduler, &config.scheduler);
  config.model = model;
  config.device = device;
  data->device_title = g_strdup(device->title);
  data->profile = profile != NULL ? g_strdup(profile->name) : NULL;
  data->unfit_percent = find_unfit(model, device);
  while (data->longest < POSTER_LENGTHS && poster_lengths[data->longest] <= model->max_position)
    data->longest++;
  if (data->longest < 2) {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "%s holds contexts of %u tokens, the study needs 512 or more", model->name,
                model->max_position);
    return FALSE;
  }
  for (guint i = 0; worked && i < POSTER_BLOCK_SIZES; i++)
    worked = price_size(data, i, profile, &config, error);
  return worked;
}

typedef struct {
  PosterPolicy policy;
  guint32 percent;
  guint32 block_size;
  const char *swap_gib;
} Replay;

static gboolean
set(Settings *settings, const char *name, const char *value)
{
  return settings_set(settings, name, value, NULL);
}

static Scenario *
scenario_of(const PosterSetting *s, const Replay *replay, Shelf *shelf, GError **error)
{
  g_autoptr(Settings) settings = settings_new();
  g_autofree char *bytes = g_strdup_printf("%.0f", share_bytes(replay->percent));
  g_autofree char *block_size = g_strdup_printf("%u", replay->block_size);
  gboolean accepted =
      set(settings, "model", s->model) && set(settings, "device", s->device) &&
      set(settings, "scheduler", s->scheduler) &&
      set(settings, "overflow", poster_policy_names[replay->policy]) &&
      set(settings, "block-size", block_size) && set(settings, "kv-memory", bytes) &&
      set(settings, "swap-space", replay->swap_gib) && set(settings, "copy-path", s->copy_path) &&
      (s->what_if == NULL || set(settings, "what-if", s->what_if)) &&
      (!s->chunked || set(settings, "enable-chunked-prefill", NULL));

  g_assert(accepted);
  return scenario_new_shared(settings, shelf, TRUE, error);
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

/* Prints nothing: how it ended is in the run. */
static gboolean
replay_run(PosterData *data, const Replay *replay, const Workload *workload, Unlimited *unlimited,
           PosterTimeline **timeline, PosterRun *run, GError **error)
{
  g_autoptr(Scenario) scenario = scenario_of(&data->setting, replay, data->shelf, error);
  g_autoptr(Settings) none = settings_new();
  g_autofree char *failure = NULL;
  Unlimited own = {0};
  Execution execution = {
      .workload = workload,
      .settings = none,
      .verb = "study poster",
      .name = poster_policy_names[replay->policy],
      .stride = TRUE,
      .unlimited = unlimited != NULL ? unlimited : &own,
      .failure = &failure,
  };
  RunRecord record;

  if (scenario == NULL)
    return FALSE;
  if (timeline != NULL) {
    *timeline = poster_timeline_new(scenario->config.num_gpu_blocks);
    execution.observer = poster_timeline_observer(*timeline);
  }
  execute_scenario(scenario, &execution, &record);
  take_record(&record, run);
  if (timeline != NULL) {
    poster_timeline_finish(*timeline);
    data->measured_share = record.summary.busy_ps > 0
                               ? (double)record.summary.measured_ps / (double)record.summary.busy_ps
                               : 0;
    data->digest = data->digest != NULL
                       ? data->digest
                       : g_strdup(json_string_value(
                             json_object_get(json_object_get(record.config, "profile"), "sha256")));
  }
  run_record_clear(&record);
  return TRUE;
}

static gboolean
replay_share(PosterData *data, guint share, const Workload *workload, GError **error)
{
  Unlimited unlimited = {0};
  Replay replay = {
      .percent = poster_percents[share], .block_size = POSTER_BLOCK_SIZE, .swap_gib = AMPLE_GIB};
  gboolean worked = TRUE;

  for (guint p = 0; worked && p < POSTER_POLICIES; p++) {
    PosterTimeline **timeline =
        replay.percent == POSTER_TIMELINE_PERCENT ? &data->timelines[p] : NULL;
    replay.policy = (PosterPolicy)p;
    worked =
        replay_run(data, &replay, workload, &unlimited, timeline, &data->runs[share][p], error);
  }
  replay.policy = POSTER_SWAP;
  replay.swap_gib = DEFAULT_GIB;
  return worked &&
         replay_run(data, &replay, workload, &unlimited, NULL, &data->small_host[share], error);
}

static gboolean
replay_sizes(PosterData *data, const Workload *workload, GError **error)
{
  gboolean worked = TRUE;

  for (guint i = 0; worked && i < POSTER_REPLAY_SIZES; i++)
    for (guint p = 0; worked && p < POSTER_POLICIES; p++) {
      const Replay replay = {.policy = (PosterPolicy)p,
                             .percent = POSTER_TIMELINE_PERCENT,
                             .block_size = poster_replay_sizes[i],
                             .swap_gib = AMPLE_GIB};
      worked = replay_run(data, &replay, workload, NULL, NULL, &data->by_size[i][p], error);
    }
  return worked;
}

PosterData *
poster_measure(const PosterSetting *setting, Shelf *shelf, GError **error)
{
  g_autoptr(PosterData) data = g_new0(PosterData, 1);
  g_autoptr(Workload) workload = burst_new();

  data->setting = *setting;
  data->shelf = shelf;
  if (!price(data, shelf, error))
    return NULL;
  for (guint i = 0; i < POSTER_SHARES; i++)
    if (!replay_share(data, i, workload, error))
      return NULL;
  return replay_sizes(data, workload, error) ? g_steal_pointer(&data) : NULL;
}
