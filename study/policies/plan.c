/* From what is asked for to points: how much memory each traffic would hold is found by running it
 * with memory for all. */
#include "map.h"

#include <math.h>

#include "report/figures.h"
#include "scenario/run/execute.h"

static void
demand_clear(gpointer data)
{
  g_free(((MapDemand *)data)->refused);
}

static void
point_clear(gpointer data)
{
  g_free(((MapPoint *)data)->refused);
}

static void
list_choices(PolicyMap *map)
{
  const MapChoice own = {0};

  g_array_append_val(map->choices, own);
  for (guint kind = 0; kind < POLICY_ENGINE_KINDS; kind++)
    for (guint i = 1; policy_kinds[kind].entry(i) != NULL; i++) {
      const MapChoice choice = {(PolicyKindIndex)kind, policy_kinds[kind].entry(i)};
      g_array_append_val(map->choices, choice);
    }
}

static void
list_traffic(PolicyMap *map)
{
  const MapRequest *r = map->request;

  for (guint p = 0; p < r->prompts->len; p++)
    for (guint o = 0; o < r->outputs->len; o++) {
      const MapTraffic traffic = {.prompt_tokens = policy_map_value(r->prompts, p),
                                  .output_tokens = policy_map_value(r->outputs, o)};
      g_array_append_val(map->traffic, traffic);
    }
  for (guint t = 0; r->traces[t] != NULL; t++) {
    const MapTraffic traffic = {.trace = r->traces[t]};
    g_array_append_val(map->traffic, traffic);
  }
}

static guint64
largest_blocks(const Workload *workload, guint32 max_model_len)
{
  guint64 largest = 0;

  for (guint32 i = 0; i < workload_count(workload); i++) {
    const Request *request = workload_request(workload, i);
    guint64 tokens = (guint64)request->prompt_tokens + request->output_tokens;
    if (tokens <= max_model_len) /* others are refused on arrival */
      largest = MAX(largest, tokens / MAP_BLOCK_TOKENS + 1);
  }
  return largest;
}

/* Runs with memory for all. FALSE with an error where there can be no such run, or where generated
 * requests are too long for the model: the point would not be what its name says. Requests of a
 * trace may be too long. */
static gboolean
probe(const PolicyMap *map, guint model, const MapTraffic *traffic, double rate, MapDemand *demand,
      double *served, GError **error)
{
  g_autoptr(Settings) settings = policy_map_probe(map, model, traffic, rate, error);
  g_autoptr(Scenario) scenario = NULL;
  g_autofree char *fault = NULL;
  const Workload *workload;
  Unlimited unlimited = {.known = TRUE, .makespan_ps = -1};
  RunRecord record;

  if (settings == NULL)
    return FALSE;
  shelf_read_trace(map->shelf, settings, "study policies");
  if ((workload = shelf_workload(map->shelf, settings, error)) == NULL ||
      (scenario = scenario_new_shared(settings, map->shelf, TRUE, error)) == NULL)
    return FALSE;
  const Execution execution = {.workload = workload,
                               .settings = settings,
                               .verb = "study policies",
                               .stride = TRUE,
                               .failure = &fault,
                               .unlimited = &unlimited};
  execute_scenario(scenario, &execution, &record);
  *served = record.summary.requests_per_s;
  demand->peak_blocks = (guint64)figure_real(figure_find("peak_gpu_blocks"), &record);
  demand->largest_blocks = largest_blocks(workload, scenario->config.max_model_len);
  demand->n_requests = record.summary.requests;
  if (fault == NULL &&
      (record.summary.finished == 0 ||
       (traffic->trace == NULL && record.summary.finished < record.summary.requests)))
    fault = g_strdup_printf(
        "%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " requests are too long for %s: %s",
        record.summary.requests - record.summary.finished, record.summary.requests,
        map->request->models[model],
        record.summary.ignored_reason != NULL ? record.summary.ignored_reason : "they were left");
  run_record_clear(&record);
  if (fault != NULL)
    g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, fault);
  return fault == NULL;
}

static gboolean
measure_demand(const PolicyMap *map, guint model, const MapTraffic *traffic, MapDemand *demand,
               GError **error)
{
  double served;

  if (!probe(map, model, traffic, 0, demand, &served, error))
    return FALSE;
  if (traffic->trace != NULL)
    return TRUE;
  demand->rate = served;
  return probe(map, model, traffic, demand->rate, demand, &served, error);
}

/* A traffic that is too long for a model leaves a hole in the map. A model that has only holes, or
 * a trace that cannot be run, is a mistake. */
