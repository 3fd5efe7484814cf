/* An instance: an engine, its memory and its executor, and how far they are. For loop.c, which
 * orders the events of all instances in one virtual time.
 *
 * now_ps is when the instance decides next. Whatever it tells (steps, requests that left) lies at
 * or after the decision that it was told at, so an instance that decides earliest can be let on.
 */
#pragma once

#include "loop.h"
#include "pipeline.h"

/* What all instances of a run share. */
typedef struct {
  const Loop *loop;
  RunOutcome *outcome;
} Run;

typedef struct {
  const Run *run;
  const Loop *loop;    /* the run's, at hand */
  RunOutcome *outcome; /* likewise */
  guint number;
  Scheduler *scheduler;
  Executor *executor;
  gboolean has_host;          /* memory for blocks */
  gboolean async;             /* a step is decided while the one before it is in flight */
  const CostPiece *told_cost; /* of the flying one; NULL: the executor knows none */
  Step *step;        /* being decided */
  Step *flying;      /* executed, not yet settled; meaningful while in_flight */
  StepTiming timing; /* of the flying one, from here */
  gint64 start_ps;
  guint64 start_index;
  gint64 queued_ps; /* in a pipeline: what the flying one waits for stages */
  guint32 tokens;
  gboolean in_flight;
  gint64 now_ps;
  guint64 step_index;       /* of the step being decided */
  gboolean waits;           /* it has nothing to do before a request comes that is not known yet */
  guint64 idle_since;       /* step index of the last token or arrival */
  gboolean preempted_since; /* a preemption since then */
  Pipeline *pipeline;       /* NULL: one stage, one step in flight */
  CopyLink link;            /* of native offload, or of swapping beside the steps */
  CopyLink disk_link;       /* between the host and its disk */
  gint64 waited_ps;         /* for copies, since the last step that was executed */
  gint64 told_waited_ps;    /* the same, before the one that flies */
  gint64 empty_ps;          /* when the last decision was that was empty */
  GError *failure;          /* of the executor's copies: it ends the run */
} Instance;

void instance_init(Instance *self, const Run *run, guint number);
void instance_clear(Instance *self);

static inline gboolean
instance_copies(const Instance *self)
{
  return self->scheduler->copies_beside;
}

/* A step begins, even if it is empty: copies that are due are submitted. Returns how long it waits
 * for some of native offload's. */
gint64 instance_submit_copies(Instance *self);
static inline gint64
instance_begin_copies(Instance *self)
{
  return instance_copies(self) ? instance_submit_copies(self) : 0;
}
/* The step that was executed waited so long for copies, and computes beside others. */
void instance_add_copies(Instance *self, gint64 wait_ps);
/* Copies that were over by then are reported. TRUE if there were any. */
gboolean instance_report_copies(Instance *self, gint64 by_ps);
static inline gboolean
instance_end_copies(Instance *self, gint64 by_ps)
{
  return instance_copies(self) && instance_report_copies(self, by_ps);
}
/* The same, at an empty decision. */
gboolean instance_end_copies_while_idle(Instance *self);

/* It goes to the next arrival or end of a copy. FALSE if none is known. */
gboolean instance_idle(Instance *self);
/* Nobody is left in it, and nobody who left leaves something to be looked at. */
gboolean instance_is_over(const Instance *self);

/* A step's flight (flight.c). Executes the decided step, after the one in flight, and leaves the
 * time at the next decision. Repeats end when until_ps has passed; in a pipeline there are none.
 * FALSE if the executor failed. */
gboolean instance_execute(Instance *self, gint64 until_ps, GError **error);
/* The oldest in flight is done, there must be one: the time is its end, and who has left is told. */
void instance_land(Instance *self);
void instance_land_all(Instance *self);
/* The engine died while it decided: the step is told, and not executed. */
void instance_die(Instance *self);
void run_tell_request(const Run *run, const RequestResult *result);
