/* Cells of a comparison. What returns char * is the caller's. */
#pragma once

#include "figures.h"
#include "report/text/format.h"

char *figure_cell(const Figure *figure, const RunRecord *record, const DurationUnit *unit);
/* How much more or less than in the first run: "+1.2 %"; nothing where that says nothing. */
char *figure_change(double first, double value);
