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
/* What was spent on KV that had lost its place: all but the stall. */
gint64 overhead_spent_ps(const RunRecord *record);

/* NAN where it is not known, as the stall of a run without a slowdown. Requests that wait for room
 * leave steps with fewer sequences; that is the stall, and never below 0. */
double overhead_s(const RunRecord *record, Overhead overhead);
