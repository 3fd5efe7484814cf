/* A crossover study as a table with its conclusion, as JSON, or as CSV. */
#include "crossover.h"

#include <jansson.h>

#include "report/text/format.h"
#include "report/text/table.h"
#include "sim/units.h"

static guint32
nth(const GArray *counts, guint i)
{
  return g_array_index(counts, guint32, i);
}

static guint32
last_tokens(const CrossoverStudy *study)
{
  return nth(study->tokens, study->tokens->len - 1);
}

static CrossoverCost
cost_at(const CrossoverStudy *study, guint size, guint row)
{
  return crossover_cost(study->costs->pdata[size], nth(study->block_sizes, size),
                        nth(study->tokens, row));
}

static GArray *
points_of(const CrossoverStudy *study, guint size)
{
  return crossover_points(study->costs->pdata[size], nth(study->block_sizes, size),
                          last_tokens(study));
}

/* "swapping is cheaper up to 2,015 tokens, recomputing up to 9,000, swapping beyond". */
static void
append_points(const CrossoverStudy *study, const GArray *points, GString *text)
{
  g_autofree char *limit = format_count(last_tokens(study));

  for (guint i = 0; i < points->len; i++) {
    const CrossoverPoint *point = &g_array_index(points, CrossoverPoint, i);
    gboolean last = i + 1 == points->len;

    g_string_append_printf(text, "%s%s%s", i > 0 ? ", " : "",
                           point->swap_cheaper ? "swapping" : "recomputing",
                           i == 0 ? " is cheaper" : "");
    if (!last) {
      g_autofree char *end = format_count(g_array_index(points, CrossoverPoint, i + 1).tokens - 1);
      g_string_append_printf(text, " up to %s%s", end, i == 0 ? " tokens" : "");
    } else if (i == 0) {
      g_string_append_printf(text, " everywhere up to %s tokens", limit);
    } else {
      g_string_append(text, " beyond");
    }
  }
}

static void
append_costs(const CrossoverStudy *study, GString *text)
{
  guint sizes = study->block_sizes->len, rows = study->tokens->len;
  g_autofree char *mark_columns = g_strnfill(2 * sizes, 'r');
  CrossoverCost smallest = cost_at(study, 0, 0);
  const DurationUnit *unit = format_duration_unit(ps_to_s(smallest.recompute_ps));
  g_autofree char *columns = NULL;

  for (guint i = 0; i < sizes; i++)
    mark_columns[2 * i + 1] = 'm';
  columns = g_strdup_printf("rrm%s", mark_columns);
  g_autoptr(Table) table = table_new(columns);
  table_add(table, "tokens");
  table_take(table, g_strdup_printf("recompute %s", unit->name));
  table_add(table, "");
  for (guint i = 0; i < sizes; i++) {
    table_take(table, g_strdup_printf("%s%u", i == 0 ? "swap, blocks of " : "",
                                      nth(study->block_sizes, i)));
    table_add(table, "");
  }
  for (guint row = 0; row < rows; row++) {
    CrossoverCost first = cost_at(study, 0, row);
    gboolean recompute_best = TRUE;

    for (guint i = 0; i < sizes; i++) {
      CrossoverCost cost = cost_at(study, i, row);
      recompute_best = recompute_best && !crossover_swap_is_cheaper(&cost);
    }
    table_take(table, format_count(nth(study->tokens, row)));
    table_take(table, format_number(ps_to_s(first.recompute_ps) * unit->per_s));
    table_add(table, recompute_best ? "*" : "");
    for (guint i = 0; i < sizes; i++) {
      CrossoverCost cost = cost_at(study, i, row);
      table_take(table, format_number(ps_to_s(cost.swap_out_ps + cost.swap_in_ps) * unit->per_s));
      table_add(table, crossover_swap_is_cheaper(&cost) ? "*" : "");
    }
  }
  table_append(table, "  ", text);
}

static void
append_crossings(const CrossoverStudy *study, GString *text)
{
  g_string_append(text, "\n* cheaper: a swap than recomputing, recomputing than every swap.\n"
                        "Crossings:\n");
  for (guint i = 0; i < study->block_sizes->len; i++) {
    g_autoptr(GArray) points = points_of(study, i);

    g_string_append_printf(text, "  %4u tokens a block: ", nth(study->block_sizes, i));
    append_points(study, points, text);
    g_string_append_c(text, '\n');
  }
}

