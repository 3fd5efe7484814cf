/* The unit executor: every step takes one second. Its schedules are compared with those recorded
 * from real engines, which count steps; an idle engine goes on counting.
 */
#include "executor.h"

#include "units.h"

static gboolean
run(Executor *self G_GNUC_UNUSED, const Step *step, const RepeatLimit *limit, StepTiming *timing,
    GError **error G_GNUC_UNUSED)
{
  if (step->takes_no_time)
    return TRUE;
  timing->first_ps = PS_PER_S;
  timing->repeats = repeats_until(PS_PER_S, 0, step->repeat, limit);
  timing->elapsed_ps = repeats_elapsed_ps(PS_PER_S, 0, timing->repeats);
  return TRUE;
}

static void
unit_free(Executor *self)
{
  g_free(self);
}

static Executor *
create(CostModel *cost G_GNUC_UNUSED)
{
  Executor *self = g_new0(Executor, 1);
  self->class = &executor_unit;
  return self;
}

const ExecutorClass executor_unit = {
    .name = "unit",
    .help = "every step takes one second, the scheduler alone: for comparing decisions",
    .idle_tick_ps = PS_PER_S,
    .bare_scheduler = TRUE,
    .run = run,
    .create = create,
    .free = unit_free,
};
