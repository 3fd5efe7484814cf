/* The live executors: the scheduler's steps are computed, and their measured times are the run's.
 *
 * The planner (planner.h) stands between the loop and a device (device.h). A step's time is from
 * its plan to its tokens on the host, without the time of scheduler and observers; idle time is
 * skipped, as in a simulation. Every step runs by itself, also one that could be repeated.
 */
#pragma once

#include "device.h"
#include "planner.h"
#include "sim/executor.h"
#include "sim/executor_replay.h"

typedef struct LiveExecutor LiveExecutor;

/* For the table of executors. An executor is made by live_executor_new(): create() is NULL. */
extern const ExecutorClass executor_cpu;
extern const ExecutorClass executor_gpu;

typedef struct {
  const ExecutorClass *class; /* executor_cpu, executor_gpu */
  LiveDevice *device;         /* borrowed, and used by nobody else meanwhile */
  const Model *model;
  PlannerConfig planner;
  GArray *copies_ended; /* of RecordedCopies: every answer of end_copies() is added; may be NULL */
} LiveExecutorConfig;

LiveExecutor *live_executor_new(const LiveExecutorConfig *config);
/* For the loop; freed with executor_free(). */
Executor *live_executor_base(LiveExecutor *self);
/* Must be among the loop's observers, so that requests that leave give their blocks back. */
Observer *live_executor_observer(LiveExecutor *self);

/* The tokens that a request generated, `*n` of them; borrowed. */
const gint32 *live_executor_output(const LiveExecutor *self, guint32 request, guint32 *n);
