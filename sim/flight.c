/* A step's flight: it takes off, is counted and lands, and observers are told.
 *
 * With asynchronous scheduling one step is in flight while the next is decided; in a pipeline as
 * many as it has stages, and the instance holds the fields of the oldest when it lands. A step is a
 * few hundred instructions in all, so functions with one caller are static, for the compiler to put
 * in line.
 */
#include "instance.h"

#include "units.h"

void
run_tell_request(const Run *run, const RequestResult *result)
{
  for (guint i = 0; i < run->loop->n_observers; i++)
    if (run->loop->observers[i]->request != NULL)
      run->loop->observers[i]->request(run->loop->observers[i], result);
}

static void
note_host_peak(Instance *self)
{
  const Step *step = self->flying;
  guint32 used =
      self->scheduler->pool.host_total_blocks - step->host_free_blocks + step->tier_used_blocks;

  self->outcome->peak_host_blocks = MAX(self->outcome->peak_host_blocks, used);
}

static void
tell_step(Instance *self)
{
  const Run *run = self->run;
  const Scheduler *scheduler = self->scheduler;
  const StepReport report = {
      .instance = self->number,
      .step = self->flying,
      .step_index = self->start_index,
      .repeats = self->timing.repeats,
      .start_ps = self->start_ps,
      .first_ps = self->timing.first_ps,
      .growth_ps = self->timing.growth_ps,
      .elapsed_ps = self->timing.elapsed_ps,
      .queued_ps = self->queued_ps,
      .cost = self->told_cost,
      .recompute_overhead_ps = self->timing.recompute_overhead_ps,
      .tokens = self->tokens,
      .waited_ps = self->told_waited_ps,
      .starved_ps = self->told_starved_ps,
      .gaps = (const TokenGap *)(gpointer)scheduler->gaps->data,
      .n_gaps = scheduler->gaps->len,
      .finished = (const guint32 *)(gpointer)scheduler->just_finished->data,
      .n_finished = scheduler->just_finished->len,
      .gpu_free_end_blocks = scheduler->pool.free_blocks,
      .gpu_unheld_end_blocks = pool_unheld_blocks(&scheduler->pool),
  };

  for (guint i = 0; i < run->n_step_observers; i++)
    run->step_observers[i]->step(run->step_observers[i], &report);
}

static void
tell_left(Instance *self)
{
  Sequence *sequence;

  while ((sequence = scheduler_take_left(self->scheduler)) != NULL) {
    if (sequence->result.status == STATUS_FINISHED)
      self->outcome->finished++;
    else
      self->outcome->ignored++;
    run_tell_request(self->run, &sequence->result);
    client_leave(self->loop->client, sequence->request, sequence->result.finish_ps);
    scheduler_recycle(self->scheduler, sequence);
  }
}

/* The step in `flying` is over. */
static void
land(Instance *self)
{
  self->now_ps = self->start_ps + self->timing.elapsed_ps;
  self->in_flight = FALSE;
  if (self->scheduler->lost_tokens > 0) {
    self->tokens -= self->scheduler->lost_tokens;
    self->outcome->tokens -= self->scheduler->lost_tokens;
  }
  scheduler_settle(self->scheduler, self->flying, self->start_ps + self->timing.first_ps,
                   self->now_ps);
  instance_end_copies(self, self->now_ps);
  tell_step(self);
  if (self->scheduler->left.head != NULL)
    tell_left(self);
}

/* In a pipeline the oldest step in flight lands; there must be one. */
static void
pipeline_land(Instance *self)
{
  Flight flight = {.step = self->flying};
  gint64 now_ps = self->now_ps;

  pipeline_pop(self->pipeline, &flight);
  self->flying = flight.step;
  self->timing = flight.timing;
  self->start_ps = flight.start_ps;
  self->queued_ps = flight.queued_ps;
  self->start_index = flight.start_index;
  self->tokens = flight.tokens;
  land(self);
  self->now_ps = MAX(self->now_ps, now_ps);
  self->in_flight = !pipeline_is_empty(self->pipeline);
}

/* Puts the step that took off behind those in flight. If nothing can be decided before the oldest
 * lands, that one lands. */
static void
pipeline_enter(Instance *self)
{
  Flight flight = {.step = self->flying,
                   .timing = self->timing,
                   .start_ps = self->start_ps,
                   .queued_ps = self->queued_ps,
                   .start_index = self->start_index,
                   .tokens = self->tokens};

  pipeline_push(self->pipeline, &flight);
  self->flying = flight.step;
  if (pipeline_waits(self->pipeline, self->now_ps))
    pipeline_land(self);
}

