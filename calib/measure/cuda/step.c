/* Whole steps on the CUDA device, run by what the program gave for it. One model's weights are kept
 * until another's are asked for, or the memory is.
 *
 * A step is timed from its inputs' upload to its tokens, by events and with the stream free: as the
 * executor times its layers and its head, launches that the device waits for among it. The host's
 * time before and after is no part, since a server's is another, and the device's file has it.
 */
#include "config.h"

#include "internal.h"

enum { STEP_NEW, STEP_CACHED, STEP_DECODES, STEP_CONTEXT };

void
bench_cuda_close_runner(BenchCuda *self)
{
  if (self->runner != NULL)
    self->steps->close(self->runner);
  self->runner = NULL;
}

static gboolean
prepare(BenchCuda *self, const Model *model, const BenchStepShape *shape, GError **error)
{
  if (self->runner_model != model)
    bench_cuda_close_runner(self);
  self->runner_model = model;
  if (self->runner == NULL)
    self->runner = self->steps->open(model, error);
  return self->runner != NULL && self->steps->prepare(self->runner, shape, error);
}

gboolean
bench_cuda_measure_step(BenchCuda *self, const BenchRequest *request, const BenchStop *stop,
                        BenchTiming *timing, GError **error)
{
  const gint64 *s = request->key->shape;
  const BenchStepShape shape = {
      .new_tokens = (guint32)s[STEP_NEW],
      .cached_tokens = (guint32)s[STEP_CACHED],
      .decodes = (guint32)s[STEP_DECODES],
      .context = (guint32)s[STEP_CONTEXT],
      .is_graph = g_str_equal(request->key->variant, STEP_GRAPH),
  };
  TimingRequest timed = {.is_unheld = true};

  if (self->steps == NULL || request->model == NULL)
    return bench_cuda_unsupported(error, "this program runs no steps");
  if (!prepare(self, request->model, &shape, error))
    return FALSE;
  timed.prepare = self->steps->plan;
  timed.call = self->steps->run;
  timed.data = self->runner;
  if (!bench_cuda_time(self, &timed, stop, timing, NULL, error))
    return FALSE;
  timing->kernel = self->kernels;
  return TRUE;
}
