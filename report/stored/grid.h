/* A study's runs as a grid: an axis a setting in which they differ, a cell a combination of values,
 * with the mean over its replicas (runs that differ in their seed only) and how sure that is.
 */
#pragma once

#include "stored.h"

typedef struct {
  char *key;           /* the setting */
  gboolean is_numeric; /* every value is a number of the same unit, by which they are in order */
  GPtrArray *values;   /* of char * */
} GridAxis;

typedef struct {
  double mean; /* NAN where no run ended well, or none has the figure */
  double half; /* of the 95 % confidence interval, by Student's t; NAN with fewer than two runs */
  guint n;     /* runs behind it */
} GridValue;

typedef struct {
  guint *at;         /* index of its value on each axis */
  GridValue *values; /* one a figure of figures() */
  guint n_runs, n_failed;
  double
      served; /* the share of their requests that its runs finished, those that failed left out */
} GridCell;

typedef struct {
  GPtrArray *axes;  /* of GridAxis * */
  GPtrArray *cells; /* of GridCell *, in the order of their first runs */
} Grid;

/* Of all runs. No axes where they differ in nothing. */
Grid *grid_new(const Stored *stored);
void grid_free(Grid *grid);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Grid, grid_free)

/* The number that a value begins with, such as 20 of "20%"; of an amount of memory its bytes. FALSE
 * where it begins with none. */
gboolean grid_number(const char *value, double *number);

/* TRUE if there is more to it than policies side by side: two axes, or one of numbers, or replicas.
 */
gboolean grid_is_study(const Grid *grid);