/* One sentence, from the counts of the table. */
static void
append_conclusion(const CrossoverStudy *study, GString *text)
{
  guint cells = study->tokens->len * study->block_sizes->len, swaps = 0;

  for (guint i = 0; i < study->block_sizes->len; i++)
    for (guint row = 0; row < study->tokens->len; row++) {
      CrossoverCost cost = cost_at(study, i, row);
      swaps += (guint)crossover_swap_is_cheaper(&cost);
    }
  if (swaps == 0)
    g_string_append(text, "\nRecomputing is the cheaper throughout.\n");
  else if (swaps == cells)
    g_string_append(text, "\nSwapping is the cheaper throughout.\n");
  else
    g_string_append_printf(
        text,
        "\nSwapping is the cheaper at %u of these %u points; block size and length "
        "decide.\n",
        swaps, cells);
  if (study->profile != NULL)
    g_string_append_printf(
        text,
        "Measured where the profile %s has it, else modelled from %s's published "
        "peaks;\n",
        study->profile->name, study->device->title);
  else
    g_string_append_printf(text,
                           "Modelled, not measured: published peaks of %s and the shares that "
                           "kernels and copies reach;\n",
                           study->device->title);
  g_string_append(text,
                  "recomputing is one prefill in a step of its own, without host time; copies "
                  "are alone on the link.\n");
}

static char *
table_text(const CrossoverStudy *study)
{
  GString *text = g_string_new(NULL);

  g_string_append_printf(
      text, "%s on %u x %s, %s copies, %s host memory%s%s\n\n", study->model->name,
      study->config.tensor_parallel_size, study->device->name,
      copy_path_name(study->config.copy_path), host_memory_name(study->config.host_memory),
      study->what_if != NULL ? ", what if " : "", study->what_if != NULL ? study->what_if : "");
  append_costs(study, text);
  append_crossings(study, text);
  append_conclusion(study, text);
  return g_string_free(text, FALSE);
}

static json_t *
costs_json(const CrossoverStudy *study, guint size)
{
  json_t *array = json_array();

  for (guint row = 0; row < study->tokens->len; row++) {
    CrossoverCost cost = cost_at(study, size, row);
    json_array_append_new(
        array, json_pack("{s:i, s:f, s:f, s:f, s:s}", "tokens", (int)nth(study->tokens, row),
                         "recompute_s", ps_to_s(cost.recompute_ps), "swap_out_s",
                         ps_to_s(cost.swap_out_ps), "swap_in_s", ps_to_s(cost.swap_in_ps),
                         "cheaper", crossover_swap_is_cheaper(&cost) ? "swap" : "recompute"));
  }
  return array;
}

static json_t *
points_json(const CrossoverStudy *study, guint size)
{
  g_autoptr(GArray) points = points_of(study, size);
  json_t *array = json_array();

  for (guint i = 0; i < points->len; i++) {
    const CrossoverPoint *point = &g_array_index(points, CrossoverPoint, i);
    json_array_append_new(array, json_pack("{s:i, s:s}", "from_tokens", (int)point->tokens,
                                           "cheaper", point->swap_cheaper ? "swap" : "recompute"));
  }
  return array;
}

static char *
json_text(const CrossoverStudy *study)
{
  json_t *sizes = json_array();
  json_t *root = json_pack(
      "{s:s, s:s, s:i, s:s, s:s, s:s?, s:s, s:s?, s:i}", "model", study->model->name, "device",
      study->device->name, "tensor_parallel_size", (int)study->config.tensor_parallel_size,
      "copy_path", copy_path_name(study->config.copy_path), "host_memory",
      host_memory_name(study->config.host_memory), "what_if", study->what_if, "costs",
      study->profile != NULL ? "profile" : "modelled", "profile",
      study->profile != NULL ? study->profile->name : NULL, "max_tokens", (int)last_tokens(study));
  char *dump, *text;

  for (guint i = 0; i < study->block_sizes->len; i++)
    json_array_append_new(sizes, json_pack("{s:i, s:o, s:o}", "block_size",
                                           (int)nth(study->block_sizes, i), "crossings",
                                           points_json(study, i), "points", costs_json(study, i)));
  json_object_set_new(root, "block_sizes", sizes);
  dump = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
  text = g_strconcat(dump, "\n", NULL);
  free(dump);
  json_decref(root);
  return text;
}

static char *
csv_text(const CrossoverStudy *study)
{
  GString *text = g_string_new("block_size,tokens,recompute_s,swap_out_s,swap_in_s,cheaper\n");
  char recompute[FORMAT_SECONDS_MAX], out[FORMAT_SECONDS_MAX], in[FORMAT_SECONDS_MAX];

  for (guint i = 0; i < study->block_sizes->len; i++)
    for (guint row = 0; row < study->tokens->len; row++) {
      CrossoverCost cost = cost_at(study, i, row);
      g_string_append_printf(
          text, "%u,%u,%s,%s,%s,%s\n", nth(study->block_sizes, i), nth(study->tokens, row),
          format_seconds_ps(cost.recompute_ps, recompute), format_seconds_ps(cost.swap_out_ps, out),
          format_seconds_ps(cost.swap_in_ps, in),
          crossover_swap_is_cheaper(&cost) ? "swap" : "recompute");
    }
  return g_string_free(text, FALSE);
}

char *
crossover_text(const CrossoverStudy *study, OutputFormat format)
{
  switch (format) {
  case OUTPUT_JSON:
    return json_text(study);
  case OUTPUT_CSV:
    return csv_text(study);
  case OUTPUT_TABLE:
  default:
    return table_text(study);
  }
}
