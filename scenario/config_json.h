/* The resolved settings as the JSON object `config` that goes with every result. */
#pragma once

#include "calib/cost/roofline.h"
#include "scenario.h"

/* Keys from which a replay reads the times of the recorded run's front end. */
#define CONFIG_FRONT_END_REQUEST "front_end_request_ps"
#define CONFIG_FRONT_END_TOKEN "front_end_token_ps"

/* A new reference. costs: NULL without a cost model. Holds only what can change results, so not
 * where they are written. */
json_t *scenario_config(const Scenario *scenario, const Settings *settings,
                        const RooflineConfig *costs);
