/* Units of the simulator: virtual time is an integer count of picoseconds.
 *
 * A signed 64-bit count reaches 106 days, and the slope of a cost (what one more token of context
 * adds to a step) keeps four digits on the fastest memory there is. Integers make a sum of n steps
 * in closed form and n single steps the same number.
 */
#pragma once

#include <glib.h>

#define PS_PER_NS G_GINT64_CONSTANT(1000)
#define PS_PER_US G_GINT64_CONSTANT(1000000)
#define PS_PER_S G_GINT64_CONSTANT(1000000000000)

/* The latest virtual time that a run may reach; leaves room for one step more. */
#define TIME_MAX_PS (G_MAXINT64 / 2)

static inline double
ps_to_s(gint64 ps)
{
  return (double)ps / (double)PS_PER_S;
}
