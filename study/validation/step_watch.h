/* Watches a run's steps: what each took, and what a cost model predicts for the same step.
 */
#pragma once

#include "calib/cost/step_fit.h"
#include "sim/copy_link.h"
#include "sim/executor_replay.h"
#include "sim/observer.h"

typedef enum {
  STEPS_PREFILL,
  STEPS_DECODE,
  STEPS_MIXED,     /* prefills and decodes */
  STEPS_RECOMPUTE, /* that compute again what was dropped */
  STEPS_COPIES,    /* that copy blocks out or in */
  STEPS_BESIDE,    /* that copies of blocks run beside */
  STEPS_KINDS
} StepsKind;

const char *steps_kind_name(StepsKind kind);

typedef struct {
  StepsKind kind;
  gint64 measured_ps, predicted_ps;
  gint64 measured_part_ps[COST_COMPONENTS], predicted_part_ps[COST_COMPONENTS];
} WatchedStep;

typedef struct {
  Observer observer;   /* first */
  Executor *predictor; /* NULL: nothing is predicted */
  const CostModel *cost;
  CopyLink link;                    /* the copies beside the steps, as the cost model has them */
  guint under_way[COPY_DIRECTIONS]; /* of them, as the run has them */
  GArray *watched;                  /* of WatchedStep, where steps are predicted */
  GArray *samples;                  /* of StepSample */
  GArray *recorded;                 /* of RecordedStep */
  guint64 digest; /* of all that was decided, and when: equal digests, equal schedules */
} StepWatch;

/* cost: borrowed; NULL: nothing is predicted. */
StepWatch *step_watch_new(CostModel *cost);
void step_watch_free(StepWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StepWatch, step_watch_free)

/* The sum of a component over all watched steps. */
gint64 step_watch_measured_ps(const StepWatch *watch, CostComponent component);
gint64 step_watch_predicted_ps(const StepWatch *watch, CostComponent component);
