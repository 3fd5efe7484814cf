/* An instance: an engine, its memory and its executor, and how far they are. For loop.c, which
 * orders the events of all instances in one virtual time.
 *
 * now_ps is when the instance decides next. What it tells observers and the client (steps, requests
 * that left) lies at or after the decision before it, so the instance that decides earliest goes
 * on.
 */
#pragma once

#include "loop.h"
#include "pipeline.h"

/* What all instances of a run share. */
typedef struct {
  const Loop *loop;
  RunOutcome *outcome;
  Observer *const *step_observers; /* of the loop's, those that are told of steps */
  guint n_step_observers;
  gint64 published_ps; /* when the instances told their loads last */
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
  const CostPiece *told_cost; /* of the step in flight; NULL: the executor knows none */
  Step *step;                 /* being decided */
  Step *flying;               /* executed, not settled; meaningful while in_flight */
  StepTiming timing;          /* of the step in flight, and the next four */
  gint64 start_ps;
  guint64 start_index;
  gint64 queued_ps; /* in a pipeline: how long it waits for stages */
  guint32 tokens;   /* that each repeat yields */
  gboolean in_flight;
  gint64 now_ps;
  guint64 step_index;       /* of the step being decided */
  gboolean waits;           /* it has nothing to do before a request arrives or a copy ends */
  guint64 idle_since;       /* step index of the last token or arrival */
  gboolean preempted_since; /* a preemption since then */
  Pipeline *pipeline;       /* NULL: one stage, one step in flight */
  CopyLink link;            /* of native offload, or of swapping beside the steps */
  CopyLink disk_link;       /* between the host and its disk */
  gint64 waited_ps;         /* for copies, since the last step was executed */
  gint64 told_waited_ps;    /* for copies, before the step in flight */
  gint64 starved_ps, told_starved_ps; /* the same two, times the sequences that starved meanwhile */
  gint64 empty_ps;                    /* when the last empty decision was made */
  GError *failure;                    /* of the executor's copies: it ends the run */
} Instance;

void instance_init(Instance *self, const Run *run, guint number);
void instance_clear(Instance *self);

/* TRUE if copies run beside the steps. */
static inline gboolean
instance_copies(const Instance *self)
{
  return self->scheduler->copies_beside;
}

/* Submits the copies that are due; for the begin of a step, an empty one included. Returns how long
 * the step waits for flushed jobs of native offload. */
gint64 instance_submit_copies(Instance *self);
static inline gint64
instance_begin_copies(Instance *self)
{
  return instance_copies(self) ? instance_submit_copies(self) : 0;
}
/* Lengthens the executed step by its wait for copies, and by what copies beside it slow it. */
void instance_add_copies(Instance *self, gint64 wait_ps);
/* Reports the copies that were over at by_ps. TRUE if there were any. */
gboolean instance_report_copies(Instance *self, gint64 by_ps);
static inline gboolean
instance_end_copies(Instance *self, gint64 by_ps)
{
  return instance_copies(self) && instance_report_copies(self, by_ps);
}
/* The same at an empty decision. */
gboolean instance_end_copies_while_idle(Instance *self);

/* When an idle engine has something to do: at an arrival or the end of a copy; recordings skip to
 * the arrival where there is one. G_MAXINT64: neither is known. */
gint64 instance_idle_until_ps(const Instance *self);
/* Goes on to then. FALSE if neither is known. */
gboolean instance_idle(Instance *self);
/* TRUE if no sequence is left, and nothing of one that left is still to be stored on the host. */
gboolean instance_is_over(const Instance *self);

/* A step's flight (flight.c). Executes the decided step, after the one in flight, and moves now_ps
 * to the next decision. Repeats end when until_ps has passed; a pipeline has none. FALSE if the
 * executor failed. */
gboolean instance_execute(Instance *self, gint64 until_ps, GError **error);
/* Ends the oldest step in flight, of which there must be one: now_ps becomes its end, and observers
 * are told of it and of the requests that left. */
void instance_land(Instance *self);
void instance_land_all(Instance *self);
/* The engine died in the decision: tells the step, which is not executed. */
void instance_die(Instance *self);
/* Tells the run's observers of a request that left. */
void run_tell_request(const Run *run, const RequestResult *result);
