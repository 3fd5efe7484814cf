/* Piecewise linear functions of one variable through measured points. x and y are in whatever unit
 * the caller has; nothing here fails. */
#pragma once

#include <glib.h>

typedef struct {
  guint n;
  double *x; /* ascending */
  double *y;
} Curve;

/* Copies the n points, which need not be sorted; of equal x the mean y counts. n is 1 or more. The
 * caller frees the curve. */
Curve *curve_new(const double *x, const double *y, guint n);
void curve_free(Curve *curve);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Curve, curve_free)

/* The value at x. Below the first point it is that point's. Above the last it goes on along the
 * last segment, or level where that one falls; of a single point in proportion to x. *inside:
 * whether x lies in the measured range. */
double curve_at(const Curve *curve, double x, gboolean *inside);

/* Index of the segment that holds x: 0 … n - 2; 0 if there is but one point. */
guint curve_segment(const double *x, guint n, double at);

/* The same where the function has steps after every multiple of `tile` (a matrix product's time
 * over its rows): within one tile it is level with the point measured in it, never drawn across a
 * boundary. */
double curve_at_tiles(const Curve *curve, double x, double tile, gboolean *inside);

/* Orders doubles, for qsort() and g_array_sort(). */
int curve_compare_doubles(gconstpointer a, gconstpointer b);
