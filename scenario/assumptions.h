/* The simplifications of a run, in sentences, for its results. */
#pragma once

#include <jansson.h>

#include "calib/cost/roofline.h"
#include "scenario.h"

enum { NODE_DEVICES = 8 }; /* linked with each other in one node */

/* Those about the model on `tp` ranks: a new array of strings without the last full stop, empty for
 * most models. */
json_t *scenario_assumptions(const Scenario *scenario, guint32 tp);

/* Adds those about engines and ranks that share work. */
void scenario_assume_parallel(const Scenario *scenario, const Settings *settings,
                              const RooflineConfig *costs, json_t *list);

/* Adds the one about outputs that a limit has cut, which only a run knows. */
void scenario_assume_cut(const Scenario *scenario, guint64 requests, guint64 tokens, json_t *list);

/* Adds those about the front end and a host that is not known, with the range of its costs; what
 * is of the host counts `factor` times (--what-if host). */
void scenario_assume_host(const Scenario *scenario, HostScheduler scheduler, double factor,
                          json_t *list);
