#include "text.h"

#include <math.h>
#include <string.h>

#include "points.h"
#include "private.h"
#include "report/best.h"
#include "report/summary.h"
#include "report/text/format.h"
#include "report/text/json_values.h"
#include "report/text/table.h"
#include "sim/policies/policy.h"

/* All overheads together, a column of the views and not a figure. */
#define OVERHEAD_COLUMN "overhead_s"

/* A column of the table for people; its figure is NULL for the last, which is of all overheads. */
typedef struct {
  const Figure *figure;
  const char *heading;
} Shown;

/* The figures that have a heading, and the overheads. */
static GArray *
shown_columns(void)
{
  static const Shown overheads = {NULL, "overhead"};
  GArray *shown = g_array_new(FALSE, FALSE, sizeof(Shown));
  guint n;
  const Figure *all = figures(&n);

  for (guint i = 0; i < n; i++)
    if (all[i].heading != NULL) {
      const Shown column = {&all[i], all[i].heading};
      g_array_append_val(shown, column);
    }
  g_array_append_val(shown, overheads);
  return shown;
}

static FigureBetter
better_of(const Shown *column)
{
  return column->figure == NULL ? BETTER_LOW : column->figure->better;
}

static gboolean
is_duration(const Shown *column)
{
  return column->figure == NULL || figure_is_duration(column->figure);
}

/* The best of a column; NAN where all points are as good, or fewer than two count. */
static double
best_of(const GArray *points, guint column, FigureBetter better)
{
  double best = NAN;
  gboolean differ = FALSE;

  for (guint i = 0; i < points->len; i++) {
    const StudyPoint *point = &g_array_index(points, StudyPoint, i);
    double mean = point->estimates[column].mean;
    if (isnan(mean) || !point->competes)
      continue;
    differ = differ || (!isnan(best) && !figure_ties(mean, best));
    if (isnan(best) || (mean < best) == (better == BETTER_LOW))
      best = mean;
  }
  return differ ? best : NAN;
}

static const DurationUnit *
unit_of(const GArray *points, guint column)
{
  double largest = 0;

  for (guint i = 0; i < points->len; i++) {
    double mean = g_array_index(points, StudyPoint, i).estimates[column].mean;
    largest = fmax(largest, isnan(mean) ? 0 : mean);
  }
  return format_duration_unit(largest);
}

static char *
format_mean(const Shown *column, double mean, const DurationUnit *unit)
{
  if (isnan(mean))
    return g_strdup("-");
  if (is_duration(column))
    return format_duration_in(mean, unit);
  return mean == floor(mean) && mean >= 0 && mean < 1e15 ? format_count((guint64)mean)
                                                         : format_number(mean);
}

static char *
format_half(const Shown *column, double half, const DurationUnit *unit)
{
  g_autofree char *number = NULL;

  if (isnan(half))
    return g_strdup("");
  number = format_number(is_duration(column) ? half * unit->per_s : half);
  return g_strconcat("±", number, NULL);
}

static void
add_heading(Table *table, const StudyTable *study, const GArray *shown)
{
  if (study->options[0] == NULL)
    table_add(table, "");
  for (guint i = 0; study->options[i] != NULL; i++)
    table_add(table, study->options[i]);
  for (guint i = 0; i < shown->len; i++) {
    table_add(table, g_array_index(shown, Shown, i).heading);
    table_add(table, "");
    table_add(table, "");
  }
}

