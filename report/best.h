/* Which of several runs is the best, by a figure: only what can be held against others competes. */
#pragma once

#include "figures.h"

/* TRUE if the run ended well and finished something; other runs are not compared by their figures.
 */
gboolean run_record_counts(const RunRecord *record);
/* TRUE if one of its policies is a bound, which no server can reach: it is never the best. */
gboolean run_record_is_bound(const RunRecord *record);
/* TRUE if all are bounds: then they are held against each other. */
gboolean run_records_are_bounds(const RunRecord *records, guint n_records);
/* The share of its requests that finished; 1 of none. */
double run_record_served(const RunRecord *record);

/* What a run must be to compete with others: no bound, unless all are, and it serves as large a
 * share of its requests as any: one that leaves some out has less to do. */
typedef struct {
  gboolean all_bounds;
  double served;
} RunRivals;

RunRivals run_rivals(const RunRecord *records, guint n_records);
/* TRUE if the run may be the best of its comparison. */
gboolean run_record_competes(const RunRecord *record, const RunRivals *rivals);

/* Index of the run whose figure is best; -1 where no figure is better than another, where all
 * tie, or fewer than two runs compete. One that does not compete is never best. */
int figure_best(const Figure *figure, const RunRecord *records, guint n_records);
/* Whether the last digit that is printed would not show their difference. */
gboolean figure_ties(double a, double b);
/* TRUE if the run is as good as the best (the index of figure_best()). */
gboolean figure_is_best(const Figure *figure, const RunRecord *records, guint index, int best);
