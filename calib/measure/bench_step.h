/* Whole steps, as the executor runs them: an interface, because calib/ knows no executor. The
 * program that links both gives it to bench_cuda_new().
 */
#pragma once

#include "bench.h"
#include "kernels/timing.h"

/* One chunk of new_tokens after cached_tokens (or none), and decodes that read `context` each. */
typedef struct {
  guint32 new_tokens, cached_tokens, decodes, context;
  gboolean is_graph; /* what can be captured runs as CUDA graphs, else kernel by kernel */
} BenchStepShape;

typedef struct {
  /* Weights of the model on the current GPU. BENCH_ERROR_MEMORY or _UNSUPPORTED where it does not
   * fit, or cannot be run. */
  gpointer (*open)(const Model *model, GError **error);
  /* Makes a step ready to be run, in place of the one before. */
  gboolean (*prepare)(gpointer runner, const BenchStepShape *shape, GError **error);
  /* What the executor's host does for the step that was prepared before anything of it is enqueued,
   * then all that it enqueues; of a TimingRequest, whose data is the runner. */
  TimedCall plan, run;
  void (*close)(gpointer runner);
} BenchStepClass;
