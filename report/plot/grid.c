/* A study's charts: a figure across one axis of its grid, a line for each combination of the
 * others.
 */
#include "charts.h"

#include <math.h>

#include "report/stored/grid.h"

#define LEFT_OUT_NAMED 3

static guint
figure_index(const char *key)
{
  guint n, at = 0;
  const Figure *all = figures(&n);

  while (!g_str_equal(all[at].key, key))
    at++;
  return at;
}

/* The first axis of numbers, or else the first. */
static guint
axis_across(const Grid *grid)
{
  for (guint a = 0; a < grid->axes->len; a++)
    if (((const GridAxis *)g_ptr_array_index(grid->axes, a))->is_numeric)
      return a;
  return 0;
}

static const GridAxis *
axis_at(const Grid *grid, guint a)
{
  return g_ptr_array_index(grid->axes, a);
}

/* The values of a cell on all axes but one. */
static char *
line_name(const Grid *grid, const GridCell *cell, guint across)
{
  GString *name = g_string_new(NULL);

  for (guint a = 0; a < grid->axes->len; a++)
    if (a != across) {
      const char *value = g_ptr_array_index(axis_at(grid, a)->values, cell->at[a]);
      g_string_append(name, name->len > 0 ? ", " : "");
      if (axis_at(grid, a)->is_numeric)
        g_string_append_printf(name, "%s ", axis_at(grid, a)->key);
      g_string_append(name, *value != '\0' ? value : "not set");
    }
  return g_string_free(name, FALSE);
}

/* Names of all lines, in order of appearance. */
static GPtrArray *
line_names(const Grid *grid, guint across)
{
  GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

  for (guint c = 0; c < grid->cells->len; c++) {
    g_autofree char *name = line_name(grid, g_ptr_array_index(grid->cells, c), across);
    if (!g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL))
      g_ptr_array_add(names, g_steal_pointer(&name));
  }
  return names;
}

/* The cell of a line at a value of the axis; NULL where there is none. */
static const GridCell *
cell_of(const Grid *grid, const char *line, guint across, guint at)
{
  for (guint c = 0; c < grid->cells->len; c++) {
    const GridCell *cell = g_ptr_array_index(grid->cells, c);
    g_autofree char *name = line_name(grid, cell, across);
    if (cell->at[across] == at && g_str_equal(name, line))
      return cell;
  }
  return NULL;
}

static double
position(const GridAxis *axis, guint at)
{
  double number = at;

  if (axis->is_numeric)
    grid_number(g_ptr_array_index(axis->values, at), &number);
  return number;
}

/* Values as tics: at their numbers, or one beside the other. */
static void
set_tics(Plot *plot, const GridAxis *axis, char letter, gboolean numbered)
{
  g_string_append_printf(plot->commands, "set %ctics (", letter);
  for (guint i = 0; i < axis->values->len; i++) {
    g_string_append(plot->commands, i > 0 ? ", " : "");
    plot_append_tic(plot, g_ptr_array_index(axis->values, i), numbered ? position(axis, i) : i);
  }
  g_string_append(plot->commands, ")\n");
}

/* The share of its requests that a cell finishes if no other finishes more; 0: none counts. */
static double
served_most(const Grid *grid)
{
  double most = 0;

  for (guint c = 0; c < grid->cells->len; c++)
    most = fmax(most, ((const GridCell *)g_ptr_array_index(grid->cells, c))->served);
  return most;
}

/* A second line of the title: cells that leave requests out, and so have less to do. */
static void
append_left_out(Plot *plot, const Grid *grid, guint across)
{
  double most = served_most(grid);
  guint n = 0;

  for (guint c = 0; c < grid->cells->len; c++) {
    const GridCell *cell = g_ptr_array_index(grid->cells, c);
    g_autofree char *line = line_name(grid, cell, across);
    if (cell->served == 0 || cell->served >= most || n++ >= LEFT_OUT_NAMED)
      continue;
    g_string_append(plot->commands, n == 1 ? "\\nfewer requests finish at " : "; ");
    gnuplot_append_plain(plot->commands,
                         g_ptr_array_index(axis_at(grid, across)->values, cell->at[across]));
    g_string_append(plot->commands, *line != '\0' ? ", " : "");
    gnuplot_append_plain(plot->commands, line);
  }
  if (n > LEFT_OUT_NAMED)
    g_string_append_printf(plot->commands, " and %u others", n - LEFT_OUT_NAMED);
}

static void
set_labels(Plot *plot, const Grid *grid, guint across, const Figure *figure)
{
  const GridAxis *axis = axis_at(grid, across);
  g_autofree char *name = g_strdelimit(g_strdup(axis->key), "_", '-');

  g_string_append(plot->commands, "set xlabel ");
  gnuplot_append_quoted(plot->commands, name);
  g_string_append(plot->commands, " noenhanced\n");
  g_string_append_printf(plot->commands, "set title \"%s%s", figure->label,
                         figure_is_duration(figure) ? " (s)" : "");
  append_left_out(plot, grid, across);
  g_string_append(plot->commands, "\" noenhanced\n");
}

