#include "output.h"

#include <math.h>
#include <stdlib.h>

#include "report/figures.h"
#include "report/text/format.h"
#include "report/text/table.h"
#include "sim/quantiles.h"

/* Some of the points: those with this value of an axis. */
typedef struct {
  gboolean (*has)(const PolicyMap *map, const MapPoint *point, guint value);
  guint value;
} Part;

static gboolean
of_engine(const PolicyMap *map G_GNUC_UNUSED, const MapPoint *point, guint value)
{
  return point->engine == value;
}

static gboolean
of_model(const PolicyMap *map G_GNUC_UNUSED, const MapPoint *point, guint value)
{
  return point->model == value;
}

static gboolean
of_link(const PolicyMap *map G_GNUC_UNUSED, const MapPoint *point, guint value)
{
  return point->link == value;
}

static gboolean
of_pressure(const PolicyMap *map G_GNUC_UNUSED, const MapPoint *point, guint value)
{
  return point->pressure == value;
}

static gboolean
of_prompt(const PolicyMap *map, const MapPoint *point, guint value)
{
  return policy_map_traffic(map, point)->prompt_tokens ==
         policy_map_value(map->request->prompts, value);
}

static gboolean
of_output(const PolicyMap *map, const MapPoint *point, guint value)
{
  return policy_map_traffic(map, point)->output_tokens ==
         policy_map_value(map->request->outputs, value);
}

static gboolean
is_of_map(const PolicyMap *map, guint point)
{
  return policy_map_is_run(map, point) &&
         policy_map_traffic(map, &g_array_index(map->points, MapPoint, point))->trace == NULL;
}

static char *
gain_text(double gain)
{
  g_autofree char *size = format_percent(fabs(gain));

  if (isnan(gain))
    return g_strdup("–");
  return gain == 0 ? g_strdup("0") : g_strdup_printf("%s%s", gain > 0 ? "+" : "-", size);
}

/* A policy's row: where it is best, and what it gains there and everywhere. */
static void
add_policy(Table *table, const PolicyMap *map, guint choice, guint figure)
{
  const MapChoice *c = &g_array_index(map->choices, MapChoice, choice);
  g_autoptr(GArray) everywhere = g_array_new(FALSE, FALSE, sizeof(double));
  g_autoptr(GArray) where_best = g_array_new(FALSE, FALSE, sizeof(double));

  for (guint p = 0; p < map->points->len; p++) {
    MapGain gain, best;
    if (!is_of_map(map, p))
      continue;
    gain = policy_map_gain(map, p, choice, figure);
    if (isnan(gain.gain))
      continue;
    g_array_append_val(everywhere, gain.gain);
    if (policy_map_best(map, p, POLICY_ENGINE_KINDS, figure, &best) == choice &&
        map_gain_counts(&best))
      g_array_append_val(where_best, gain.gain);
  }
  if (everywhere->len == 0)
    return;
  table_add(table, policy_kinds[c->kind].option);
  table_take(table,
             g_strdup_printf("%s%s", c->policy->name, c->policy->is_bound ? " (a bound)" : ""));
  table_take(table, g_strdup_printf("%u", everywhere->len));
  table_take(table, c->policy->is_bound ? g_strdup("–") : g_strdup_printf("%u", where_best->len));
  table_take(table, gain_text(quantiles_median(where_best)));
  table_take(table, gain_text(quantiles_median(everywhere)));
  table_take(table, gain_text(g_array_index(everywhere, double, 0)));
  table_take(table, gain_text(g_array_index(everywhere, double, everywhere->len - 1)));
}

static void
append_policies(GString *text, const PolicyMap *map, guint figure)
{
  static const char *const head[] = {
      "in place of the engine's", "", "points", "best in", "gain there", "median", "least", "most"};
  g_autoptr(Table) table = table_new("llrrrrrr");

  for (guint i = 0; i < G_N_ELEMENTS(head); i++)
    table_add(table, head[i]);
  for (guint c = 1; c < map->choices->len; c++)
    add_policy(table, map, c, figure);
  table_append(table, "", text);
}

/* A part's row: how many of its points, where anything counts, and by kind the median of the best
 * gain. */
