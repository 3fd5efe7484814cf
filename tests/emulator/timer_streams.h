/* A timer in the emulator: its streams, and one turn of a request. What a turn takes is said by
 * timer.cc or, for the calibration, by bench.cc. */
#pragma once

#include "cuda_runtime_api.h"

#include "kernels/timing.h"

namespace emulator
{

/* The call with what comes before it and runs beside it, to their ends. */
int timer_turn(Timer *timer, const TimingRequest *request, uint32_t turn);

} // namespace emulator
