/* The rows are a scenario's settings as a run's configuration has them (config in JSON), so that
 * what is shown is what is run. */
#include "dry_run.h"

#include <stdio.h>
#include <string.h>

#include "report/text/flatten.h"
#include "report/text/format.h"
#include "report/text/table.h"
#include "scenario/message.h"

#define ASSUMED "assumed" /* sentences */

typedef struct {
  const char *policy; /* NULL: of all */
  char *key, *value, *origin;
} Row;

typedef struct {
  const Scenario *scenario;
  const Settings *settings;
  GArray *rows; /* of Row */
} Collection;

static void
row_clear(gpointer data)
{
  Row *row = data;

  g_free(row->key);
  g_free(row->value);
  g_free(row->origin);
}

/* The option that gave a setting, with where it was written, or NULL. */
static char *
given_by(const Settings *settings, const char *key)
{
  g_autofree char *option = g_strdelimit(g_strdup(key), "_", '-');
  g_autofree char *off = g_strconcat("no-", option, NULL);
  const char *const names[] = {option, off};

  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    const char *origin = settings_origin(settings, names[i]);
    if (origin != NULL && g_str_equal(origin, SETTINGS_TYPED))
      return g_strconcat("--", names[i], NULL);
    if (origin != NULL)
      return g_strdup(origin);
  }
  return NULL;
}

/* Settings that follow from options of other names. */
static char *
given_by_another(const Settings *settings, const char *key)
{
  static const char *const sized[][3] = {
      {"num_gpu_blocks", "kv_memory", "max_total_tokens"},
      {"num_cpu_blocks", "swap_space", NULL},
      {"num_disk_blocks", "kv_offloading_disk", NULL},
      {"num_offload_blocks", "kv_offloading_size", "swap_space"},
      {"profile", "device", NULL},
  };

  for (guint i = 0; i < G_N_ELEMENTS(sized); i++)
    for (guint k = 1; g_str_equal(sized[i][0], key) && k < 3 && sized[i][k] != NULL; k++) {
      char *option = given_by(settings, sized[i][k]);
      if (option != NULL)
        return option;
    }
  return NULL;
}

/* Where the value of a setting is from; "a.b" has the origin of "a". What the resolver noted goes
 * first: it may have changed what was typed. */
static char *
origin_of(const Collection *c, const char *key)
{
  g_autofree char *top = g_strndup(key, strcspn(key, "."));
  const char *resolved = json_string_value(json_object_get(c->scenario->defaults, top));
  char *option = NULL;

  if (resolved != NULL)
    return g_strdup(resolved);
  if ((option = given_by(c->settings, top)) != NULL ||
      (option = given_by_another(c->settings, top)) != NULL)
    return option;
  return g_strdup(g_str_equal(top, ASSUMED) ? "the model" : "default");
}

/* A row a setting, except those that are null, the program's version and the origins themselves. */
static void
collect(const char *key, json_t *leaf, gpointer user_data)
{
  Collection *c = user_data;
  Row row = {NULL, NULL, NULL, NULL};

  if (json_is_null(leaf) || g_str_has_prefix(key, "defaults.") ||
      g_str_equal(key, "program_version"))
    return;
  row.key = g_strdup(key);
  row.value = json_leaf_text(leaf);
  row.origin = origin_of(c, key);
  g_array_append_val(c->rows, row);
}

static GArray *
rows_of(const Scenario *scenario, const Settings *settings)
{
  Collection c = {scenario, settings, g_array_new(FALSE, FALSE, sizeof(Row))};

  g_array_set_clear_func(c.rows, row_clear);
  json_flatten(scenario->settings, NULL, collect, &c);
  return c.rows;
}

static const Row *
find_row(const GArray *rows, const char *key)
{
  for (guint i = 0; i < rows->len; i++)
    if (g_str_equal(g_array_index(rows, Row, i).key, key))
      return &g_array_index(rows, Row, i);
  return NULL;
}

static gboolean
is_in_all(const Row *row, const GPtrArray *lists)
{
  for (guint i = 0; i < lists->len; i++) {
    const Row *other = find_row(g_ptr_array_index(lists, i), row->key);
    if (other == NULL || !g_str_equal(other->value, row->value))
      return FALSE;
  }
  return TRUE;
}

