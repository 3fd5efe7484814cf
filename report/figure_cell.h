/* Cells of a comparison. What returns char * is the caller's. */
#pragma once

#include "figures.h"
#include "report/text/format.h"

/* The largest of the runs' figures, which decides the unit of a row; 0 where there is none. */
double figure_largest(const Figure *figure, const RunRecord *records, guint n_records);
char *figure_cell(const Figure *figure, const RunRecord *record, const DurationUnit *unit);
/* How much more or less than in the first run: "+1.2 %"; nothing where that says nothing. */
char *figure_change(double first, double value);
