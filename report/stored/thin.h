/* Thinning: as many points of a curve as a picture has room for, and none of its peaks lost. */
#pragma once

#include <glib.h>

/* The indices (of guint, ascending, the caller's) of at most `limit` of the n values that draw like
 * all of them: the first, the last, and of each of equally many neighbours the smallest and the
 * largest. All of them where n <= limit. limit: at least 4. */
GArray *thin_extremes(const double *values, guint n, guint limit);