/* First the rows that all scenarios share, then each policy's own. `lists` own the texts. */
static GArray *
join(const GPtrArray *lists, const GPtrArray *scenarios)
{
  GArray *joined = g_array_new(FALSE, FALSE, sizeof(Row));

  for (guint pass = 0; pass < 2; pass++)
    for (guint i = 0; i < lists->len; i++) {
      const GArray *rows = g_ptr_array_index(lists, i);
      const Scenario *scenario = g_ptr_array_index(scenarios, i);
      for (guint k = 0; k < rows->len; k++) {
        Row row = g_array_index(rows, Row, k);
        gboolean common = is_in_all(&row, lists);
        row.policy = common ? NULL : scenario->config.overflow->base.name;
        if (pass == 0 ? common && i == 0 : !common)
          g_array_append_val(joined, row);
      }
    }
  return joined;
}

/* Digests and sources are for JSON and CSV. */
static gboolean
is_for_people(const char *key)
{
  return !g_str_has_prefix(key, "profile.") || g_str_equal(key, "profile.name") ||
         g_str_equal(key, "profile.kind");
}

static void
append_assumed(GString *text, const Scenario *scenario)
{
  const json_t *list = json_object_get(scenario->settings, ASSUMED);
  gsize i;
  json_t *sentence;

  json_array_foreach(list, i, sentence) g_string_append_printf(
      text, "%s%s\n", i == 0 ? "Assumed: " : "         ", json_string_value(sentence));
}

static void
print_table(const GArray *rows, const Scenario *first)
{
  g_autoptr(Table) table = table_new("lll");
  g_autoptr(GString) text = g_string_new("Nothing is run. Each setting, and where it is from:\n");
  const char *policy = NULL;

  for (guint i = 0; i < rows->len; i++) {
    const Row *row = &g_array_index(rows, Row, i);
    if (g_str_equal(row->key, ASSUMED) || !is_for_people(row->key))
      continue;
    if (row->policy != policy) {
      table_take(table, g_strconcat("under ", row->policy, ":", NULL));
      table_add(table, "");
      table_add(table, "");
    }
    policy = row->policy;
    table_add(table, row->key);
    table_add(table, row->value);
    table_add(table, row->origin);
  }
  table_append(table, "  ", text);
  append_assumed(text, first);
  cli_print(text->str);
}

static void
print_csv(const GArray *rows)
{
  g_autoptr(GString) text = g_string_new("policy,setting,value,from\n");

  for (guint i = 0; i < rows->len; i++) {
    const Row *row = &g_array_index(rows, Row, i);
    format_csv_cell(text, row->policy != NULL ? row->policy : "");
    g_string_append_c(text, ',');
    format_csv_cell(text, row->key);
    g_string_append_c(text, ',');
    format_csv_cell(text, row->value);
    g_string_append_c(text, ',');
    format_csv_cell(text, row->origin);
    g_string_append_c(text, '\n');
  }
  fputs(text->str, stdout);
}

/* {"dry_run": true, "scenarios": [{"config": …, "from": {setting: origin}}]} */
static void
print_json(const GPtrArray *lists, const GPtrArray *scenarios)
{
  json_t *array = json_array(), *object;
  g_autofree char *text = NULL;

  for (guint i = 0; i < lists->len; i++) {
    const GArray *rows = g_ptr_array_index(lists, i);
    const Scenario *scenario = g_ptr_array_index(scenarios, i);
    json_t *from = json_object();
    for (guint k = 0; k < rows->len; k++)
      json_object_set_new(from, g_array_index(rows, Row, k).key,
                          json_string(g_array_index(rows, Row, k).origin));
    json_array_append_new(array,
                          json_pack("{s:O, s:o}", "config", scenario->settings, "from", from));
  }
  object = json_pack("{s:b, s:o}", "dry_run", TRUE, "scenarios", array);
  text = json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
  puts(text);
  json_decref(object);
}

void
dry_run_print(const GPtrArray *scenarios, const Settings *settings, OutputFormat format)
{
  g_autoptr(GPtrArray) lists = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
  g_autoptr(GArray) joined = NULL;

  for (guint i = 0; i < scenarios->len; i++)
    g_ptr_array_add(lists, rows_of(g_ptr_array_index(scenarios, i), settings));
  joined = join(lists, scenarios);
  if (format == OUTPUT_JSON)
    print_json(lists, scenarios);
  else if (format == OUTPUT_CSV)
    print_csv(joined);
  else
    print_table(joined, g_ptr_array_index(scenarios, 0));
}

void
dry_run_print_one(Scenario *scenario, const Settings *settings, OutputFormat format)
{
  g_autoptr(GPtrArray) one = g_ptr_array_new();

  g_ptr_array_add(one, scenario);
  dry_run_print(one, settings, format);
}