static void
add_point(Table *table, const StudyTable *study, const GArray *shown, const GArray *points,
          guint index)
{
  const StudyPoint *point = &g_array_index(points, StudyPoint, index);
  char *const *values = study_point_values(study, point->point);

  if (study->options[0] == NULL)
    table_add(table, point->cell);
  for (guint i = 0; study->options[i] != NULL; i++)
    table_take(
        table,
        g_strconcat(values[i],
                    policy_setting_is_bound(study->options[i], values[i]) ? POLICY_BOUND_LABEL : "",
                    NULL));
  for (guint i = 0; i < shown->len; i++) {
    const Shown *column = &g_array_index(shown, Shown, i);
    const DurationUnit *unit = unit_of(points, i);
    double mean = point->estimates[i].mean, best = best_of(points, i, better_of(column));
    table_take(table, format_mean(column, mean, unit));
    table_add(table, point->competes && !isnan(mean) && figure_ties(mean, best) ? "*" : " ");
    table_take(table, format_half(column, point->estimates[i].half, unit));
  }
}

static void
append_replicas(GString *text, const StudyTable *study, const GArray *points)
{
  guint fewest = G_MAXUINT;

  for (guint i = 0; i < points->len; i++)
    fewest = MIN(fewest, g_array_index(points, StudyPoint, i).runs);
  if (study->n_seeds > 1 && points->len > 0)
    g_string_append_printf(text, "Means over %u seeds%s; ± half the 95 %% confidence interval. ",
                           study->n_seeds,
                           fewest < study->n_seeds ? " (fewer where cells are missing)" : "");
  if (points->len > 1)
    g_string_append_printf(
        text, "* best of its column%s.",
        study_points_leave_out(points) ? ", of those that finish as many requests as any" : "");
  if (points->len > 1 || study->n_seeds > 1)
    g_string_append_c(text, '\n');
}

char *
study_text(Results *results, const StudyTable *study, GError **error)
{
  g_autoptr(GPtrArray) columns = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GArray) shown = shown_columns(), points = NULL;
  g_autoptr(GString) layout = g_string_new(study->options[0] == NULL ? "l" : "");
  g_autoptr(GString) text = g_string_new(NULL);
  g_autoptr(Table) table = NULL;

  for (guint i = 0; i < shown->len; i++) {
    const Figure *figure = g_array_index(shown, Shown, i).figure;
    g_ptr_array_add(columns,
                    figure != NULL ? results_column(figure->key) : g_strdup(OVERHEAD_COLUMN));
  }
  points = study_points_read(results, study, columns, error);
  if (points == NULL)
    return NULL;
  for (guint i = 0; study->options[i] != NULL; i++)
    g_string_append_c(layout, 'l');
  for (guint i = 0; i < shown->len; i++)
    g_string_append(layout, "rmm");
  table = table_new(layout->str);
  add_heading(table, study, shown);
  for (guint i = 0; i < points->len; i++)
    add_point(table, study, shown, points, i);
  if (points->len > 0)
    table_append(table, "", text);
  append_replicas(text, study, points);
  return g_strdup(text->str);
}

/* The columns of all figures that are numbers. */
static GPtrArray *
figure_columns(void)
{
  GPtrArray *columns = g_ptr_array_new_with_free_func(g_free);
  guint n;
  const Figure *all = figures(&n);

  for (guint i = 0; i < n; i++)
    if (!figure_is_text(&all[i]))
      g_ptr_array_add(columns, results_column(all[i].key));
  return columns;
}

static json_t *
point_to_json(const StudyTable *study, const StudyPoint *point)
{
  json_t *settings = json_object(), *mean = json_object(), *ci95 = json_object();
  char *const *values = study_point_values(study, point->point);
  guint n, column = 0;
  const Figure *all = figures(&n);

  for (guint i = 0; study->options[i] != NULL; i++)
    json_object_set_new(settings, study->options[i], json_string(values[i]));
  for (guint i = 0; i < n; i++)
    if (!figure_is_text(&all[i])) {
      const StudyEstimate *estimate = &point->estimates[column++];
      summary_set_nested(mean, all[i].key, json_real_or_null(estimate->mean));
      summary_set_nested(ci95, all[i].key, json_real_or_null(estimate->half));
    }
  return json_pack("{s:s, s:o, s:b, s:i, s:o, s:o}", "cell", point->cell, "settings", settings,
                   "bound", point->is_bound, "runs", (int)point->runs, "mean", mean, "ci95", ci95);
}

