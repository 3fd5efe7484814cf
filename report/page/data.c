#include "config.h"

#include "data.h"

#include <math.h>
#include <string.h>

#include "report/figure_cell.h"
#include "report/overhead.h"
#include "sim/units.h"
#include "report/stored/label.h"
#include "report/text.h"

json_t *
page_real(double value)
{
  return isfinite(value) ? json_real(value) : json_null();
}

/* The lines of a text, without empty ones. */
static json_t *
lines_of(const char *text)
{
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  json_t *array = json_array();

  for (guint i = 0; lines[i] != NULL; i++)
    if (*lines[i] != '\0')
      json_array_append_new(array, json_string(lines[i]));
  return array;
}

static RunRecord *
copy_records(const Stored *stored)
{
  RunRecord *records = g_new0(RunRecord, stored->runs->len);

  for (guint i = 0; i < stored->runs->len; i++)
    records[i] = ((const StoredRun *)g_ptr_array_index(stored->runs, i))->record;
  return records;
}

/* A row of the comparison: a text, whether it is best, the change from the first; and the numbers.
 */
static json_t *
figure_row(const Figure *figure, const RunRecord *records, guint n)
{
  const DurationUnit *unit = format_duration_unit(figure_largest(figure, records, n));
  int best = figure_best(figure, records, n);
  json_t *cells = json_array();

  for (guint i = 0; i < n; i++) {
    g_autofree char *text = figure_cell(figure, &records[i], unit);
    g_autofree char *change =
        i > 0 && run_record_counts(&records[0]) && run_record_counts(&records[i])
            ? figure_change(figure_real(figure, &records[0]), figure_real(figure, &records[i]))
            : g_strdup("");
    json_array_append_new(cells, json_pack("{s:s, s:s, s:b}", "text", text, "change", change,
                                           "best", figure_is_best(figure, records, i, best)));
  }
  return json_pack("{s:s, s:s, s:o}", "key", figure->key, "label", figure->label, "cells", cells);
}

static json_t *
figure_rows(const RunRecord *records, guint n_records)
{
  json_t *rows = json_array();
  guint n;
  const Figure *all = figures(&n);

  for (guint i = 0; i < n; i++)
    if (all[i].label != NULL &&
        (figure_largest(&all[i], records, n_records) > 0 || g_str_equal(all[i].key, "preemptions")))
      json_array_append_new(rows, figure_row(&all[i], records, n_records));
  return rows;
}

/* Every setting of any run, in the order of the alphabet: its value in each run. */
static json_t *
settings(const Stored *stored)
{
  json_auto_t *seen = json_object();
  json_t *rows = json_array();

  for (guint i = 0; i < stored->runs->len; i++)
    json_object_update_missing(seen,
                               ((StoredRun *)g_ptr_array_index(stored->runs, i))->record.config);
  const char *key;
  json_t *any;
  json_object_foreach(seen, key, any)
  {
    json_t *values = json_array();
    for (guint i = 0; i < stored->runs->len; i++) {
      g_autofree char *value = stored_setting(g_ptr_array_index(stored->runs, i), key);
      json_array_append_new(values, json_string(value));
    }
    json_array_append_new(rows, json_pack("{s:s, s:o}", "key", key, "values", values));
  }
  return rows;
}

static json_t *
overhead_of(const RunRecord *record)
{
  json_t *parts = json_array();

  for (guint i = 0; i < OVERHEADS; i++)
    json_array_append_new(parts, page_real(overhead_s(record, (Overhead)i)));
  return parts;
}

static json_t *
components_of(const RunRecord *record)
{
  json_t *parts = json_array();

  for (guint c = 0; c < COST_COMPONENTS; c++)
    json_array_append_new(parts, json_real(ps_to_s(record->summary.component_ps[c])));
  return parts;
}

static json_t *
run_data(const StoredRun *run)
{
  g_autofree char *file = g_utf8_make_valid(run->file, -1);
  g_autoptr(GString) asked = g_string_new(NULL);
  g_autoptr(GString) origin = g_string_new(NULL);
  json_t *data;

  text_append_setting(asked, &run->record, TRUE);
  text_append_origin(origin, &run->record);
  text_append_sources(origin, &run->record, 1);
  data = json_pack("{s:s, s:s, s:s, s:I, s:s, s:s}", "label", run->label, "name", run->name, "file",
                   file, "id", (json_int_t)run->id, "end", run_end_name(run->record.summary.end),
                   "reason",
                   run->record.summary.end_reason != NULL ? run->record.summary.end_reason : "");
  json_object_set_new(data, "asked", lines_of(asked->str));
  json_object_set_new(data, "origin", lines_of(origin->str));
  json_object_set_new(data, "overhead", overhead_of(&run->record));
  json_object_set_new(data, "components", components_of(&run->record));
  return data;
}

static json_t *
names_of_overheads(void)
{
  json_t *names = json_array();

  for (guint i = 0; i < OVERHEADS; i++)
    json_array_append_new(names, json_string(overhead_title((Overhead)i)));
  return names;
}

static json_t *
names_of_components(void)
{
  json_t *names = json_array();

  for (guint c = 0; c < COST_COMPONENTS; c++) {
    g_autofree char *name = g_strdelimit(g_strdup(cost_component_name((CostComponent)c)), "_", ' ');
    json_array_append_new(names, json_string(name));
  }
  return names;
}

/* The settings in which the runs differ. */
static json_t *
differences(const Stored *stored)
{
  g_autoptr(GPtrArray) keys = stored_axes(stored);
  json_t *names = json_array();

  for (guint i = 0; i < keys->len; i++) {
    g_autofree char *name = g_strdelimit(g_strdup(g_ptr_array_index(keys, i)), "_", '-');
    json_array_append_new(names, json_string(name));
  }
  if (stored_seeds(stored) > 1)
    json_array_append_new(names, json_string("seed"));
  return names;
}

json_t *
page_data(Stored *stored, GError **error)
{
  guint n = stored->runs->len;
  g_autofree RunRecord *records = copy_records(stored);
  g_autofree char *words = n <= PAGE_DETAILED_RUNS ? comparison_words(records, n) : g_strdup("");
  json_auto_t *data = json_pack("{s:s}", "version", PACKAGE_VERSION);
  json_t *runs = json_array();

  json_object_set_new(data, "words", lines_of(words));
  json_object_set_new(data, "differ", differences(stored));
  json_object_set_new(data, "overheads", names_of_overheads());
  json_object_set_new(data, "components", names_of_components());
  json_object_set_new(data, "figures", figure_rows(records, n));
  json_object_set_new(data, "settings", settings(stored));
  json_object_set_new(data, "grid", page_grid(stored));
  json_object_set_new(data, "runs", runs);
  for (guint i = 0; i < n; i++) {
    const StoredRun *run = g_ptr_array_index(stored->runs, i);
    json_t *run_json = run_data(run);
    json_array_append_new(runs, run_json);
    if (i < PAGE_DETAILED_RUNS && !page_run_detail(stored, run, run_json, error))
      return NULL;
  }
  return g_steal_pointer(&data);
}
