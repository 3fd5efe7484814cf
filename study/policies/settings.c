/* A point of the map as options of a run: the one list from which its settings and its command line
 * are made. */
#include "map.h"

#include <string.h>

#include "traces/shell_word.h"

#define HOST_GIB "64" /* room on the host, beyond what any of the points asks for */

double
policy_map_value(const GArray *list, guint place)
{
  return g_array_index(list, double, place);
}

const MapTraffic *
policy_map_traffic(const PolicyMap *map, const MapPoint *point)
{
  return &g_array_index(map->traffic, MapTraffic, point->traffic);
}

const MapDemand *
policy_map_demand(const PolicyMap *map, const MapPoint *point)
{
  return &g_array_index(map->demands, MapDemand, point->model * map->traffic->len + point->traffic);
}

/* At least the largest request fits, and a block beside it. */
guint64
policy_map_blocks(const PolicyMap *map, const MapPoint *point)
{
  const MapDemand *demand = policy_map_demand(map, point);
  double pressure = policy_map_value(map->request->pressures, point->pressure);
  guint64 share = (guint64)((double)demand->peak_blocks / pressure);

  return MAX(share, demand->largest_blocks + demand->largest_blocks / 50 + 2);
}

static void
add(GPtrArray *options, const char *name, char *value)
{
  g_ptr_array_add(options, g_strdup(name));
  g_ptr_array_add(options, value);
}

static char *
real_text(const char *format, double value)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  return g_strdup(g_ascii_formatd(buffer, sizeof buffer, format, value));
}

/* "llama-3.1-8b:fp8" → what is before and behind the colon; the latter NULL where there is none. */
static void
split(const char *text, char **name, const char **behind)
{
  const char *colon = strrchr(text, ':');

  *name = colon != NULL ? g_strndup(text, (gsize)(colon - text)) : g_strdup(text);
  *behind = colon != NULL ? colon + 1 : NULL;
}

static void
add_engine(GPtrArray *options, const char *text, guint64 blocks)
{
  const char *behind;
  g_autofree char *name = NULL;

  split(text, &name, &behind);
  if (g_str_equal(name, "sglang"))
    add(options, "max-total-tokens",
        g_strdup_printf("%" G_GUINT64_FORMAT, blocks * MAP_BLOCK_TOKENS));
  else
    add(options, "num-gpu-blocks", g_strdup_printf("%" G_GUINT64_FORMAT, blocks));
  if (behind != NULL)
    add(options, "enable-prefix-caching", g_strdup("false"));
  add(options, "swap-space", g_strdup(HOST_GIB));
  add(options, "scheduler", g_steal_pointer(&name));
}

static void
add_model(GPtrArray *options, const char *text)
{
  const char *behind;
  char *name;

  split(text, &name, &behind);
  add(options, "model", name);
  if (behind != NULL)
    add(options, "kv-cache-dtype", g_strdup(behind));
}

/* Lengths spread by half around their mean; clients allow twice what is generated. */
static char *
generator(const PolicyMap *map, const MapTraffic *traffic, double rate)
{
  g_autofree char *rate_text = rate > 0 ? real_text("%.4g", rate) : NULL;
  double prompt = traffic->prompt_tokens, output = traffic->output_tokens;

  return g_strdup_printf("gen:--requests %u %s%s --prompt uniform:%.0f,%.0f "
                         "--output uniform:%.0f,%.0f --max-tokens 2x",
                         map->request->n_requests, rate > 0 ? "--rate " : "--arrivals burst",
                         rate > 0 ? rate_text : "", prompt / 2, prompt * 3 / 2, output / 2,
                         output * 3 / 2);
}

static void
add_traffic(GPtrArray *options, const PolicyMap *map, const MapTraffic *traffic, double rate,
            guint seed)
{
  if (traffic->trace != NULL) {
    add(options, "trace", g_strdup(traffic->trace));
    return;
  }
  add(options, "trace", generator(map, traffic, rate));
  add(options, "seed", g_strdup_printf("%u", seed + 1));
}

/* Name and value in turn. */
static GPtrArray *
point_options(const PolicyMap *map, const MapPoint *point, guint seed, const MapChoice *choice)
{
  GPtrArray *options = g_ptr_array_new_with_free_func(g_free);
  const MapRequest *request = map->request;
  double link = policy_map_value(request->links, point->link);

  add_model(options, request->models[point->model]);
  add(options, "device", g_strdup(request->device));
  add_engine(options, request->engines[point->engine], policy_map_blocks(map, point));
  if (link != 1) {
    g_autofree char *times = real_text("%.6g", link);
    add(options, "what-if", g_strdup_printf("h2d=%sx,d2h=%sx", times, times));
  }
  add_traffic(options, map, policy_map_traffic(map, point), policy_map_demand(map, point)->rate,
              seed);
  if (choice->policy != NULL)
    add(options, policy_kinds[choice->kind].option, g_strdup(choice->policy->name));
  return options;
}

static Settings *
settings_of(const GPtrArray *options, GError **error)
{
  g_autoptr(Settings) settings = settings_new();

  for (guint i = 0; i < options->len; i += 2)
    if (!settings_set(settings, options->pdata[i], options->pdata[i + 1], error))
      return NULL;
  return g_steal_pointer(&settings);
}

Settings *
policy_map_settings(const PolicyMap *map, const MapPoint *point, guint seed,
                    const MapChoice *choice, GError **error)
{
  g_autoptr(GPtrArray) options = point_options(map, point, seed, choice);

  return settings_of(options, error);
}

Settings *
policy_map_probe(const PolicyMap *map, guint model, const MapTraffic *traffic, double rate,
                 GError **error)
{
  g_autoptr(GPtrArray) options = g_ptr_array_new_with_free_func(g_free);

  add_model(options, map->request->models[model]);
  add(options, "device", g_strdup(map->request->device));
  add(options, "num-gpu-blocks", g_strdup("1000000"));
  add_traffic(options, map, traffic, rate, 0);
  if (rate == 0 && traffic->trace == NULL)
    add(options, "max-concurrency", g_strdup_printf("%u", MAP_IN_FLIGHT));
  return settings_of(options, error);
}

char *
policy_map_command(const PolicyMap *map, const MapPoint *point, guint seed, const MapChoice *choice)
{
  g_autoptr(GPtrArray) options = point_options(map, point, seed, choice);
  GString *text = g_string_new("run");

  for (guint i = 0; i < options->len; i += 2) {
    const char *name = options->pdata[i], *value = options->pdata[i + 1];
    g_autofree char *word = shell_word(value);
    if (g_str_equal(value, "false"))
      g_string_append_printf(text, " --no-%s", name);
    else
      g_string_append_printf(text, " --%s %s", name, word);
  }
  return g_string_free(text, FALSE);
}
