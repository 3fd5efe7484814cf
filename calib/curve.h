/* Piecewise linear functions of one variable through measured points. */
#pragma once

#include <glib.h>

typedef struct {
  guint n;
  double *x; /* ascending */
  double *y;
} Curve;

/* Copies the points, which need not be sorted; of equal x the mean y counts. At least one. */
Curve *curve_new(const double *x, const double *y, guint n);
void curve_free(Curve *curve);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Curve, curve_free)

/* The value at x. Below the first point that one's; above the last, along the last segment, which
 * may not fall. *inside: x lies in the measured range. */
double curve_at(const Curve *curve, double x, gboolean *inside);

/* Index of the segment that holds x: 0 … n - 2; 0 if there is but one point. */
guint curve_segment(const double *x, guint n, double at);

/* The same where the function has steps after every multiple of `tile` (a matrix product's time
 * over its rows): within one tile it is level with the point measured in it, never drawn across a
 * boundary. */
double curve_at_tiles(const Curve *curve, double x, double tile, gboolean *inside);

/* Orders doubles, for qsort() and g_array_sort(). */
int curve_compare_doubles(gconstpointer a, gconstpointer b);
