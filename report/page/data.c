#include "config.h"

#include "data.h"

#include <math.h>
#include <string.h>

#include "report/best.h"
#include "report/figure_cell.h"
#include "report/overhead.h"
#include "report/stored/course.h"
#include "report/stored/grid.h"
#include "report/stored/label.h"
#include "report/stored/thin.h"
#include "report/text.h"
#include "report/text/json_values.h"
#include "sim/policies/policy.h"
#include "sim/units.h"

#define COURSE_POINTS 600
#define LATENCY_POINTS 240
#define VICTIMS_SHOWN 30

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
    if (figure_is_shown(&all[i], records, n_records))
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
    json_array_append_new(parts, json_real_or_null(overhead_s(record, (Overhead)i)));
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

  for (guint c = 0; c < COST_COMPONENTS; c++)
    json_array_append_new(names, json_string(figure_component_label((CostComponent)c)));
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

static json_t *
points(const double *x, const double *y, guint n, guint limit)
{
  g_autoptr(GArray) kept = thin_extremes(y, n, limit);
  json_t *array = json_array();

  for (guint i = 0; i < kept->len; i++) {
    guint at = g_array_index(kept, guint, i);
    json_array_append_new(array, json_pack("[f, f]", x[at], y[at]));
  }
  return array;
}

static json_t *
course_points(const Course *course, CourseCurve curve)
{
  return points(course->time_s[curve], course->values[curve], course->n[curve], COURSE_POINTS);
}

static json_t *
marks(const GArray *all)
{
  json_t *array = json_array();

  for (guint i = 0; i < all->len; i++) {
    const CourseMark *mark = &g_array_index(all, CourseMark, i);
    json_array_append_new(array, json_pack("[f, f]", mark->time_s, mark->count));
  }
  return array;
}

static gboolean
add_course(Stored *stored, const StoredRun *stored_run, json_t *run, GError **error)
{
  g_autoptr(Course) course = course_read(stored, stored_run, error);
  json_t *curves;

  if (course == NULL)
    return FALSE;
  curves = json_object();
  for (guint c = 0; c < COURSE_CURVES; c++)
    json_object_set_new(curves, course_curve_name((CourseCurve)c),
                        course_points(course, (CourseCurve)c));
  json_object_set_new(run, "course", curves);
  json_object_set_new(run, "averaged_s", json_real_or_null(course->averaged_s));
  json_object_set_new(run, "preempted", marks(course->preemptions));
  json_object_set_new(run, "resumed", marks(course->resumes));
  return TRUE;
}

/* The share of requests that took no longer: thinned by their values, both ends kept. */
static json_t *
distribution(const GArray *sorted)
{
  guint n = sorted->len;
  g_autofree double *share = g_new(double, n + 1);

  for (guint i = 0; i < n; i++)
    share[i] = (double)(i + 1) / n;
  return points((const double *)(gpointer)sorted->data, share, n, LATENCY_POINTS);
}

static gboolean
add_latencies(Stored *stored, const StoredRun *stored_run, json_t *run, GError **error)
{
  static const char *const names[LATENCIES] = {"ttft", "tpot", "e2e"};
  json_t *object = json_object();

  json_object_set_new(run, "latency", object);
  for (guint l = 0; l < LATENCIES; l++) {
    g_autoptr(GArray) sorted = stored_latency(stored, stored_run, (Latency)l, error);
    if (sorted == NULL)
      return FALSE;
    json_object_set_new(object, names[l], distribution(sorted));
  }
  return TRUE;
}

static gboolean
add_victims(Stored *stored, const StoredRun *stored_run, json_t *run, GError **error)
{
  g_autoptr(GArray) victims = stored_victims(stored, stored_run, VICTIMS_SHOWN, error);
  json_t *array = json_array();

  json_object_set_new(run, "victims", array);
  if (victims == NULL)
    return FALSE;
  for (guint i = 0; i < victims->len; i++) {
    const StoredVictim *v = &g_array_index(victims, StoredVictim, i);
    double parts[VICTIM_PARTS];
    victim_split(v, parts);
    json_array_append_new(array, json_pack("{s:s, s:i, s:[f, f, f, f]}", "id", v->id, "preemptions",
                                           (int)v->preemptions, "parts", parts[0], parts[1],
                                           parts[2], parts[3]));
  }
  return TRUE;
}

