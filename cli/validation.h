/* A run that was computed held against its simulation and its replay.
 *
 * While the run goes on, each of its steps is also asked of the cost model: that compares costs on
 * the same decisions. The simulation then decides for itself: that compares the whole.
 */
#pragma once

#include "calib/step_fit.h"
#include "report/figures.h"
#include "sim/executor_replay.h"

typedef enum {
  STEPS_PREFILL,
  STEPS_DECODE,
  STEPS_MIXED,     /* prefills and decodes */
  STEPS_RECOMPUTE, /* that compute again what was dropped */
  STEPS_COPIES,    /* that copy blocks out or in */
  STEPS_KINDS
} StepsKind;

const char *steps_kind_name(StepsKind kind);

/* What a run's steps took, and what a cost model says of each. */
typedef struct {
  Observer observer;                /* first */
  Executor *predictor;              /* NULL: nothing is predicted */
  GArray *measured_ps[STEPS_KINDS]; /* of gint64, a step each */
  GArray *predicted_ps[STEPS_KINDS];
  gint64 measured_component_ps[COST_COMPONENTS];
  gint64 predicted_component_ps[COST_COMPONENTS];
  GArray *samples;  /* of StepSample */
  GArray *recorded; /* of RecordedStep */
  guint64 digest;   /* of all that was decided, and when: equal digests, equal schedules */
} StepWatch;

/* cost: borrowed; NULL: nothing is predicted. */
StepWatch *step_watch_new(CostModel *cost);
void step_watch_free(StepWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StepWatch, step_watch_free)

typedef struct {
  const RunRecord *live, *simulated, *replayed;
  const StepWatch *steps, *replayed_steps;
  const char *cost; /* where the predictions come from, for people */
} Validation;

/* The replay decided what the run decided, at the same times. */
gboolean validation_replay_is_same(const Validation *validation);

/* For people; one JSON object; a CSV row a figure. The caller frees. */
char *validation_text(const Validation *validation);
char *validation_json(const Validation *validation);
char *validation_csv(const Validation *validation);

/* Draws every step's time, computed against predicted. */
gboolean validation_draw(const Validation *validation, const char *out, GError **error);
