/* --dry-run: what would be run. */
#pragma once

#include "scenario/scenario.h"
#include "report/summary.h"
#include "format_option.h"

/* Prints every setting of the scenarios with where it is from: what an option or a default of the
 * engine gave, else "default". Of several, what differs has a row for each. */
void dry_run_print(const GPtrArray *scenarios, const Settings *settings, OutputFormat format);
void dry_run_print_one(Scenario *scenario, const Settings *settings, OutputFormat format);
