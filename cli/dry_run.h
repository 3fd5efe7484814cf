/* --dry-run: what would be run. */
#pragma once

#include "scenario/scenario.h"
#include "report/summary.h"
#include "format_option.h"

/* Prints every setting of the scenarios with its origin: the option that gave it, or the engine's
 * default, else "default". Scenarios differ in their overflow policy; a setting that is not the
 * same in all has a row a policy. */
void dry_run_print(const GPtrArray *scenarios, const Settings *settings, OutputFormat format);
void dry_run_print_one(Scenario *scenario, const Settings *settings, OutputFormat format);
