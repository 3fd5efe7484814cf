/* The replay executor: every step takes what a recording says that it took.
 *
 * A recording is a run's steps in order, as an earlier run told them (StepReport). The scheduler
 * must decide the same again: a step of another shape, one more or one too few ends the run with an
 * error that says where and how it departed.
 */
#pragma once

#include "executor.h"
#include "observer.h"

typedef struct {
  guint64 step; /* index of the first repeat */
  guint32 repeats;
  gint64 first_ps;
  gint64 growth_ps;
  gint64 component_ps[COST_COMPONENTS]; /* of the first repeat */
  gint64 recompute_overhead_ps;
  /* The step's shape, to know it again. */
  guint32 sequences, decodes; /* that it works on; of them plain decodes */
  guint64 tokens;             /* computed for them */
  guint32 preemptions;
  guint32 copy_out_blocks, copy_in_blocks;
} RecordedStep;

/* What the executor answered when it was asked which copies beside the steps had ended. */
typedef struct {
  gint64 now_ps;
  gboolean waits;
  CopiesEnded ended;
} RecordedCopies;

/* A step as an observer was told of it. */
RecordedStep recorded_step(const StepReport *report);

#define REPLAY_ERROR (replay_error_quark())
GQuark replay_error_quark(void);
typedef enum { REPLAY_ERROR_DEPARTED } ReplayError;

/* Made by executor_replay_new(), not by create(). */
extern const ExecutorClass executor_replay;

/* steps, copies (every answer of the run, in order): borrowed. measured: their times were measured,
 * not modelled. */
Executor *executor_replay_new(const RecordedStep *steps, gsize n, gboolean measured,
                              const RecordedCopies *copies, gsize n_copies);
/* Recorded lines that the run did not come to. */
gsize executor_replay_left(const Executor *executor);
