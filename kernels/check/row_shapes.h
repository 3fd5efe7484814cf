/* Numbers of rows for the small operations: edges first, then what servers have. */
#pragma once

#include <glib.h>

enum { ROW_CASES_TINY = 6, ROW_CASES_QUICK = 24, ROW_CASES_FULL = 60 };

/* Rows of `width` elements; the first cases have few, and none has more than 2^23 elements. */
gsize choose_rows(GRand *rand, guint number, gsize width);
/* Of the list's widths, the first ones in the first cases: from the smallest up. */
gsize choose_width(GRand *rand, guint number, const gsize *widths, gsize num_widths);
/* Zero, or some vectors of 16 bytes between rows. */
gsize choose_gap(GRand *rand);
