/* The wall clock of executors that compute. */
#pragma once

#include <glib.h>
#include <time.h>

static inline gint64
live_now_ns(void)
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return (gint64)now.tv_sec * 1000000000 + now.tv_nsec;
}
