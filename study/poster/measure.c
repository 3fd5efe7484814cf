/* A setting of the study, measured: prices of evictions from the cost model, and the burst of 32
 * requests (1500 tokens in, 1024 out) replayed at each share of memory under both policies.
 *
 * Shares are of 40 GB whatever the device, so that every device meets the same overflow.
 */
#include "replay.h"

#include "scenario/resolve.h"

#define CARD_BYTES 40000000000.0
#define KV_BYTES_PER_TOKEN 524288.0 /* of the study's model */
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

gboolean
poster_is_own_burst(const PosterData *data)
{
  return data->executor == NULL && data->setting.burst.requests == 0;
}

char *
poster_card_text(const PosterData *data)
{
  static const char *const units[] = {"B", "kB", "MB", "GB"};
  double bytes = data->card_bytes;
  guint unit = 0;

  for (; bytes >= 1000 && unit + 1 < G_N_ELEMENTS(units); unit++)
    bytes /= 1000;
  return g_strdup_printf("%.3g %s", bytes, units[unit]);
}

static gboolean
is_any(const gboolean *flags, guint n)
{
  for (guint i = 0; i < n; i++)
    if (flags[i])
      return TRUE;
  return FALSE;
}

gboolean
poster_has_figure(const PosterData *data, guint figure)
{
  if (figure == 2)
    return is_any(data->priced, POSTER_BLOCK_SIZES);
  if (figure == 3)
    return data->priced[POSTER_SIZE_AT];
  if (figure == 5)
    return data->timelines[POSTER_RECOMPUTE] != NULL && data->timelines[POSTER_SWAP] != NULL;
  for (guint i = 0; i < POSTER_SHARES; i++)
    for (guint p = 0; p < POSTER_POLICIES; p++)
      if (!data->runs[i][p].missing)
        return TRUE;
  return FALSE;
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
  g_free(data->model_title);
  g_free(data->device_title);
  g_free(data->kernels);
  g_free(data->profile);
  g_free(data->digest);
  g_free(data);
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
  data->priced[size] = data->priced_pageable[size] = TRUE;
  return TRUE;
}

static guint32
find_unfit(const PosterData *data, const Model *model, const Device *device)
{
  for (guint i = 0; i < POSTER_SHARES; i++)
    if ((double)model_weight_bytes(model) + poster_share_bytes(data, poster_percents[i]) >
        device->memory_bytes)
      return poster_percents[i];
  return 0;
}

static guint64
tokens_of(const PosterBurst *burst)
{
  return (guint64)burst->requests * (burst->prompt_tokens + burst->output_tokens);
}

/* Another burst gets memory in the proportion that its KV has to the study's. */
static void
set_burst(PosterData *data, const Model *model)
{
  static const PosterBurst study = {.requests = 32, .prompt_tokens = 1500, .output_tokens = 1024};

  data->burst = study;
  data->card_bytes = CARD_BYTES;
  if (data->setting.burst.requests == 0)
    return;
  data->burst = data->setting.burst;
  data->card_bytes *= (double)tokens_of(&data->burst) / (double)tokens_of(&study) *
                      (double)model_kv_bytes_per_token(model) / KV_BYTES_PER_TOKEN;
}

static gboolean
set_lengths(PosterData *data, const Model *model, GError **error)
{
  while (data->longest < POSTER_LENGTHS && poster_lengths[data->longest] <= model->max_position)
    data->longest++;
  if (data->longest < 2) {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "%s holds contexts of %u tokens, the study needs 512 or more", model->name,
                model->max_position);
    return FALSE;
  }
  return TRUE;
}

static void
mark_missing(PosterData *data)
{
  for (guint p = 0; p < POSTER_POLICIES; p++) {
    for (guint i = 0; i < POSTER_SHARES; i++)
      data->runs[i][p].missing = TRUE;
    for (guint i = 0; i < POSTER_REPLAY_SIZES; i++)
      data->by_size[i][p].missing = TRUE;
  }
  for (guint i = 0; i < POSTER_SHARES; i++)
    data->small_host[i].missing = TRUE;
}