void
instance_land(Instance *self)
{
  if (self->pipeline != NULL)
    pipeline_land(self);
  else
    land(self);
}

void
instance_land_all(Instance *self)
{
  while (self->in_flight)
    instance_land(self);
}

/* Starts the decided step, whose tokens count as computed from here on, and swaps the buffers for
 * the next decision. FALSE with an error if the executor failed. */
static gboolean
take_off(Instance *self, gint64 until_ps, GError **error)
{
  const RepeatLimit limit = {
      .start_ps = self->now_ps,
      .until_ps = MIN(until_ps, TIME_MAX_PS + 1) - self->now_ps,
      .lookahead = self->async ? 1 : 0,
  };
  Step *step = self->step;
  gint64 wait_ps = instance_begin_copies(self);

  self->step = self->flying;
  self->flying = step;
  self->start_ps =
      self->pipeline != NULL ? pipeline_start_ps(self->pipeline, self->now_ps) : self->now_ps;
  self->start_index = self->step_index;
  self->told_waited_ps = self->waited_ps;
  self->told_starved_ps = self->starved_ps;
  self->waited_ps = self->starved_ps = 0;
  if (!executor_run(self->executor, step, &limit, &self->timing, error))
    return FALSE;
  if (instance_copies(self))
    instance_add_copies(self, wait_ps);
  if (self->pipeline != NULL)
    self->queued_ps = pipeline_flow(self->pipeline, self->start_ps, &self->timing);
  self->in_flight = TRUE;
  if (self->has_host)
    note_host_peak(self);
  self->tokens = scheduler_advance(self->scheduler, step, self->timing.repeats, self->start_ps);
  return TRUE;
}

/* For an engine that counts steps by the clock a decision that takes no time is one step with the
 * next. */
static gboolean
counts_no_step(const Instance *self)
{
  return self->flying->takes_no_time && self->executor->class->idle_tick_ps > 0 && !self->async;
}

static void
count_step(Instance *self)
{
  guint32 repeats = self->timing.repeats;
  RunOutcome *outcome = self->outcome;

  outcome->tokens += (guint64)self->tokens * repeats;
  outcome->lines += repeats;
  outcome->last_step = self->step_index + repeats - 1;
  if (!counts_no_step(self))
    self->step_index += repeats;
  if (self->flying->victims->len > 0) {
    outcome->preemptions += self->flying->victims->len;
    self->preempted_since = TRUE;
  }
  if (self->tokens > 0) {
    self->idle_since = self->step_index;
    self->preempted_since = FALSE;
  }
}

/* TRUE if the decision has no work for the device and takes no time. One that only preempts takes
 * none in a pipeline, nor with asynchronous scheduling while the device works. */
static gboolean
takes_no_time(const Instance *self)
{
  gboolean device_works = self->in_flight && self->flying->n_sequences > 0;

  return !step_has_work(self->step) &&
         (self->pipeline != NULL || self->step->victims->len == 0 || (self->async && device_works));
}

gboolean
instance_execute(Instance *self, gint64 until_ps, GError **error)
{
  self->step->takes_no_time = takes_no_time(self);
  if (self->in_flight && self->pipeline == NULL)
    land(self);
  if (!take_off(self, until_ps, error))
    return FALSE;
  count_step(self);
  if (self->pipeline != NULL)
    pipeline_enter(self);
  else if (self->async && (step_has_work(self->flying) || self->flying->takes_no_time))
    self->now_ps =
        self->start_ps +
        repeats_elapsed_ps(self->timing.first_ps, self->timing.growth_ps, self->timing.repeats - 1);
  else
    land(self);
  return TRUE;
}

void
instance_die(Instance *self)
{
  Step *step = self->step;

  self->step = self->flying;
  self->flying = step;
  self->timing = (StepTiming){.repeats = 1};
  self->tokens = 0;
  self->start_ps = self->now_ps;
  self->start_index = self->step_index;
  self->scheduler->just_finished->len = self->scheduler->gaps->len = 0;
  tell_step(self);
  tell_left(self);
  self->outcome->preemptions += step->victims->len;
  self->outcome->lines++;
  self->outcome->last_step = self->step_index;
}
