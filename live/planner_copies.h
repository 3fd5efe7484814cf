/* Copies beside the steps by block id: which blocks a job reads and writes, and who holds them
 * until it has ended (sim/scheduler/copies.c, ahead.c and disk.c decide how many).
 *
 * The planner calls for each step, in this order: planner_end_copies(), planner_evict_beside() for
 * each victim and, once every running sequence has its blocks, planner_begin_copies(). Invariant:
 * from a job's beginning to its end no other job and no step uses a block that it writes, and none
 * writes a block that it reads.
 */
#pragma once

#include "planner_state.h"

/* Frees what the jobs held that have ended by the step (step->copied). */
gboolean planner_end_copies(Planner *planner, const Step *step, GError **error);
/* Marks the victim's blocks that are copied out later, and frees those that are dropped. */
gboolean planner_evict_beside(Planner *planner, const StepVictim *victim, LiveRequest *request,
                              GError **error);
/* Appends the jobs that begin with the step to plan->jobs. */
gboolean planner_begin_copies(Planner *planner, const Step *step, StepPlan *plan, GError **error);
/* Of a request that ended. TRUE if a copy still reads its blocks: then planner_end_copies() frees
 * them. */
gboolean planner_leave_copies(Planner *planner, LiveRequest *request);