PosterData *
poster_data_new(const PosterSetting *setting, Shelf *shelf, GError **error)
{
  g_autoptr(PosterData) data = g_new0(PosterData, 1);
  g_autoptr(Model) model = resolve_model(setting->model, error);
  g_autoptr(Device) device = NULL;
  Profile *profile = NULL;
  const char *digest;

  data->setting = *setting;
  data->shelf = shelf;
  if (model == NULL) {
    g_prefix_error(error, "--model: ");
    return NULL;
  }
  if (!shelf_costs(shelf, setting->device, &device, &profile, &digest, error)) {
    g_prefix_error(error, "--device: ");
    return NULL;
  }
  data->model_title = g_path_get_basename(setting->model);
  data->device_title = g_strdup(device->title);
  data->profile = profile != NULL ? g_strdup(profile->name) : NULL;
  set_burst(data, model);
  data->unfit_percent = find_unfit(data, model, device);
  mark_missing(data);
  return set_lengths(data, model, error) ? g_steal_pointer(&data) : NULL;
}

/* Evicting and restoring n tokens: figures 2 and 3. */
static gboolean
price(PosterData *data, GError **error)
{
  const PosterSetting *s = &data->setting;
  g_autoptr(Model) model = resolve_model(s->model, error);
  g_autoptr(Device) device = NULL;
  Profile *profile = NULL;
  const char *digest;
  RooflineConfig config = {.tensor_parallel_size = 1};
  gboolean worked = TRUE;

  if (model == NULL || !shelf_costs(data->shelf, s->device, &device, &profile, &digest, error) ||
      !what_if_parse(s->what_if, &config.what_if, error))
    return FALSE;
  copy_path_from_name(s->copy_path, &config.copy_path);
  host_scheduler_from_name(s->scheduler, &config.scheduler);
  config.model = model;
  config.device = device;
  for (guint i = 0; worked && i < POSTER_BLOCK_SIZES; i++)
    worked = price_size(data, i, profile, &config, error);
  return worked;
}

static gboolean
replay_share(PosterData *data, guint share, const Workload *workload, GError **error)
{
  Unlimited unlimited = {0};
  PosterReplay replay = {.percent = poster_percents[share],
                         .block_size = POSTER_BLOCK_SIZE,
                         .swap_gib = POSTER_AMPLE_GIB};
  gboolean worked = TRUE;

  for (guint p = 0; worked && p < POSTER_POLICIES; p++) {
    PosterTimeline **timeline =
        replay.percent == POSTER_TIMELINE_PERCENT ? &data->timelines[p] : NULL;
    replay.policy = (PosterPolicy)p;
    worked = poster_replay_fits(data, &replay, error) &&
             poster_replay(data, &replay, workload, NULL, &unlimited, timeline,
                           &data->runs[share][p], error);
  }
  replay.policy = POSTER_SWAP;
  replay.swap_gib = DEFAULT_GIB;
  return worked && (data->setting.burst.requests > 0 ||
                    poster_replay(data, &replay, workload, NULL, &unlimited, NULL,
                                  &data->small_host[share], error));
}

/* Block sizes of which another burst's pool holds no request are left out. */
static gboolean
replay_sizes(PosterData *data, const Workload *workload, GError **error)
{
  gboolean worked = TRUE;

  for (guint i = 0; worked && i < POSTER_REPLAY_SIZES; i++)
    for (guint p = 0; worked && p < POSTER_POLICIES; p++) {
      const PosterReplay replay = {.policy = (PosterPolicy)p,
                                   .percent = POSTER_TIMELINE_PERCENT,
                                   .block_size = poster_replay_sizes[i],
                                   .swap_gib = POSTER_AMPLE_GIB};
      if (poster_replay_fits(data, &replay, NULL))
        worked =
            poster_replay(data, &replay, workload, NULL, NULL, NULL, &data->by_size[i][p], error);
    }
  return worked;
}

PosterData *
poster_measure(const PosterSetting *setting, Shelf *shelf, GError **error)
{
  g_autoptr(PosterData) data = poster_data_new(setting, shelf, error);
  g_autoptr(Workload) workload = data != NULL ? poster_burst_new(&data->burst) : NULL;

  if (data == NULL || !price(data, error))
    return NULL;
  for (guint i = 0; i < POSTER_SHARES; i++)
    if (!replay_share(data, i, workload, error))
      return NULL;
  return replay_sizes(data, workload, error) ? g_steal_pointer(&data) : NULL;
}