static json_t *
cells_not_done(const StudyTable *study)
{
  json_t *list = json_array();

  for (guint i = 0; i < study->cells->len; i++) {
    const StudyCell *cell = &g_array_index(study->cells, StudyCell, i);
    if (cell->state == CELL_FAILED || cell->state == CELL_ENDED)
      json_array_append_new(list, json_pack("{s:s, s:I, s:s, s:s?}", "cell", cell->name, "seed",
                                            (json_int_t)cell->seed, "state",
                                            cell->state == CELL_FAILED ? "failed" : "ended",
                                            "message", cell->message));
  }
  return list;
}

static guint
count_state(const StudyTable *study, CellState state)
{
  guint n = 0;

  for (guint i = 0; i < study->cells->len; i++)
    n += g_array_index(study->cells, StudyCell, i).state == state;
  return n;
}

char *
study_json(Results *results, const StudyTable *study, GError **error)
{
  g_autoptr(GPtrArray) columns = figure_columns();
  g_autoptr(GArray) points = study_points_read(results, study, columns, error);
  json_auto_t *root = NULL;
  g_autofree char *text = NULL;
  json_t *options, *list;

  if (points == NULL)
    return NULL;
  options = json_array();
  list = json_array();
  for (guint i = 0; study->options[i] != NULL; i++)
    json_array_append_new(options, json_string(study->options[i]));
  for (guint i = 0; i < points->len; i++)
    json_array_append_new(list, point_to_json(study, &g_array_index(points, StudyPoint, i)));
  root = json_pack("{s:s, s:o, s:i, s:i, s:i, s:o, s:o}", "study", study->name, "options", options,
                   "cells", (int)study->cells->len, "done", (int)count_state(study, CELL_DONE),
                   "pending", (int)count_state(study, CELL_PENDING), "not_done",
                   cells_not_done(study), "points", list);
  text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
  return g_strconcat(text, "\n", NULL);
}

static void
append_cell(GString *row, const char *text)
{
  if (row->len > 0 && row->str[row->len - 1] != '\n')
    g_string_append_c(row, ',');
  format_csv_cell(row, text);
}

static void
append_real(GString *row, double value)
{
  char buffer[FORMAT_SECONDS_MAX];

  append_cell(row, isnan(value) ? "" : format_real(value, buffer));
}

char *
study_csv(Results *results, const StudyTable *study, GError **error)
{
  g_autoptr(GPtrArray) columns = figure_columns();
  g_autoptr(GArray) points = study_points_read(results, study, columns, error);
  g_autoptr(GString) text = g_string_new(NULL);

  if (points == NULL)
    return NULL;
  append_cell(text, "cell");
  for (guint i = 0; study->options[i] != NULL; i++)
    append_cell(text, study->options[i]);
  append_cell(text, "runs");
  for (guint i = 0; i < columns->len; i++) {
    g_autofree char *half = g_strconcat(g_ptr_array_index(columns, i), "_ci95", NULL);
    append_cell(text, g_ptr_array_index(columns, i));
    append_cell(text, half);
  }
  g_string_append_c(text, '\n');
  for (guint i = 0; i < points->len; i++) {
    const StudyPoint *point = &g_array_index(points, StudyPoint, i);
    char *const *values = study_point_values(study, point->point);
    g_autofree char *runs = g_strdup_printf("%u", point->runs);
    append_cell(text, point->cell);
    for (guint o = 0; study->options[o] != NULL; o++)
      append_cell(text, values[o]);
    append_cell(text, runs);
    for (guint c = 0; c < columns->len; c++) {
      append_real(text, point->estimates[c].mean);
      append_real(text, point->estimates[c].half);
    }
    g_string_append_c(text, '\n');
  }
  return g_strdup(text->str);
}
