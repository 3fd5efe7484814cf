#include "gemm_series.h"

#include <math.h>
#include <string.h>

/* Kernels of many rows have tiles of so many rows and multiples of them. */
enum { LEAST_LARGE_TILE = 64 };

/* How many times as long m not a multiple of four must take at least, to be told from noise. */
#define LEAST_ALIGNMENT 1.03

/* The sum of relative errors at inner points when each is left out. */
static double
left_out_error(const Curve *curve, double tile)
{
  g_autofree double *x = g_new(double, curve->n);
  g_autofree double *y = g_new(double, curve->n);
  Curve rest = {.n = curve->n - 1, .x = x, .y = y};
  double sum = 0;

  /* Without the first point; from one hidden point to the next only one place changes. */
  memcpy(x, curve->x + 1, rest.n * sizeof *x);
  memcpy(y, curve->y + 1, rest.n * sizeof *y);
  for (guint hidden = 1; hidden + 1 < curve->n; hidden++) {
    gboolean inside;
    x[hidden - 1] = curve->x[hidden - 1];
    y[hidden - 1] = curve->y[hidden - 1];
    sum += fabs(curve_at_tiles(&rest, curve->x[hidden], tile, &inside) / curve->y[hidden] - 1);
  }
  return sum;
}

static double
find_tile(const Curve *curve)
{
  static const double tiles[] = {0, 16, 32, 64, 128, 256};
  double best = 0, best_error = G_MAXDOUBLE;

  for (guint i = 0; i < G_N_ELEMENTS(tiles); i++) {
    double error = left_out_error(curve, tiles[i]);
    if (error < best_error * 0.999) {
      best_error = error;
      best = tiles[i];
    }
  }
  return best;
}

gboolean
gemm_is_aligned(guint64 m)
{
  return m % GEMM_ALIGNED_ROWS == 0;
}

GemmSeries
gemm_series_of(const GemmTiming *timings, guint count, guint which)
{
  g_autofree double *x = g_new(double, count);
  g_autofree double *y = g_new(double, count);
  GemmSeries series = {NULL, 0};
  guint kept = 0;

  for (guint i = 0; i < count; i++)
    if (which == GEMM_EVERY || gemm_is_aligned((guint64)timings[i].m) == (which == GEMM_ALIGNED)) {
      x[kept] = timings[i].m;
      y[kept++] = timings[i].ps;
    }
  if (kept > 0) {
    series.curve = curve_new(x, y, kept);
    series.tile = find_tile(series.curve);
  }
  return series;
}

void
gemm_series_add_row_ratios(const GemmTiming *timings, guint count, GArray *ratios)
{
  for (guint i = 0; i + 1 < count; i++) {
    guint64 m = (guint64)timings[i].m;
    double ratio = timings[i + 1].ps / timings[i].ps;
    if (gemm_is_aligned(m) && (guint64)timings[i + 1].m == m + 1 && m % LEAST_LARGE_TILE != 0)
      g_array_append_val(ratios, ratio);
  }
}

double
gemm_series_left_out_error(const GemmSeries *series)
{
  return left_out_error(series->curve, series->tile);
}

gboolean
gemm_series_rows_show_alignment(GArray *ratios)
{
  if (ratios->len == 0)
    return TRUE;
  g_array_sort(ratios, curve_compare_doubles);
  return g_array_index(ratios, double, ratios->len / 2) > LEAST_ALIGNMENT;
}