static void
add_part(Table *table, const PolicyMap *map, char *axis, char *value, const Part *part,
         guint figure)
{
  guint n = 0, n_counts = 0;
  GArray *gains[POLICY_ENGINE_KINDS + 1];

  for (guint k = 0; k <= POLICY_ENGINE_KINDS; k++)
    gains[k] = g_array_new(FALSE, FALSE, sizeof(double));
  for (guint p = 0; p < map->points->len; p++) {
    if (!is_of_map(map, p) ||
        !part->has(map, &g_array_index(map->points, MapPoint, p), part->value))
      continue;
    n++;
    for (guint k = 0; k <= POLICY_ENGINE_KINDS; k++) {
      MapGain gain;
      policy_map_best(map, p, k, figure, &gain);
      g_array_append_val(gains[k], gain.gain);
      n_counts += k == POLICY_ENGINE_KINDS && map_gain_counts(&gain) ? 1 : 0;
    }
  }
  table_take(table, axis);
  table_take(table, value);
  table_take(table, g_strdup_printf("%u", n));
  table_take(table, g_strdup_printf("%u", n_counts));
  for (guint k = 0; k <= POLICY_ENGINE_KINDS; k++) {
    table_take(table, gain_text(quantiles_median(gains[k])));
    g_array_unref(gains[k]);
  }
}

static void
add_reals(Table *table, const PolicyMap *map, const char *axis, const GArray *values,
          const char *unit, gboolean (*has)(const PolicyMap *, const MapPoint *, guint),
          guint figure)
{
  for (guint i = 0; i < values->len; i++) {
    const Part part = {has, i};
    add_part(table, map, g_strdup(i == 0 ? axis : ""),
             g_strdup_printf("%.10g%s", policy_map_value(values, i), unit), &part, figure);
  }
}

static void
add_texts(Table *table, const PolicyMap *map, const char *axis, char **values,
          gboolean (*has)(const PolicyMap *, const MapPoint *, guint), guint figure)
{
  for (guint i = 0; values[i] != NULL; i++) {
    const Part part = {has, i};
    add_part(table, map, g_strdup(i == 0 ? axis : ""), g_strdup(values[i]), &part, figure);
  }
}

static void
append_axes(GString *text, const PolicyMap *map, guint figure)
{
  static const char *const head[] = {"",         "",       "points",    "any counts",
                                     "overflow", "victim", "admission", "any"};
  const MapRequest *r = map->request;
  g_autoptr(Table) table = table_new("llrrrrrr");

  for (guint i = 0; i < G_N_ELEMENTS(head); i++)
    table_add(table, head[i]);
  add_texts(table, map, "engine", r->engines, of_engine, figure);
  add_texts(table, map, "model", r->models, of_model, figure);
  add_reals(table, map, "memory pressure", r->pressures, "", of_pressure, figure);
  add_reals(table, map, "prompt tokens", r->prompts, "", of_prompt, figure);
  add_reals(table, map, "output tokens", r->outputs, "", of_output, figure);
  add_reals(table, map, "link", r->links, "x", of_link, figure);
  table_append(table, "", text);
}

static char *
choice_name(const PolicyMap *map, guint choice)
{
  const MapChoice *c = &g_array_index(map->choices, MapChoice, choice);

  return c->policy == NULL
             ? g_strdup("the engine's own")
             : g_strdup_printf("%s %s", policy_kinds[c->kind].option, c->policy->name);
}

/* "3,412 of 3,993", where some are too long. */
static char *
served_text(const PolicyMap *map, guint point)
{
  guint64 all = policy_map_demand(map, &g_array_index(map->points, MapPoint, point))->n_requests;
  guint64 served = (guint64)policy_map_run(map, point, 0, 0)->figures[MAP_FINISHED];
  g_autofree char *some = format_count(served), *of = format_count(all);

  return served < all ? g_strdup_printf("%s of %s", some, of) : g_strdup(some);
}

static void
append_traces(GString *text, const PolicyMap *map, guint figure)
{
  static const char *const head[] = {"trace",       "served", "engine", "model",         "pressure",
                                     "preemptions", "best",   "gain",   "best overflow", "gain"};
  g_autoptr(Table) table = table_new("lrllrrlrlr");

  for (guint i = 0; i < G_N_ELEMENTS(head); i++)
    table_add(table, head[i]);
  for (guint p = 0; p < map->points->len; p++) {
    const MapPoint *point = &g_array_index(map->points, MapPoint, p);
    const char *trace = policy_map_traffic(map, point)->trace;
    static const guint kinds[] = {POLICY_ENGINE_KINDS, POLICY_OVERFLOW};
    if (trace == NULL || !policy_map_is_run(map, p))
      continue;
    table_take(table, g_path_get_basename(trace));
    table_take(table, served_text(map, p));
    table_add(table, map->request->engines[point->engine]);
    table_add(table, map->request->models[point->model]);
    table_take(table, g_strdup_printf("%.10g",
                                      policy_map_value(map->request->pressures, point->pressure)));
    table_take(table,
               format_count((guint64)policy_map_run(map, p, 0, 0)->figures[MAP_PREEMPTIONS]));
    for (guint k = 0; k < G_N_ELEMENTS(kinds); k++) {
      MapGain gain;
      table_take(table, choice_name(map, policy_map_best(map, p, kinds[k], figure, &gain)));
      table_take(table, gain_text(gain.gain));
    }
  }
  g_string_append(text, "\nTraces, as they are, one run each:\n\n");
  table_append(table, "", text);
}

