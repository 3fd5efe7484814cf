/* What a run takes to be so of its model that is not quite so, in sentences; and whether its pool
 * is shared by groups of layers.
 */
#pragma once

#include <jansson.h>

#include "scenario.h"
#include "sim/kv_groups.h"

/* NULL if the scenario's engine counts the layout's groups, and what they give back; else why
 * blocks are counted for all layers alike, as half a sentence. */
const char *scenario_counts_one_group(const Scenario *scenario, const KvGroups *layout);

/* A new array of strings, without the last full stop; empty for most models. On one of `tp` ranks.
 */
json_t *scenario_assumptions(const Scenario *scenario, guint32 tp);
