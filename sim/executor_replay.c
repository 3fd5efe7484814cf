#include "executor_replay.h"

#include "units.h"

G_DEFINE_QUARK(spillway - replay - error, replay_error)

typedef struct {
  Executor base;
  const RecordedStep *steps;
  gsize n, next;
  guint32 done; /* repeats of the next one that were replayed */
  gboolean measured;
  const RecordedCopies *copies;
  gsize n_copies, next_copies;
} ReplayExecutor;

/* A step's shape; times are 0. */
static RecordedStep
recorded_step_shape(const Step *step)
{
  return (RecordedStep){
      .sequences = step->n_sequences,
      .decodes = step->n_decodes,
      .tokens = step->n_tokens,
      .preemptions = step->victims->len,
      .copy_out_blocks = step->copy_out_blocks,
      .copy_in_blocks = step->copy_in_blocks,
  };
}

RecordedStep
recorded_step(const StepReport *report)
{
  RecordedStep step = recorded_step_shape(report->step);

  step.step = report->step_index;
  step.repeats = report->repeats;
  step.first_ps = report->first_ps;
  step.growth_ps = report->growth_ps;
  step.recompute_overhead_ps = report->recompute_overhead_ps;
  for (guint c = 0; c < COST_COMPONENTS && report->cost != NULL; c++)
    step.component_ps[c] = report->cost->base_ps[c];
  return step;
}

static gboolean
has_shape(const RecordedStep *a, const RecordedStep *b)
{
  return a->sequences == b->sequences && a->decodes == b->decodes && a->tokens == b->tokens &&
         a->preemptions == b->preemptions && a->copy_out_blocks == b->copy_out_blocks &&
         a->copy_in_blocks == b->copy_in_blocks;
}

static char *
describe(const RecordedStep *shape)
{
  return g_strdup_printf("%u sequences (%u decodes) of %" G_GUINT64_FORMAT
                         " tokens, %u preemptions, %u blocks out and %u in",
                         shape->sequences, shape->decodes, shape->tokens, shape->preemptions,
                         shape->copy_out_blocks, shape->copy_in_blocks);
}

static gboolean
departs(const ReplayExecutor *self, const RecordedStep *found, GError **error)
{
  const RecordedStep *recorded = self->next < self->n ? &self->steps[self->next] : NULL;
  g_autofree char *is = describe(found);
  g_autofree char *was = recorded != NULL ? describe(recorded) : g_strdup("nothing more");

  g_set_error(error, REPLAY_ERROR, REPLAY_ERROR_DEPARTED,
              "the schedule departs from the recording at its line %" G_GSIZE_FORMAT
              " (step %" G_GUINT64_FORMAT "): decided was %s; recorded is %s",
              self->next + 1,
              recorded != NULL ? recorded->step + self->done
              : self->n > 0    ? self->steps[self->n - 1].step + self->steps[self->n - 1].repeats
                               : 0,
              is, was);
  return FALSE;
}

/* A recorded line may stand for more repeats than the step at hand, or for fewer. */
static gboolean
run(Executor *base, const Step *step, const RepeatLimit *limit, StepTiming *timing, GError **error)
{
  ReplayExecutor *self = (ReplayExecutor *)base;
  RecordedStep shape = recorded_step_shape(step);
  const RecordedStep *recorded;

  if (self->next == self->n || !has_shape(&shape, &self->steps[self->next]))
    return departs(self, &shape, error);
  recorded = &self->steps[self->next];
  for (guint c = 0; c < COST_COMPONENTS; c++) {
    timing->cost.base_ps[c] = recorded->component_ps[c];
    timing->cost.measured_ps[c] = self->measured ? recorded->component_ps[c] : 0;
  }
  timing->cost.base_ps[COST_ATTENTION] += self->done * recorded->growth_ps;
  timing->cost.growth_ps = timing->growth_ps = recorded->growth_ps;
  timing->cost.growth_measured = self->measured;
  timing->recompute_overhead_ps = recorded->recompute_overhead_ps;
  timing->first_ps = recorded->first_ps + self->done * recorded->growth_ps;
  timing->repeats = repeats_until(timing->first_ps, timing->growth_ps,
                                  MIN(step->repeat, recorded->repeats - self->done), limit);
  timing->cost.steps = timing->repeats;
  timing->elapsed_ps = repeats_elapsed_ps(timing->first_ps, timing->growth_ps, timing->repeats);
  self->done += timing->repeats;
  if (self->done == recorded->repeats) {
    self->next++;
    self->done = 0;
  }
  return TRUE;
}

/* A schedule that asks at another time than the recorded one departs from it. */
static gboolean
end_copies(Executor *base, gint64 now_ps, gboolean waits, CopiesEnded *ended, GError **error)
{
  ReplayExecutor *self = (ReplayExecutor *)base;
  const RecordedCopies *recorded =
      self->next_copies < self->n_copies ? &self->copies[self->next_copies] : NULL;

  if (recorded == NULL || recorded->now_ps != now_ps || recorded->waits != waits) {
    g_set_error(error, REPLAY_ERROR, REPLAY_ERROR_DEPARTED,
                "the schedule departs from the recording: copies beside the steps are under way at "
                "%.9f s, where the recording has %s",
                ps_to_s(now_ps), recorded != NULL ? "them at another time" : "none");
    return FALSE;
  }
  *ended = recorded->ended;
  self->next_copies++;
  return TRUE;
}

static void
replay_free(Executor *self)
{
  g_free(self);
}

Executor *
executor_replay_new(const RecordedStep *steps, gsize n, gboolean measured,
                    const RecordedCopies *copies, gsize n_copies)
{
  ReplayExecutor *self = g_new0(ReplayExecutor, 1);

  self->base.class = &executor_replay;
  self->steps = steps;
  self->n = n;
  self->measured = measured;
  self->copies = copies;
  self->n_copies = n_copies;
  return &self->base;
}

gsize
executor_replay_left(const Executor *executor)
{
  const ReplayExecutor *self = (const ReplayExecutor *)executor;

  return self->n - self->next;
}

const ExecutorClass executor_replay = {
    .name = "replay",
    .help = "durations that an earlier run recorded (--replay)",
    .tells_cost = TRUE,
    .run = run,
    .end_copies = end_copies,
    .free = replay_free,
};
