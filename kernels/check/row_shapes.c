#include "row_shapes.h"

enum { ELEMENTS_MAX = 1 << 23, VECTOR_ELEMENTS = 8 };

gsize
choose_rows(GRand *rand, guint number, gsize width)
{
  static const gsize rows[] = {1, 2, 3, 7, 5, 1, 16, 17, 33, 64, 127, 128, 255, 256, 512, 1000};
  gsize chosen;

  if (number < G_N_ELEMENTS(rows))
    chosen = rows[number];
  else if (g_rand_boolean(rand))
    chosen = (gsize)g_rand_int_range(rand, 1, 513); /* a batch of decodes */
  else
    chosen = (gsize)g_rand_int_range(rand, 1, 8193); /* tokens of a step */
  return CLAMP(chosen, 1, MAX(ELEMENTS_MAX / width, 1));
}

gsize
choose_width(GRand *rand, guint number, const gsize *widths, gsize num_widths)
{
  if (number < ROW_CASES_TINY)
    return widths[number % MIN(num_widths, 3)];
  return widths[g_rand_int_range(rand, 0, (gint32)num_widths)];
}

gsize
choose_gap(GRand *rand)
{
  return g_rand_boolean(rand) ? 0 : VECTOR_ELEMENTS * (gsize)g_rand_int_range(rand, 1, 4);
}
