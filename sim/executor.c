#include "executor.h"

const ExecutorClass *const executor_classes[] = {
    &executor_model,
    &executor_unit,
    NULL,
};

gboolean
executor_run(Executor *self, const Step *step, const RepeatLimit *limit, StepTiming *timing,
             GError **error)
{
  *timing = (StepTiming){.repeats = 1};
  if (!self->class->run(self, step, limit, timing, error))
    return FALSE;
  g_assert(timing->repeats >= 1 && timing->repeats <= step->repeat && timing->first_ps >= 0);
  return TRUE;
}

void
executor_free(Executor *self)
{
  if (self != NULL)
    self->class->free(self);
}

guint32
repeats_until(gint64 first_ps, gint64 growth_ps, guint32 n, const RepeatLimit *limit)
{
  guint32 low = 1, high = n;

  while (low < high) {
    guint32 middle = low + (high - low) / 2;
    if (repeats_elapsed_ps(first_ps, growth_ps, middle - limit->lookahead) >= limit->until_ps)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}
