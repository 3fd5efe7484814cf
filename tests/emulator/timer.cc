/* The timer's interface without time: each call is made for two turns, with what runs beside it,
 * and is said to take a millisecond. */
#include "tests/emulator/timer_streams.h"

int
timer_measure(Timer *timer, const TimingRequest *request, Timing *timing)
{
  enum { TURNS = 2 };
  int status = 0;

  for (uint32_t turn = 0; turn < TURNS && status == 0; turn++)
    status = emulator::timer_turn(timer, request, turn);
  *timing = {1e6, 0.9e6, 1.1e6, 1e3, 10, 1, true};
  return status;
}
