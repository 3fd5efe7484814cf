#include "data.h"

#include "report/stored/grid.h"

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
    json_array_append_new(values, json_string(*value != '\0' ? value : "not set"));
    if (axis->is_numeric && grid_number(value, &number))
      json_array_append_new(numbers, json_real(number));
  }
  return json_pack("{s:s, s:o, s:o, s:b}", "title", title, "values", values, "numbers", numbers,
                   "numeric", axis->is_numeric);
}

/* Figures that a study asks for: those of the comparison. */
static json_t *
metrics(void)
{
  json_t *array = json_array();
  guint n;
  const Figure *all = figures(&n);

  for (guint f = 0; f < n; f++)
    if (all[f].label != NULL)
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
    if (all[f].label != NULL) {
      json_array_append_new(means, page_real(cell->values[f].mean));
      json_array_append_new(halves, page_real(cell->values[f].half));
    }
  return json_pack("{s:o, s:o, s:o, s:i, s:i}", "at", at, "mean", means, "half", halves, "runs",
                   (int)cell->n_runs, "failed", (int)cell->n_failed);
}

json_t *
page_grid(const Stored *stored)
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
  return json_pack("{s:o, s:o, s:o}", "axes", axes, "metrics", metrics(), "cells", cells);
}
