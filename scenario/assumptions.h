/* What a run takes to be so of its model that is not quite so, in sentences. */
#pragma once

#include <jansson.h>

#include "scenario.h"

/* A new array of strings, without the last full stop; empty for most models. On one of `tp` ranks.
 */
json_t *scenario_assumptions(const Scenario *scenario, guint32 tp);

/* Adds what is taken of engines and ranks that share work. */
void scenario_assume_parallel(const Scenario *scenario, const Settings *settings, json_t *list);

/* Adds what is taken of a host that is not known, and between what it may lie. */
void scenario_assume_host(const Scenario *scenario, HostScheduler scheduler, json_t *list);
