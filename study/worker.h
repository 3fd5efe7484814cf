/* What a worker of a sweep does: runs cells of the plan, one after the other, and packs what came
 * of each. It writes no file and prints nothing. */
#pragma once

#include "report/results/pack.h"
#include "plan.h"
#include "transport.h"
#include "unlimited_table.h"

typedef struct {
  const StudyPlan *plan;
  Shelf *shelf;
  ResultsDetail detail;
  UnlimitedTable *unlimited; /* shared by the workers of a machine */
} SweepWorker;

/* `data` is a SweepWorker; the answer is a packed run (report/results/pack.h). */
void sweep_worker_run(gpointer data, guint cell, GByteArray *answer);