static gboolean
measure_demands(PolicyMap *map, GError **error)
{
  for (guint m = 0; map->request->models[m] != NULL; m++) {
    gboolean has_any = FALSE;
    for (guint t = 0; t < map->traffic->len; t++) {
      const MapTraffic *traffic = &g_array_index(map->traffic, MapTraffic, t);
      MapDemand demand = {0};
      g_autoptr(GError) mine = NULL;
      gboolean worked = measure_demand(map, m, traffic, &demand, &mine);
      if (!worked && (traffic->trace != NULL || (!has_any && t + 1 == map->traffic->len))) {
        g_propagate_error(error, g_steal_pointer(&mine));
        return FALSE;
      }
      has_any = has_any || worked;
      demand.refused = worked ? NULL : g_strdup(mine->message);
      g_array_append_val(map->demands, demand);
    }
  }
  return TRUE;
}

static void
add_points(PolicyMap *map, guint engine, guint model, guint traffic, guint link)
{
  for (guint p = 0; p < map->request->pressures->len; p++) {
    const MapPoint point = {engine, model, link, traffic, p, NULL};
    g_array_append_val(map->points, point);
  }
}

/* The device's own link, or the first where that is not asked for. */
static guint
own_link(const GArray *links)
{
  for (guint l = 0; l < links->len; l++)
    if (policy_map_value(links, l) == 1)
      return l;
  return 0;
}

/* A trace has rows of the device's own link only. */
static void
list_points(PolicyMap *map)
{
  const MapRequest *r = map->request;

  for (guint e = 0; r->engines[e] != NULL; e++)
    for (guint m = 0; r->models[m] != NULL; m++)
      for (guint t = 0; t < map->traffic->len; t++) {
        if (g_array_index(map->traffic, MapTraffic, t).trace != NULL)
          add_points(map, e, m, t, own_link(r->links));
        for (guint l = 0;
             g_array_index(map->traffic, MapTraffic, t).trace == NULL && l < r->links->len; l++)
          add_points(map, e, m, t, l);
      }
}

/* Whether the engine's own policies can run there. */
static gboolean
check_point(const PolicyMap *map, const MapPoint *point, GError **error)
{
  const MapChoice own = {0};
  g_autoptr(Settings) settings = policy_map_settings(map, point, 0, &own, error);
  g_autoptr(Scenario) scenario =
      settings != NULL ? scenario_new_shared(settings, map->shelf, FALSE, error) : NULL;

  return scenario != NULL;
}

/* A point where the engine's own policies cannot run is a hole in the map; nothing but holes is a
 * mistake. */
static gboolean
check_points(PolicyMap *map, GError **error)
{
  gboolean has_any = FALSE;
  g_autoptr(GError) first = NULL;

  for (guint i = 0; i < map->points->len; i++) {
    MapPoint *point = &g_array_index(map->points, MapPoint, i);
    const MapDemand *demand = policy_map_demand(map, point);
    g_autoptr(GError) mine = NULL;
    point->refused = g_strdup(demand->refused);
    if (demand->refused != NULL || check_point(map, point, &mine)) {
      has_any = has_any || demand->refused == NULL;
      continue;
    }
    point->refused = g_strdup(mine->message);
    if (first == NULL)
      first = g_steal_pointer(&mine);
  }
  if (!has_any)
    g_propagate_error(error, g_steal_pointer(&first));
  return has_any;
}

PolicyMap *
policy_map_new(const MapRequest *request, Shelf *shelf, GError **error)
{
  g_autoptr(PolicyMap) map = g_new0(PolicyMap, 1);

  map->request = request;
  map->shelf = shelf;
  map->traffic = g_array_new(FALSE, FALSE, sizeof(MapTraffic));
  map->demands = g_array_new(FALSE, FALSE, sizeof(MapDemand));
  map->points = g_array_new(FALSE, FALSE, sizeof(MapPoint));
  map->choices = g_array_new(FALSE, FALSE, sizeof(MapChoice));
  map->runs = g_array_new(FALSE, TRUE, sizeof(MapRun));
  g_array_set_clear_func(map->demands, demand_clear);
  g_array_set_clear_func(map->points, point_clear);
  list_choices(map);
  list_traffic(map);
  if (!measure_demands(map, error))
    return NULL;
  list_points(map);
  if (!check_points(map, error))
    return NULL;
  g_array_set_size(map->runs, map->points->len * request->n_seeds * map->choices->len);
  return g_steal_pointer(&map);
}

void
policy_map_free(PolicyMap *map)
{
  if (map == NULL)
    return;
  g_clear_pointer(&map->traffic, g_array_unref);
  g_clear_pointer(&map->demands, g_array_unref);
  g_clear_pointer(&map->points, g_array_unref);
  g_clear_pointer(&map->choices, g_array_unref);
  g_clear_pointer(&map->runs, g_array_unref);
  g_free(map);
}

guint
policy_map_seeds(const PolicyMap *map, const MapPoint *point)
{
  return policy_map_traffic(map, point)->trace != NULL ? 1 : map->request->n_seeds;
}

MapRun *
policy_map_run(const PolicyMap *map, guint point, guint seed, guint choice)
{
  return &g_array_index(map->runs, MapRun,
                        (point * map->request->n_seeds + seed) * map->choices->len + choice);
}
