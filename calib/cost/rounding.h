/* A double as a whole number, as costs round their picoseconds: to the nearest, halves up. In line,
 * without a call of the C library, since every step rounds several.
 */
#pragma once

#include "sim/units.h"

#include <glib.h>

/* From 0 to `most`; in that range the same as llround(). */
static inline gint64
round_within(double value, gint64 most)
{
  gint64 whole;

  if (!(value > 0))
    return 0;
  if (value >= (double)most)
    return most;
  whole = (gint64)value;
  return whole + (value - (double)whole >= 0.5);
}

/* A part of a step: what a dozen of add up to is still a time. */
static inline gint64
profile_round_ps(double ps)
{
  return round_within(ps, TIME_MAX_PS / 64);
}
