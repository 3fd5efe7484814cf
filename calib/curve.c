#include "curve.h"

#include <math.h>

typedef struct {
  double x, y;
} Point;

static int
compare_points(gconstpointer a, gconstpointer b)
{
  const Point *p = a, *q = b;

  return (p->x > q->x) - (p->x < q->x);
}

Curve *
curve_new(const double *x, const double *y, guint n)
{
  Curve *curve = g_new0(Curve, 1);
  g_autofree Point *points = g_new(Point, n);
  guint same = 0;

  g_assert(n > 0);
  for (guint i = 0; i < n; i++)
    points[i] = (Point){x[i], y[i]};
  qsort(points, n, sizeof *points, compare_points);
  curve->x = g_new(double, n);
  curve->y = g_new(double, n);
  for (guint i = 0; i < n; i++) {
    if (curve->n > 0 && points[i].x == curve->x[curve->n - 1]) {
      same++;
      curve->y[curve->n - 1] += (points[i].y - curve->y[curve->n - 1]) / (same + 1);
      continue;
    }
    same = 0;
    curve->x[curve->n] = points[i].x;
    curve->y[curve->n++] = points[i].y;
  }
  return curve;
}

void
curve_free(Curve *curve)
{
  if (curve == NULL)
    return;
  g_free(curve->x);
  g_free(curve->y);
  g_free(curve);
}

guint
curve_segment(const double *x, guint n, double at)
{
  guint low = 0;

  /* Without a branch on the comparison, which no processor can predict. */
  for (guint left = n > 2 ? n - 1 : 1, half; left > 1; left -= half) {
    half = left / 2;
    low += x[low + half] <= at ? half : 0;
  }
  return low;
}

static double
outside(const Curve *curve, double x)
{
  guint last = curve->n - 1;
  double slope;

  if (x <= curve->x[0])
    return curve->y[0];
  if (last == 0)
    return curve->y[0] * x / MAX(curve->x[0], 1e-9);
  slope = (curve->y[last] - curve->y[last - 1]) / (curve->x[last] - curve->x[last - 1]);
  return curve->y[last] + MAX(slope, 0) * (x - curve->x[last]);
}

double
curve_at(const Curve *curve, double x, gboolean *inside)
{
  return curve_at_tiles(curve, x, 0, inside);
}

double
curve_at_tiles(const Curve *curve, double x, double tile, gboolean *inside)
{
  guint i = curve_segment(curve->x, curve->n, x);
  double x1, x2, y1, y2;

  *inside = x >= curve->x[0] && x <= curve->x[curve->n - 1];
  if (!*inside || curve->n == 1)
    return outside(curve, x);
  x1 = curve->x[i];
  x2 = curve->x[i + 1];
  y1 = curve->y[i];
  y2 = curve->y[i + 1];
  if (tile > 0 && x != x1) {
    double t1 = ceil(x1 / tile), t = ceil(x / tile), t2 = ceil(x2 / tile);
    if (t1 != t2) {
      if (t == t1)
        return y1;
      return y1 + (y2 - y1) * (t - t1) / (t2 - t1);
    }
  }
  return y1 + (y2 - y1) * (x - x1) / (x2 - x1);
}

int
curve_compare_doubles(gconstpointer a, gconstpointer b)
{
  const double *x = a, *y = b;

  return (*x > *y) - (*x < *y);
}
