/* A device's costs with the host time of the executor that computes.
 *
 * A profile says what the device takes, and what a server's host adds. An executor of this program
 * has another host: its planner, one upload, a few launches. Its time is fitted to steps that it
 * took (calib/cost/step_fit.h) and put in the place of the profile's.
 */
#pragma once

#include "sim/cost.h"

/* Both are borrowed; `host` gives COST_HOST alone. The caller frees. */
CostModel *cost_with_host_new(CostModel *device, CostModel *host);
