/* What a worker of a sweep does: runs cells of the plan, one after the other, and packs what came
 * of each. It writes no file and prints nothing. */
#pragma once

#include "report/results/pack.h"
#include "plan.h"
#include "unlimited_table.h"

typedef struct {
  const StudyPlan *plan;
  Shelf *shelf;
  ResultsDetail detail;
  UnlimitedTable *unlimited; /* shared by the workers of a machine */
} SweepWorker;

/* The first byte of an answer. */
typedef enum {
  ANSWER_RUN = 'R',     /* a packed run follows (report/results/pack.h) */
  ANSWER_FAILURE = 'F', /* a message follows, without a NUL */
} AnswerKind;

void sweep_worker_run(SweepWorker *worker, guint cell, GByteArray *answer);
void answer_failure(GByteArray *answer, const char *message);
