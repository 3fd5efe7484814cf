/* The points of a study, settings with the means over their seeds, from the view point_summary. */
#pragma once

#include "store.h"

typedef struct {
  double mean, half; /* NAN: there is none */
} StudyEstimate;

typedef struct {
  guint point;
  char *cell;
  guint runs;
  double served;            /* the share of its requests that finished; NAN where none count */
  StudyEstimate *estimates; /* in the order of the columns that were asked for */
  gboolean is_bound;
  gboolean competes; /* it may be the best */
} StudyPoint;

/* The study's points with these columns (of char *) of point_summary, in the order of the grid: of
 * StudyPoint, the caller's, with what they hold. NULL with an error where the database cannot be
 * read. */
GArray *study_points_read(Results *results, const StudyTable *study, const GPtrArray *columns,
                          GError **error);
/* The values of a point's options: those of any of its cells. */
char *const *study_point_values(const StudyTable *study, guint point);
/* TRUE if a point would compete but for requests that it leaves out. */
gboolean study_points_leave_out(const GArray *points);
