/* Cells of a comparison. What returns char * is the caller's. */
#pragma once

#include "figures.h"
#include "report/text/format.h"

char *figure_cell(const Figure *figure, const RunRecord *record, const DurationUnit *unit);
/* The change against the first run: "+1.2 %", "x 12.3" from ten times more on, "<0.01 %" for less
 * than what two digits show; empty where the two are the same, or one of them is 0. */
char *figure_change(double first, double value);