static gboolean
add_line(Plot *plot, const Grid *grid, const char *line, guint across, guint figure)
{
  const GridAxis *axis = axis_at(grid, across);
  gboolean any = FALSE;

  for (guint at = 0; at < axis->values->len; at++) {
    const GridCell *cell = cell_of(grid, line, across, at);
    const GridValue *value = cell != NULL ? &cell->values[figure] : NULL;
    double half = value != NULL && !isnan(value->half) ? value->half : 0;
    if (value == NULL || isnan(value->mean))
      continue;
    plot_append_real(plot->data, position(axis, at));
    plot_append_real(plot->data, value->mean);
    plot_append_real(plot->data, value->mean - half);
    plot_append_real(plot->data, value->mean + half);
    g_string_append_c(plot->data, '\n');
    any = TRUE;
  }
  if (any)
    plot_end_block(plot);
  return any;
}

gboolean
plot_study(Plot *plot, GError **error)
{
  g_autoptr(Grid) grid = grid_new(plot->stored);
  g_autoptr(GPtrArray) names = NULL;
  guint n, figure = figure_index(plot->request->figure), across;

  (void)error;
  if (!grid_is_study(grid) || grid->axes->len == 0)
    return FALSE;
  across = axis_across(grid);
  names = line_names(grid, across);
  set_labels(plot, grid, across, &figures(&n)[figure]);
  g_string_append(plot->commands,
                  "set style fill transparent solid 0.12 border\nset yrange [0:*]\n");
  set_tics(plot, axis_at(grid, across), 'x', TRUE);
  for (guint i = 0; i < MIN(names->len, PLOT_RUNS); i++) {
    const char *name = g_ptr_array_index(names, i);
    g_autofree char *band = g_strdup_printf("using 1:3:4 with filledcurves linetype %u", i + 1);
    g_autofree char *line =
        g_strdup_printf("using 1:2 with linespoints linetype %u pt %u", i + 1, i + 5);
    if (!add_line(plot, grid, name, across, figure))
      continue;
    if (plot->request->format != GNUPLOT_TEXT)
      plot_append_curve(plot, plot->blocks - 1, band, NULL);
    plot_append_curve(plot, plot->blocks - 1, line, name);
  }
  return plot->blocks > 0;
}

/* The map, and its values in an ink that can be read on either side of the middle. */
static void
append_heat(Plot *plot, double middle)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_formatd(text, sizeof text, "%.9g", middle);
  g_string_append_printf(plot->commands,
                         "plot 'data' index 0 using 1:2:3 with image notitle,"
                         " '' index 0 using 1:2:($3 > %s ? '' : sprintf('%%.4g', $3)) with labels "
                         "tc rgb 'white' notitle,"
                         " '' index 0 using 1:2:($3 > %s ? sprintf('%%.4g', $3) : '') with labels "
                         "tc rgb 'black' notitle\n",
                         text, text);
}

gboolean
plot_heat(Plot *plot, GError **error)
{
  g_autoptr(Grid) grid = grid_new(plot->stored);
  g_autoptr(GPtrArray) names = NULL;
  guint n, figure = figure_index(plot->request->figure), across;
  double low = INFINITY, high = -INFINITY;
  gboolean any = FALSE;

  (void)error;
  if (!grid_is_study(grid) || grid->axes->len < 2 || plot->request->format == GNUPLOT_TEXT)
    return FALSE;
  across = axis_across(grid);
  names = line_names(grid, across);
  set_labels(plot, grid, across, &figures(&n)[figure]);
  set_tics(plot, axis_at(grid, across), 'x', FALSE);
  g_string_append(plot->commands, "set ytics (");
  for (guint i = 0; i < names->len; i++) {
    g_string_append(plot->commands, i > 0 ? ", " : "");
    plot_append_tic(plot, g_ptr_array_index(names, i), i);
  }
  g_string_append_printf(
      plot->commands,
      ")\nunset grid\nset xrange [-0.5:%u.5]\nset yrange [%u.5:-0.5]\n"
      "set palette defined (0 '#00204c', 1 '#3c4d6e', 2 '#7c7b78', 3 '#bbac69', 4 '#ffea46')\n",
      axis_at(grid, across)->values->len - 1, names->len - 1);
  for (guint i = 0; i < names->len; i++)
    for (guint at = 0; at < axis_at(grid, across)->values->len; at++) {
      const GridCell *cell = cell_of(grid, g_ptr_array_index(names, i), across, at);
      if (cell == NULL || isnan(cell->values[figure].mean))
        continue;
      low = fmin(low, cell->values[figure].mean);
      high = fmax(high, cell->values[figure].mean);
      g_string_append_printf(plot->data, "%u %u", at, i);
      plot_append_real(plot->data, cell->values[figure].mean);
      g_string_append_c(plot->data, '\n');
      any = TRUE;
    }
  plot_end_block(plot);
  append_heat(plot, low + 0.55 * (high - low));
  return any;
}
