/* The blocks that the planner hands out, and how many of them are free. */
#include "planner_state.h"

G_DEFINE_QUARK(spillway - planner - error, planner_error)

gboolean
planner_disagree(GError **error, guint32 request, const char *what, guint64 found, guint64 expected)
{
  g_set_error(error, PLANNER_ERROR, PLANNER_ERROR_DISAGREES,
              "request %u of the trace: %s: found %" G_GUINT64_FORMAT
              ", the scheduler counts %" G_GUINT64_FORMAT "; this is a mistake of the program",
              request, what, found, expected);
  return FALSE;
}

static GArray *
ids_down_from(guint32 count, guint32 first)
{
  GArray *ids = g_array_sized_new(FALSE, FALSE, sizeof(gint32), count);

  for (guint32 i = count; i-- > 0;) {
    gint32 id = (gint32)(first + i);
    g_array_append_val(ids, id);
  }
  return ids;
}

void
planner_init_pools(Planner *planner)
{
  const PlannerConfig *config = &planner->config;

  planner->free_blocks =
      ids_down_from(config->num_device_blocks - config->hidden_blocks, config->hidden_blocks);
  planner->ahead = g_ptr_array_new();
  planner->away = g_ptr_array_new();
  places_init(&planner->host, 0, config->num_host_blocks);
  places_init(&planner->through, config->num_host_blocks, config->num_through_blocks);
  places_init(&planner->disk, 0, config->num_disk_blocks);
}

void
planner_clear_pools(Planner *planner)
{
  g_array_unref(planner->free_blocks);
  g_ptr_array_unref(planner->ahead);
  g_ptr_array_unref(planner->away);
  places_clear(&planner->host);
  places_clear(&planner->through);
  places_clear(&planner->disk);
}

guint32
planner_through_blocks(const SchedulerConfig *config)
{
  guint64 longest = config->max_model_len / config->block_size + 1;

  if (config->num_disk_blocks == 0)
    return 0;
  return config->prefix_caching ? (guint32)MIN(longest * config->max_num_seqs, G_MAXINT32)
                                : config->num_gpu_blocks;
}

/* Moves the last free id to the end of `ids`. FALSE if there is none. */
static gboolean
take(GArray *free_ids, GArray *ids)
{
  gint32 id;

  if (free_ids->len == 0)
    return FALSE;
  id = g_array_index(free_ids, gint32, free_ids->len - 1);
  g_array_set_size(free_ids, free_ids->len - 1);
  g_array_append_val(ids, id);
  return TRUE;
}

gboolean
planner_take_blocks(Planner *planner, LiveRequest *request, guint32 blocks)
{
  if (planner->config.prefix_caching) {
    g_array_set_size(request->blocks, 0);
    for (guint32 i = 0; i < request->sequence->blocks; i++) {
      gint32 id = (gint32)request->sequence->block_ids[i];
      g_array_append_val(request->blocks, id);
    }
    return TRUE;
  }
  while (request->blocks->len < blocks)
    if (!take(planner->free_blocks, request->blocks))
      return FALSE;
  return TRUE;
}

void
planner_give_blocks(Planner *planner, GArray *ids, guint32 blocks)
{
  for (guint i = ids->len; i-- > blocks && !planner->config.prefix_caching;)
    g_array_append_val(planner->free_blocks, g_array_index(ids, gint32, i));
  g_array_set_size(ids, MIN(ids->len, blocks));
}

void
planner_give_places(Planner *planner, LiveRequest *request)
{
  for (guint i = 0; i < request->host->len; i++) {
    places_give_back(&planner->host, g_array_index(request->host, gint32, i));
    places_give_back(&planner->through, g_array_index(request->host, gint32, i));
  }
  for (guint i = 0; i < request->disk->len; i++)
    places_give_back(&planner->disk, g_array_index(request->disk, gint32, i));
  g_array_set_size(request->host, 0);
  g_array_set_size(request->disk, 0);
  g_ptr_array_remove(planner->away, request);
  request->arrived = FALSE;
}

static gboolean
check_pool(const char *pool, guint32 free_blocks, guint32 counted, gboolean exact, GError **error)
{
  if (exact ? free_blocks == counted : free_blocks >= counted)
    return TRUE;
  g_set_error(error, PLANNER_ERROR, PLANNER_ERROR_DISAGREES,
              "free blocks of the %s: found %u, the scheduler counts %u; this is a mistake of the "
              "program",
              pool, free_blocks, counted);
  return FALSE;
}

gboolean
planner_check_pools(Planner *planner, const Step *step, GError **error)
{
  gboolean exact = !planner->has_left;
  guint32 spare;

  if (!planner->has_planned)
    planner->counted_host_blocks = step->host_free_blocks;
  planner->has_planned = TRUE;
  spare = planner->counted_host_blocks - planner->config.num_host_blocks;
  planner->has_left = FALSE;
  return (planner->config.prefix_caching ||
          check_pool("device", planner->free_blocks->len, step->gpu_free_blocks, exact, error)) &&
         check_pool("host", planner->host.free_blocks + spare, step->host_free_blocks,
                    exact && !planner->has_ignored, error) &&
         (!step->has_disk ||
          check_pool("disk", planner->disk.free_blocks,
                     planner->disk.total_blocks - step->disk_used_blocks, exact, error));
}
