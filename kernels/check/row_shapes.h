/* Shapes for the checks of the small operations: edge cases first, then those of servers. */
#pragma once

#include <glib.h>

enum { ROW_CASES_TINY = 6, ROW_CASES_QUICK = 24, ROW_CASES_FULL = 60 };

/* How many rows of `width` elements case `number` has: few in the first cases, and at most 2^23
 * elements in all. */
gsize choose_rows(GRand *rand, guint number, gsize width);
/* One of the widths, which ascend; one of the first three in the first cases. */
gsize choose_width(GRand *rand, guint number, const gsize *widths, gsize num_widths);
/* Elements between rows: 0, or one to three vectors of 16 bytes. */
gsize choose_gap(GRand *rand);
