/* The clocks of executors that compute. */
#pragma once

#include <glib.h>
#include <time.h>

static inline gint64
live_clock_ns(clockid_t clock)
{
  struct timespec now;

  clock_gettime(clock, &now);
  return (gint64)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Real time, for steps of a GPU. */
static inline gint64
live_now_ns(void)
{
  return live_clock_ns(CLOCK_MONOTONIC);
}

/* CPU time of this thread, for steps of the CPU: other programs do not lengthen it. */
static inline gint64
live_worked_ns(void)
{
  return live_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}