/* One run's own part: its course, its latencies, its victims; reduced to what a screen can show. */
static gboolean
run_detail(Stored *stored, const StoredRun *stored_run, json_t *run, GError **error)
{
  return add_course(stored, stored_run, run, error) &&
         add_latencies(stored, stored_run, run, error) &&
         add_victims(stored, stored_run, run, error);
}

/* The unit that a figure's key ends in, for an axis. */
static const char *
unit_of(const Figure *figure)
{
  return figure_is_duration(figure) ? "s" : "";
}

static json_t *
axis_data(const GridAxis *axis)
{
  json_t *values = json_array(), *numbers = json_array();
  g_autofree char *title = g_strdelimit(g_strdup(axis->key), "_", '-');

  for (guint i = 0; i < axis->values->len; i++) {
    const char *value = g_ptr_array_index(axis->values, i);
    double number = 0;
    g_autofree char *label =
        g_strconcat(*value != '\0' ? value : "not set",
                    policy_setting_is_bound(axis->key, value) ? POLICY_BOUND_LABEL : "", NULL);
    json_array_append_new(values, json_string(label));
    if (axis->is_numeric && grid_number(value, &number))
      json_array_append_new(numbers, json_real(number));
  }
  return json_pack("{s:s, s:o, s:o, s:b}", "title", title, "values", values, "numbers", numbers,
                   "numeric", axis->is_numeric);
}

/* Figures that a study asks for: those of the comparison that a cell has. */
static gboolean
is_metric(const Grid *grid, const Figure *figure, guint f)
{
  gboolean is_there = FALSE;

  for (guint c = 0; c < grid->cells->len; c++)
    is_there |= !isnan(((const GridCell *)g_ptr_array_index(grid->cells, c))->values[f].mean);
  return figure->label != NULL && is_there;
}

static json_t *
metrics(const Grid *grid)
{
  json_t *array = json_array();
  guint n;
  const Figure *all = figures(&n);

  for (guint f = 0; f < n; f++)
    if (is_metric(grid, &all[f], f))
      json_array_append_new(array, json_pack("{s:s, s:s, s:s, s:i}", "key", all[f].key, "label",
                                             all[f].label, "unit", unit_of(&all[f]), "better",
                                             all[f].better == BETTER_LOW    ? -1
                                             : all[f].better == BETTER_HIGH ? 1
                                                                            : 0));
  return array;
}

static json_t *
cell_data(const Grid *grid, const GridCell *cell)
{
  json_t *at = json_array(), *means = json_array(), *halves = json_array();
  guint n;
  const Figure *all = figures(&n);

  for (guint a = 0; a < grid->axes->len; a++)
    json_array_append_new(at, json_integer(cell->at[a]));
  for (guint f = 0; f < n; f++)
    if (is_metric(grid, &all[f], f)) {
      json_array_append_new(means, json_real_or_null(cell->values[f].mean));
      json_array_append_new(halves, json_real_or_null(cell->values[f].half));
    }
  return json_pack("{s:o, s:o, s:o, s:i, s:i, s:f}", "at", at, "mean", means, "half", halves,
                   "runs", (int)cell->n_runs, "failed", (int)cell->n_failed, "served",
                   cell->served);
}

/* The study's grid, or null where there is none. */
static json_t *
grid_data(const Stored *stored)
{
  g_autoptr(Grid) grid = grid_new(stored);
  json_t *axes = json_array(), *cells = json_array();

  if (!grid_is_study(grid)) {
    json_decref(axes);
    json_decref(cells);
    return json_null();
  }
  for (guint a = 0; a < grid->axes->len; a++)
    json_array_append_new(axes, axis_data(g_ptr_array_index(grid->axes, a)));
  for (guint c = 0; c < grid->cells->len; c++)
    json_array_append_new(cells, cell_data(grid, g_ptr_array_index(grid->cells, c)));
  return json_pack("{s:o, s:o, s:o}", "axes", axes, "metrics", metrics(grid), "cells", cells);
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
  json_object_set_new(data, "grid", grid_data(stored));
  json_object_set_new(data, "runs", runs);
  for (guint i = 0; i < n; i++) {
    const StoredRun *run = g_ptr_array_index(stored->runs, i);
    json_t *run_json = run_data(run);
    json_array_append_new(runs, run_json);
    if (i < PAGE_DETAILED_RUNS && !run_detail(stored, run, run_json, error))
      return NULL;
  }
  return g_steal_pointer(&data);
}
