/* Cells of a comparison. What returns char * is the caller's. */
#pragma once

#include "figures.h"
#include "report/text/format.h"

char *figure_cell(const Figure *figure, const RunRecord *record, const DurationUnit *unit);
/* The change against the first run: "+1.2 %"; empty where a percentage has no meaning. */
char *figure_change(double first, double value);
