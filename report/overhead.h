/* What too little memory costs a run, split by what the time went to. */
#pragma once

#include "figures.h"

typedef enum {
  OVERHEAD_RECOMPUTE,
  OVERHEAD_SWAP_OUT,
  OVERHEAD_SWAP_IN,
  OVERHEAD_STALL, /* the rest of what the makespan is longer than with unlimited memory */
  OVERHEADS
} Overhead;

const char *overhead_title(Overhead overhead);
/* The figure that it is; NULL: a stall is none. */
const char *overhead_key(Overhead overhead);
/* What was spent on KV that had lost its place, in picoseconds: all but the stall. */
gint64 overhead_spent_ps(const RunRecord *record);

/* Seconds; NAN where it is not known, as the stall of a run without a slowdown. The stall is
 *
 *   makespan - makespan with unlimited memory - what was spent (overhead_spent_ps()),
 *
 * or 0 where that is negative: requests that wait for room leave steps with fewer sequences, so
 * more steps are needed. */
double overhead_s(const RunRecord *record, Overhead overhead);
