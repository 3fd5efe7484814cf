#include "thin.h"

static void
add(GArray *indices, guint index)
{
  if (indices->len == 0 || g_array_index(indices, guint, indices->len - 1) != index)
    g_array_append_val(indices, index);
}

GArray *
thin_extremes(const double *values, guint n, guint limit)
{
  GArray *indices = g_array_new(FALSE, FALSE, sizeof(guint));
  guint bins = (limit - 2) / 2;

  g_assert(limit >= 4);
  if (n <= limit) {
    for (guint i = 0; i < n; i++)
      g_array_append_val(indices, i);
    return indices;
  }
  add(indices, 0);
  for (guint bin = 0; bin < bins; bin++) {
    guint from = 1 + (guint)((guint64)(n - 2) * bin / bins);
    guint to = 1 + (guint)((guint64)(n - 2) * (bin + 1) / bins);
    guint low = from, high = from;
    for (guint i = from; i < to; i++) {
      low = values[i] < values[low] ? i : low;
      high = values[i] > values[high] ? i : high;
    }
    add(indices, MIN(low, high));
    add(indices, MAX(low, high));
  }
  add(indices, n - 1);
  return indices;
}
