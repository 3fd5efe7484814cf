/* Copies beside the steps, with names: which blocks a job reads and writes, and who holds them until
 * it has ended (sim/scheduler/copies.c, ahead.c and disk.c decide how many).
 *
 * Called by the planner, in this order, of a step that is about to run: what has ended, the victims,
 * and, when what runs has its blocks, what begins. Invariant: between its beginning and its end nobody else has a block that a job reads
 * or writes.
 */
#pragma once

#include "planner_state.h"

/* The jobs that the step tells have ended: what they held is free. */
gboolean planner_end_copies(Planner *planner, const Step *step, GError **error);
/* The victim's blocks go, or are to go; what it gives up at once is free. */
gboolean planner_evict_beside(Planner *planner, const StepVictim *victim, LiveRequest *request,
                              GError **error);
/* The jobs that begin with the step, into plan->jobs. */
gboolean planner_begin_copies(Planner *planner, const Step *step, StepPlan *plan, GError **error);
/* The request ended. TRUE if a copy still reads its blocks: they are free when that has ended. */
gboolean planner_leave_copies(Planner *planner, LiveRequest *request);