/* Points that cannot be run, each reason once. */
static void
append_holes(GString *text, const PolicyMap *map)
{
  g_autoptr(GHashTable) told = g_hash_table_new(g_str_hash, g_str_equal);

  for (guint p = 0; p < map->points->len; p++) {
    const char *refused = g_array_index(map->points, MapPoint, p).refused;
    if (refused != NULL && g_hash_table_add(told, (gpointer)refused))
      g_string_append_printf(text, "Points that cannot be run: %s\n", refused);
  }
}

static void
append_map(GString *text, const PolicyMap *map, guint figure)
{
  g_string_append_c(text, '\n');
  append_policies(text, map, figure);
  g_string_append_printf(
      text,
      "\nBest in: the most gain of all at a point, beyond what seeds do (95 %%) and at least %g "
      "%%.\n\n"
      "The best gain there is, the median of the points, if only this may be chosen:\n\n",
      100 * MAP_LEAST_GAIN);
  append_axes(text, map, figure);
}

char *
policy_map_text(const PolicyMap *map, const MapProgress *progress, guint figure)
{
  GString *text = g_string_new(NULL);
  guint n = 0;

  for (guint p = 0; p < map->points->len; p++)
    n += is_of_map(map, p) ? 1 : 0;
  g_string_append_printf(text, "%s: ", map->request->device);
  if (n > 0)
    g_string_append_printf(text, "%u points, %u requests each, %u %s; ", n,
                           map->request->n_requests, map->request->n_seeds,
                           map->request->n_seeds == 1 ? "seed" : "seeds");
  g_string_append_printf(text, "gains in %s (%s) over the engine's own policies\n",
                         figure_find(map_figures[figure])->label, map_figures[figure]);
  if (progress->n_before + progress->n_now < progress->n_jobs)
    g_string_append_printf(text, "Not whole: %u of %u jobs are done; the same command goes on.\n",
                           progress->n_before + progress->n_now, progress->n_jobs);
  if (n > 0)
    append_map(text, map, figure);
  if (map->request->traces[0] != NULL)
    append_traces(text, map, figure);
  g_string_append(
      text,
      "\nThe best of many is chosen by the runs that it is measured by, so a small gain is rather "
      "too large;\nof some that tie, the first of the list is told.\n");
  append_holes(text, map);
  return g_string_free(text, FALSE);
}

char *
policy_map_csv(const PolicyMap *map, guint figure)
{
  GString *text = g_string_new("engine,model,trace,prompt_tokens,output_tokens,pressure,link,"
                               "num_gpu_blocks,kind,policy,bound,gain,half,seeds\n");
  char number[FORMAT_SECONDS_MAX];

  for (guint p = 0; p < map->points->len; p++) {
    const MapPoint *point = &g_array_index(map->points, MapPoint, p);
    const MapTraffic *traffic = policy_map_traffic(map, point);
    for (guint c = 1; c < map->choices->len && policy_map_is_run(map, p); c++) {
      const MapChoice *choice = &g_array_index(map->choices, MapChoice, c);
      MapGain gain = policy_map_gain(map, p, c, figure);
      if (isnan(gain.gain))
        continue;
      g_string_append_printf(text, "%s,%s,", map->request->engines[point->engine],
                             map->request->models[point->model]);
      format_csv_cell(text, traffic->trace != NULL ? traffic->trace : "");
      if (traffic->trace == NULL)
        g_string_append_printf(text, ",%.10g,%.10g", traffic->prompt_tokens,
                               traffic->output_tokens);
      else
        g_string_append(text, ",,");
      g_string_append_printf(text, ",%.10g,%.10g,%" G_GUINT64_FORMAT ",%s,%s,%s,",
                             policy_map_value(map->request->pressures, point->pressure),
                             policy_map_value(map->request->links, point->link),
                             policy_map_blocks(map, point), policy_kinds[choice->kind].option,
                             choice->policy->name, choice->policy->is_bound ? "true" : "false");
      g_string_append(text, format_real(gain.gain, number));
      g_string_append_printf(text, ",%s,%u\n",
                             isfinite(gain.half) ? format_real(gain.half, number) : "",
                             gain.n_seeds);
    }
  }
  return g_string_free(text, FALSE);
}
