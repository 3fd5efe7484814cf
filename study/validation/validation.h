/* A run that was computed held against its simulation and its replay.
 *
 * While the run goes on, the cost model predicts each of its steps: that compares costs on the same
 * decisions. A simulation then decides for itself: that compares whole runs.
 */
#pragma once

#include "report/figures.h"
#include "sim/disk.h"
#include "step_watch.h"

typedef struct {
  const RunRecord *live, *simulated, *replayed;
  const StepWatch *steps, *replayed_steps;
  const GArray *copies; /* of RecordedCopies: those that the run made beside its steps */
  CostModel *copy_cost; /* what they are predicted by, */
  const Disk *disk;     /* and those of the disk */
  const char *cost;     /* where the predictions come from, for people */
  /* Projections, attention and small operations were timed as one: what each took is inferred. */
  gboolean layers_are_one;
} Validation;

/* The replay decided what the run decided, at the same times. */
gboolean validation_replay_is_same(const Validation *validation);

/* predicted / measured - 1; NAN where there is nothing to be off from. */
double validation_error(double measured, double predicted);

/* What is asked of a simulation. Step times are those of the same steps, the rest is of the whole
 * run; lower is better in all. */
enum { VALIDATION_TARGETS = 5 };

typedef struct {
  const char *key, *label; /* "step_s.p50", "step, median" */
  double computed_s, simulated_s, error, target;
  gboolean met;
} TargetResult;

void validation_targets(const Validation *validation, TargetResult results[VALIDATION_TARGETS]);

/* What the steps' time is made of, the largest differences first; parts of what was timed as one
 * come right behind it. */
enum { VALIDATION_PARTS = COST_COMPONENTS + 1 };

typedef struct {
  const char *name;
  gint64 computed_ps, predicted_ps; /* over all steps */
  gboolean is_inferred;             /* computed_ps is what fits the steps best */
} TimePart;

guint validation_parts(const Validation *validation, TimePart parts[VALIDATION_PARTS]);
/* Copies of one way beside the steps, as computed and as predicted, each alone. */
typedef struct {
  guint64 jobs, blocks;
  gint64 computed_ps, predicted_ps;
} CopyError;
CopyError validation_copies(const Validation *validation, CopyDirection direction);
/* "out", "in", "to_disk", "from_disk". */
const char *validation_copies_name(CopyDirection direction);

/* "linear (-2.1 % of the busy time) and swap_in (+0.4 %)": what most of the difference is; the
 * caller frees. */
char *validation_explanation(const Validation *validation);

/* For people; one JSON object; a CSV row a figure. The caller frees. */
char *validation_text(const Validation *validation);
char *validation_json(const Validation *validation);
char *validation_csv(const Validation *validation);

/* The figures that are compared: keys of report/figures.h, NULL-terminated. */
const char *const *validation_keys(void);

/* One kind of step, as computed and as predicted. */
typedef struct {
  guint steps;
  Quantiles computed_s, predicted_s;
  double sum_error; /* of all of them together */
} KindError;
KindError validation_kind(const StepWatch *steps, StepsKind kind);

/* Draws every step's time, computed against predicted, and how far off each is. */
gboolean validation_draw(const Validation *validation, const char *out, GError **error);
