/* A step's flight: it takes off, is counted, lands, and is told. */
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
note_peaks(Instance *self)
{
  const Pool *pool = &self->scheduler->pool;
  const Step *step = self->flying;
  guint32 used = pool->total_blocks - step_unheld_blocks(step) +
                 (guint32)step_grown_blocks(step, self->timing.repeats);

  self->outcome->peak_gpu_blocks = MAX(self->outcome->peak_gpu_blocks, used);
  self->outcome->peak_host_blocks =
      MAX(self->outcome->peak_host_blocks,
          pool->host_total_blocks - step->host_free_blocks + step->tier_used_blocks);
}

static gboolean
tells_cost(const Executor *executor)
{
  return executor->class->needs_cost || executor->class->tells_cost;
}

void
instance_tell_step(Instance *self)
{
  const Loop *loop = self->loop;
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
      .cost = tells_cost(self->executor) ? &self->timing.cost : NULL,
      .recompute_overhead_ps = self->timing.recompute_overhead_ps,
      .tokens = self->tokens,
      .waited_ps = self->told_waited_ps,
      .gaps = (const TokenGap *)(gpointer)scheduler->gaps->data,
      .n_gaps = scheduler->gaps->len,
      .finished = (const guint32 *)(gpointer)scheduler->just_finished->data,
      .n_finished = scheduler->just_finished->len,
      .gpu_free_end_blocks = scheduler->pool.free_blocks,
      .gpu_unheld_end_blocks = pool_unheld_blocks(&scheduler->pool),
  };

  for (guint i = 0; i < loop->n_observers; i++)
    if (loop->observers[i]->step != NULL)
      loop->observers[i]->step(loop->observers[i], &report);
}

void
instance_tell_left(Instance *self)
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

/* The step in flight is done. */
void
instance_land(Instance *self)
{
  self->now_ps = self->start_ps + self->timing.elapsed_ps;
  self->in_flight = FALSE;
  self->tokens -= self->scheduler->lost_tokens;
  self->outcome->tokens -= self->scheduler->lost_tokens;
  scheduler_settle(self->scheduler, self->flying, self->start_ps + self->timing.first_ps,
                   self->now_ps);
  instance_end_copies(self, self->now_ps);
  instance_tell_step(self);
  if (self->scheduler->left.head != NULL)
    instance_tell_left(self);
}

/* The decided step starts now; the other buffer is for the next decision. */
gboolean
instance_take_off(Instance *self, gint64 until_ps, GError **error)
{
  const RepeatLimit limit = {
      .start_ps = self->now_ps,
      .until_ps = MIN(until_ps, TIME_MAX_PS + 1) - self->now_ps,
      .lookahead = self->scheduler->config.async_scheduling ? 1 : 0,
  };
  Step *step = self->step;
  gint64 wait_ps = instance_begin_copies(self);

  self->step = self->flying;
  self->flying = step;
  self->start_ps =
      self->pipeline != NULL ? pipeline_start_ps(self->pipeline, self->now_ps) : self->now_ps;
  self->start_index = self->step_index;
  self->told_waited_ps = self->waited_ps;
  self->waited_ps = 0;
  if (!executor_run(self->executor, step, &limit, &self->timing, error))
    return FALSE;
  if (instance_copies(self))
    instance_add_copies(self, wait_ps);
  if (self->pipeline != NULL)
    self->queued_ps = pipeline_flow(self->pipeline, self->start_ps, &self->timing);
  self->in_flight = TRUE;
  note_peaks(self);
  self->tokens = scheduler_advance(self->scheduler, step, self->timing.repeats, self->start_ps);
  return TRUE;
}

/* An engine that counts steps by the clock takes two decisions in one where the first takes no
 * time.
 */
static gboolean
counts_no_step(const Instance *self)
{
  return self->flying->takes_no_time && self->executor->class->idle_tick_ps > 0 &&
         !self->scheduler->config.async_scheduling;
}

void
instance_count_step(Instance *self)
{
  guint32 repeats = self->timing.repeats;

  self->outcome->preemptions += self->flying->victims->len;
  self->outcome->tokens += (guint64)self->tokens * repeats;
  self->outcome->lines += repeats;
  self->outcome->last_step = self->step_index + repeats - 1;
  if (!counts_no_step(self))
    self->step_index += repeats;
  self->preempted_since |= self->flying->victims->len > 0;
  if (self->tokens > 0) {
    self->idle_since = self->step_index;
    self->preempted_since = FALSE;
  }
}
