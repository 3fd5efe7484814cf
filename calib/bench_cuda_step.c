/* Whole steps on the CUDA device, run by what the program gave for it. One model's weights are kept
 * until another's are asked for, or the memory is.
 */
#include "config.h"

#include "bench_cuda_internal.h"

enum { STEP_NEW, STEP_CACHED, STEP_DECODES, STEP_CONTEXT };

gboolean
bench_cuda_close_runner(BenchCuda *self)
{
  gpointer runner = g_steal_pointer(&self->runner);

  self->runner_model = NULL;
  if (runner == NULL)
    return FALSE;
  self->steps->close(runner);
  return TRUE;
}

static gboolean
prepare(BenchCuda *self, const Model *model, const BenchStepShape *shape, GError **error)
{
  if (self->runner != NULL && self->runner_model != model)
    bench_cuda_close_runner(self);
  if (self->runner == NULL) {
    self->runner = self->steps->open(model, error);
    self->runner_model = model;
  }
  return self->runner != NULL && self->steps->prepare(self->runner, shape, error);
}

/* Once more with all that other measurements keep. */
static gboolean
prepare_with_room(BenchCuda *self, const Model *model, const BenchStepShape *shape, GError **error)
{
  g_autoptr(GError) failure = NULL;

  if (prepare(self, model, shape, &failure))
    return TRUE;
  if (g_error_matches(failure, BENCH_ERROR, BENCH_ERROR_MEMORY)) {
    bench_cuda_close_runner(self);
    bench_cuda_free_card(self);
    g_clear_error(&failure);
    if (prepare(self, model, shape, &failure))
      return TRUE;
  }
  bench_cuda_close_runner(self);
  g_propagate_error(error, g_steal_pointer(&failure));
  return FALSE;
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
  TimingRequest timed = {.is_synchronous = true}; /* the host's part of a step is in it */

  if (self->steps == NULL || request->model == NULL)
    return bench_cuda_unsupported(error, "this program runs no steps");
  if (!prepare_with_room(self, request->model, &shape, error))
    return FALSE;
  timed.call = self->steps->run;
  timed.data = self->runner;
  return bench_cuda_time(self, &timed, stop, timing, NULL, error);
}
