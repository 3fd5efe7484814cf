#include "summary.h"

#include <math.h>
#include <string.h>

#include "best.h"
#include "report/text/flatten.h"
#include "report/text/format.h"

#define DUMP_FLAGS (JSON_INDENT(2) | JSON_REAL_PRECISION(12))

static json_t *
figure_to_json(const Figure *figure, const RunRecord *record)
{
  double real;

  if (figure_is_text(figure))
    return json_string(figure_text(figure, record));
  if (figure_is_count(figure))
    return json_integer((json_int_t)figure_count(figure, record));
  real = figure_real(figure, record);
  return isnan(real) ? json_null() : json_real(real);
}

void
summary_set_nested(json_t *root, const char *key, json_t *value)
{
  const char *dot = strchr(key, '.');

  if (dot != NULL) {
    g_autofree char *outer = g_strndup(key, (gsize)(dot - key));
    json_t *object = json_object_get(root, outer);
    if (object == NULL) {
      object = json_object();
      json_object_set_new(root, outer, object);
    }
    json_object_set_new(object, dot + 1, value);
  } else {
    json_object_set_new(root, key, value);
  }
}

/* Whose host time it is, and its share of the busy time. */
static json_t *
host_time_to_json(const json_t *host, const RunRecord *record)
{
  return json_pack("{s:O, s:f}", "of", json_object_get(host, "of"), "share",
                   figure_host_share(record));
}

json_t *
summary_to_json(const RunRecord *record)
{
  const json_t *host = json_object_get(json_object_get(record->config, "profile"), "host_time");
  json_t *root = json_object();
  guint n;
  const Figure *all = figures(&n);

  for (guint i = 0; i < n; i++)
    summary_set_nested(root, all[i].key, figure_to_json(&all[i], record));
  if (record->against != NULL)
    json_object_set_new(root, "against", against_to_json(record->against));
  if (host != NULL)
    json_object_set_new(root, "host_time", host_time_to_json(host, record));
  if (record->config != NULL)
    json_object_set(root, "config", record->config);
  return root;
}

static char *
dump_line(json_t *json)
{
  g_autofree char *text = json_dumps(json, DUMP_FLAGS);
  return g_strconcat(text, "\n", NULL);
}

char *
summary_json(const RunRecord *record)
{
  json_auto_t *json = summary_to_json(record);
  return dump_line(json);
}

static json_t *
best_to_json(const RunRecord *records, guint n_records)
{
  json_t *best = json_object();
  guint n;
  const Figure *all = figures(&n);

  for (guint i = 0; i < n; i++) {
    int index = figure_best(&all[i], records, n_records);
    guint sharing = 0;
    for (guint j = 0; j < n_records; j++)
      sharing += figure_is_best(&all[i], records, j, index) != FALSE;
    if (sharing == 1)
      json_object_set_new(best, all[i].key, json_string(records[index].name));
  }
  return best;
}

char *
comparison_json(const RunRecord *records, guint n_records)
{
  json_auto_t *root = json_object();
  json_t *runs = json_array();

  for (guint i = 0; i < n_records; i++) {
    json_t *run = json_pack("{s:s}", "policy", records[i].name);
    json_auto_t *summary = summary_to_json(&records[i]);
    json_object_update(run, summary);
    json_array_append_new(runs, run);
  }
  json_object_set_new(root, "runs", runs);
  json_object_set_new(root, "best", best_to_json(records, n_records));
  return dump_line(root);
}

typedef struct {
  GPtrArray *columns; /* of char *, in order of first appearance */
  GHashTable *row;    /* key → text of the run at hand */
} CsvRow;

static void
collect_cell(const char *key, json_t *leaf, gpointer user_data)
{
  CsvRow *csv = user_data;

  if (!g_ptr_array_find_with_equal_func(csv->columns, key, g_str_equal, NULL))
    g_ptr_array_add(csv->columns, g_strdup(key));
  g_hash_table_insert(csv->row, g_strdup(key), json_leaf_text(leaf));
}

static GHashTable *
collect_row(GPtrArray *columns, const RunRecord *record, gboolean with_names)
{
  CsvRow csv = {columns, g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free)};
  json_auto_t *summary = summary_to_json(record);

  if (with_names) {
    json_auto_t *name = json_string(record->name);
    collect_cell("policy", name, &csv);
  }
  json_flatten(summary, NULL, collect_cell, &csv);
  return csv.row;
}

char *
summary_csv(const RunRecord *records, guint n_records, gboolean with_names)
{
  g_autoptr(GPtrArray) columns = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_hash_table_unref);
  GString *text = g_string_new(NULL);

  for (guint i = 0; i < n_records; i++)
    g_ptr_array_add(rows, collect_row(columns, &records[i], with_names));
  for (guint c = 0; c < columns->len; c++) {
    g_string_append(text, c > 0 ? "," : "");
    format_csv_cell(text, g_ptr_array_index(columns, c));
  }
  g_string_append_c(text, '\n');
  for (guint i = 0; i < rows->len; i++) {
    for (guint c = 0; c < columns->len; c++) {
      const char *cell =
          g_hash_table_lookup(g_ptr_array_index(rows, i), g_ptr_array_index(columns, c));
      g_string_append(text, c > 0 ? "," : "");
      format_csv_cell(text, cell != NULL ? cell : "");
    }
    g_string_append_c(text, '\n');
  }
  return g_string_free(text, FALSE);
}
