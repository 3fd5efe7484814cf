/* Runs steps for the calibration as the live executor's GPU runs them; of spillway-gpu only. */
#pragma once

#include "calib/measure/bench_step.h"

extern const BenchStepClass step_runner_gpu;
