/* The live executors: the scheduler's steps really run, and a step takes what it took.
 *
 * Between the loop and a device (device.h) stands the planner (planner.h). A step's time is from
 * its plan to its tokens on the host; what the scheduler and observers take is not in it, and idle
 * time is skipped, as in a simulation. One step at a time: a step that could be repeated is not.
 */
#pragma once

#include "device.h"
#include "planner.h"
#include "sim/executor.h"
#include "sim/executor_replay.h"

typedef struct LiveExecutor LiveExecutor;

/* What the command line knows of them; made by live_executor_new(), not by create(). */
extern const ExecutorClass executor_cpu;
extern const ExecutorClass executor_gpu;

typedef struct {
  const ExecutorClass *class; /* executor_cpu, executor_gpu */
  LiveDevice *device;         /* borrowed, and used by nobody else meanwhile */
  const Model *model;
  PlannerConfig planner;
  GArray *copies_ended; /* of RecordedCopies, where what end_copies() answers is added; NULL: nowhere */
} LiveExecutorConfig;

LiveExecutor *live_executor_new(const LiveExecutorConfig *config);
/* For the loop; freed with executor_free(). */
Executor *live_executor_base(LiveExecutor *self);
/* Must be among the loop's observers: requests that leave give their blocks back. */
Observer *live_executor_observer(LiveExecutor *self);

/* The tokens that a request got, `*n` of them; borrowed. */
const gint32 *live_executor_output(const LiveExecutor *self, guint32 request, guint32 *n);
