#include "grid.h"

#include <math.h>
#include <string.h>

#include "label.h"
#include "report/best.h"
#include "report/student.h"
#include "report/text/byte_units.h"

static void
axis_free(gpointer data)
{
  GridAxis *axis = data;

  g_free(axis->key);
  g_ptr_array_unref(axis->values);
  g_free(axis);
}

static void
cell_free(gpointer data)
{
  GridCell *cell = data;

  g_free(cell->at);
  g_free(cell->values);
  g_free(cell);
}

/* The number that a value begins with, and what stands behind it. */
static gboolean
parse(const char *value, double *number, char **behind)
{
  if (!g_ascii_isdigit(*value) && *value != '.' && *value != '-')
    return FALSE;
  *number = g_ascii_strtod(value, behind);
  return *behind != value && isfinite(*number);
}

gboolean
grid_number(const char *value, double *number)
{
  char *behind = NULL;

  if (!parse(value, number, &behind))
    return FALSE;
  if (byte_unit(behind) > 0)
    *number *= byte_unit(behind);
  return TRUE;
}

/* What a value's number is a number of: "%", "" for a mere number, "B" for every unit of memory;
 * and `any` for 0, which is the same in all. NULL: it begins with no number. */
static const char *
number_unit(const char *value, const char *any)
{
  double number;
  char *behind = NULL;

  if (!parse(value, &number, &behind))
    return NULL;
  if (number == 0 && *behind == '\0')
    return any;
  return byte_unit(behind) > 0 ? "B" : behind;
}

/* TRUE if all are numbers of the same, so that they have an order and distances. */
static gboolean
are_numbers(const GPtrArray *values)
{
  const char *unit = NULL;

  for (guint i = 0; i < values->len; i++) {
    const char *value = g_ptr_array_index(values, i);
    const char *own = number_unit(value, unit != NULL ? unit : "0");
    if (own == NULL || (unit != NULL && !g_str_equal(unit, "0") && !g_str_equal(unit, own)))
      return FALSE;
    unit = own;
  }
  return TRUE;
}

static int
compare_numbers(gconstpointer a, gconstpointer b)
{
  double x = 0, y = 0;

  grid_number(*(const char *const *)a, &x);
  grid_number(*(const char *const *)b, &y);
  return (x > y) - (x < y);
}

static GridAxis *
axis_new(const Stored *stored, const char *key)
{
  GridAxis *axis = g_new0(GridAxis, 1);

  axis->key = g_strdup(key);
  axis->values = g_ptr_array_new_with_free_func(g_free);
  for (guint i = 0; i < stored->runs->len; i++) {
    g_autofree char *value = stored_setting(g_ptr_array_index(stored->runs, i), key);
    if (!g_ptr_array_find_with_equal_func(axis->values, value, g_str_equal, NULL))
      g_ptr_array_add(axis->values, g_steal_pointer(&value));
  }
  axis->is_numeric = are_numbers(axis->values);
  if (axis->is_numeric)
    g_ptr_array_sort(axis->values, compare_numbers);
  return axis;
}

static GridCell *
cell_of(Grid *grid, const StoredRun *run)
{
  guint n_figures;
  g_autofree guint *at = g_new0(guint, grid->axes->len + 1);
  GridCell *cell;

  for (guint a = 0; a < grid->axes->len; a++) {
    const GridAxis *axis = g_ptr_array_index(grid->axes, a);
    g_autofree char *value = stored_setting(run, axis->key);
    g_ptr_array_find_with_equal_func(axis->values, value, g_str_equal, &at[a]);
  }
  for (guint i = 0; i < grid->cells->len; i++) {
    cell = g_ptr_array_index(grid->cells, i);
    if (memcmp(cell->at, at, grid->axes->len * sizeof *at) == 0)
      return cell;
  }
  figures(&n_figures);
  cell = g_new0(GridCell, 1);
  cell->at = g_steal_pointer(&at);
  cell->values = g_new0(GridValue, n_figures);
  g_ptr_array_add(grid->cells, cell);
  return cell;
}

/* Welford's sums: half holds the sum of squared deviations until finish(). */
static void
add_value(GridValue *sum, double value)
{
  double before = sum->mean;

  if (isnan(value))
    return;
  sum->n++;
  sum->mean += (value - before) / sum->n;
  sum->half += (value - before) * (value - sum->mean);
}

static void
finish(GridValue *sum)
{
  if (sum->n == 0)
    sum->mean = NAN;
  sum->half = sum->n < 2 ? NAN : student_t95(sum->n - 1) * sqrt(sum->half / (sum->n - 1) / sum->n);
}

Grid *
grid_new(const Stored *stored)
{
  Grid *grid = g_new0(Grid, 1);
  g_autoptr(GPtrArray) keys = stored_axes(stored);
  guint n_figures;
  const Figure *all = figures(&n_figures);

  grid->axes = g_ptr_array_new_with_free_func(axis_free);
  grid->cells = g_ptr_array_new_with_free_func(cell_free);
  for (guint i = 0; i < keys->len; i++)
    g_ptr_array_add(grid->axes, axis_new(stored, g_ptr_array_index(keys, i)));
  for (guint i = 0; i < stored->runs->len; i++) {
    const StoredRun *run = g_ptr_array_index(stored->runs, i);
    GridCell *cell = cell_of(grid, run);
    cell->n_runs++;
    cell->n_failed += !run_record_counts(&run->record);
    if (run_record_counts(&run->record))
      cell->served += run_record_served(&run->record);
    for (guint f = 0; f < n_figures && run_record_counts(&run->record); f++)
      if (!figure_is_text(&all[f]))
        add_value(&cell->values[f], figure_real(&all[f], &run->record));
  }
  for (guint i = 0; i < grid->cells->len; i++) {
    GridCell *cell = g_ptr_array_index(grid->cells, i);
    for (guint f = 0; f < n_figures; f++)
      finish(&cell->values[f]);
    cell->served /= MAX(cell->n_runs - cell->n_failed, 1);
  }
  return grid;
}

void
grid_free(Grid *grid)
{
  if (grid == NULL)
    return;
  g_ptr_array_unref(grid->axes);
  g_ptr_array_unref(grid->cells);
  g_free(grid);
}

gboolean
grid_is_study(const Grid *grid)
{
  if (grid->axes->len > 1)
    return TRUE;
  for (guint i = 0; i < grid->cells->len; i++)
    if (((const GridCell *)g_ptr_array_index(grid->cells, i))->n_runs > 1)
      return TRUE;
  return grid->axes->len == 1 && ((const GridAxis *)g_ptr_array_index(grid->axes, 0))->is_numeric;
}
