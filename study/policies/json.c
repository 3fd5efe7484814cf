#include "config.h"

#include "output.h"

#include <math.h>

#include "report/figures.h"
#include "report/text/json_values.h"

static json_t *
texts(char **list)
{
  json_t *array = json_array();

  for (guint i = 0; list[i] != NULL; i++)
    json_array_append_new(array, json_text_or_null(list[i]));
  return array;
}

static json_t *
reals(const GArray *list)
{
  json_t *array = json_array();

  for (guint i = 0; i < list->len; i++)
    json_array_append_new(array, json_real(policy_map_value(list, i)));
  return array;
}

static json_t *
choices_json(const PolicyMap *map)
{
  json_t *array = json_array();

  for (guint c = 0; c < map->choices->len; c++) {
    const MapChoice *choice = &g_array_index(map->choices, MapChoice, c);
    json_array_append_new(
        array, choice->policy == NULL
                   ? json_pack("{s:s, s:s, s:b}", "kind", "own", "policy", "own", "bound", 0)
                   : json_pack("{s:s, s:s, s:b, s:s}", "kind", policy_kinds[choice->kind].option,
                               "policy", choice->policy->name, "bound", choice->policy->is_bound,
                               "help", choice->policy->help));
  }
  return array;
}

/* Of each choice: its gain, half of its interval; null where it could not be run. */
static json_t *
gains_json(const PolicyMap *map, guint point, guint figure)
{
  json_t *array = json_array();

  for (guint c = 0; c < map->choices->len; c++) {
    MapGain gain = policy_map_gain(map, point, c, figure);
    json_array_append_new(array, isnan(gain.gain)
                                     ? json_null()
                                     : json_pack("[o, o]", json_real_or_null(gain.gain),
                                                 json_real_or_null(gain.half)));
  }
  return array;
}

static json_t *
best_json(const PolicyMap *map, guint point, guint figure)
{
  MapGain gain;
  guint best = policy_map_best(map, point, POLICY_ENGINE_KINDS, figure, &gain);

  return json_pack("{s:i, s:o, s:o, s:b, s:i}", "choice", (int)best, "gain",
                   json_real_or_null(gain.gain), "half", json_real_or_null(gain.half), "counts",
                   map_gain_counts(&gain), "seeds", (int)gain.n_seeds);
}

static json_t *
figures_json(const PolicyMap *map, guint point)
{
  json_t *object = json_object();

  for (guint f = 0; f < MAP_FIGURES; f++)
    json_object_set_new(object, map_figures[f], json_real_or_null(policy_map_own(map, point, f)));
  return object;
}

static json_t *
point_json(const PolicyMap *map, guint index, guint figure)
{
  const MapPoint *point = &g_array_index(map->points, MapPoint, index);
  const MapTraffic *traffic = policy_map_traffic(map, point);
  const MapDemand *demand = policy_map_demand(map, point);
  const gboolean is_run = policy_map_is_run(map, index);
  g_autofree char *command = policy_map_command(map, point, 0, &(MapChoice){0});

  return json_pack(
      "{s:s, s:s, s:o, s:I, s:f, s:f, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o}", "engine",
      map->request->engines[point->engine], "model", map->request->models[point->model], "trace",
      json_text_or_null(traffic->trace), "requests", (json_int_t)demand->n_requests, "pressure",
      policy_map_value(map->request->pressures, point->pressure), "link",
      policy_map_value(map->request->links, point->link), "prompt_tokens",
      traffic->trace == NULL ? json_real(traffic->prompt_tokens) : json_null(), "output_tokens",
      traffic->trace == NULL ? json_real(traffic->output_tokens) : json_null(), "requests_per_s",
      traffic->trace == NULL ? json_real_or_null(demand->rate) : json_null(), "num_gpu_blocks",
      (json_int_t)(point->refused == NULL ? policy_map_blocks(map, point) : 0), "refused",
      json_text_or_null(point->refused), "command", json_text_or_null(command), "own",
      is_run ? figures_json(map, index) : json_null(), "gains",
      is_run ? gains_json(map, index, figure) : json_null(), "best",
      is_run ? best_json(map, index, figure) : json_null());
}

json_t *
policy_map_json(const PolicyMap *map, const MapProgress *progress, guint figure)
{
  const MapRequest *r = map->request;
  json_t *points = json_array();

  for (guint p = 0; p < map->points->len; p++)
    json_array_append_new(points, point_json(map, p, figure));
  return json_pack(
      "{s:o, s:s, s:s, s:i, s:i, s:i, s:i, s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
      "s:o}",
      "device", json_text_or_null(r->device), "figure", map_figures[figure], "label",
      figure_find(map_figures[figure])->label, "seeds", (int)r->n_seeds, "requests",
      (int)r->n_requests, "jobs", (int)progress->n_jobs, "jobs_done",
      (int)(progress->n_before + progress->n_now), "least_gain", MAP_LEAST_GAIN, "engines",
      texts(r->engines), "models", texts(r->models), "links", reals(r->links), "pressures",
      reals(r->pressures), "prompt_tokens", reals(r->prompts), "output_tokens", reals(r->outputs),
      "traces", texts(r->traces), "choices", choices_json(map), "points", points);
}
