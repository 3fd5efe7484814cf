/* The manager's part of a sweep: gives cells to workers and writes their answers into the database.
 */
#pragma once

#include "plan.h"
#include "transport.h"

typedef struct {
  StudyPlan *plan;
  Results *results;
  Transport *transport;
  const guint *cells; /* of the plan, that are to be run, in this order */
  guint n_cells;
} SweepRun;

/* *n_done: how many of the cells now have a run or a recorded failure. FALSE with an error where
 * the database cannot be written, or no worker can be had; without one where it was told to stop
 * (Ctrl-C, SIGTERM). What was stored by then stays. */
gboolean sweep_run(const SweepRun *run, guint *n_done, GError **error);
