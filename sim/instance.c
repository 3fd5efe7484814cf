#include "instance.h"

#include "layerwise.h"
#include "units.h"

static gboolean
lists_decodes(const Loop *loop, const Executor *executor)
{
  gboolean needed = executor->class->needs_decodes;

  for (guint i = 0; i < loop->n_observers; i++)
    needed |= loop->observers[i]->needs_decodes;
  return needed;
}

static gboolean
tells_plans(const Loop *loop)
{
  gboolean needed = FALSE;

  for (guint i = 0; i < loop->n_observers; i++)
    needed |= loop->observers[i]->needs_plans;
  return needed;
}

void
instance_init(Instance *self, const Run *run, guint number)
{
  const LoopInstance *parts = &run->loop->instances[number];
  guint32 block_size = parts->scheduler->config.block_size;
  guint32 period = parts->scheduler->clock.period;

  *self = (Instance){
      .run = run,
      .loop = run->loop,
      .outcome = run->outcome,
      .number = number,
      .scheduler = parts->scheduler,
      .executor = parts->executor,
      .has_host = parts->scheduler->pool.host_total_blocks > 0 || parts->scheduler->offload != NULL,
      .async = parts->scheduler->config.async_scheduling,
      .step = step_new(block_size, period),
      .flying = step_new(block_size, period),
  };
  if (self->executor->class->needs_cost || self->executor->class->tells_cost)
    self->told_cost = &self->timing.cost;
  if (scheduler_is_pipelined(self->scheduler))
    self->pipeline = pipeline_new(self->scheduler->config.pipeline_parallel_size,
                                  self->scheduler->config.layers, block_size);
  self->scheduler->list_decodes = lists_decodes(run->loop, self->executor);
  self->scheduler->tell_plans = tells_plans(run->loop);
  self->link.side_by_side = self->executor->class->bare_scheduler;
  self->disk_link.side_by_side = self->link.side_by_side;
}

void
instance_clear(Instance *self)
{
  step_free(self->step);
  step_free(self->flying);
  g_clear_error(&self->failure);
  pipeline_free(self->pipeline);
}

gboolean
instance_is_over(const Instance *self)
{
  return scheduler_unfinished(self->scheduler) == 0 &&
         (self->scheduler->offload == NULL || !offload_wants_decision(self->scheduler->offload));
}

/* How long a copy takes, alone on the link. */
static gint64
copy_duration(gpointer data, CopyDirection direction, guint32 blocks)
{
  const Instance *self = data;
  gint64 tick_ps = self->executor->class->idle_tick_ps;

  if (tick_ps > 0)
    return self->loop->unit_copy_steps * tick_ps;
  return scheduler_copy_ps(self->scheduler, direction, blocks);
}

gint64
instance_submit_copies(Instance *self)
{
  Offload *offload = self->scheduler->offload;
  SwapCopies *swap_copies = self->scheduler->swap_copies;

  if (swap_copies != NULL)
    swap_copies_submit(swap_copies, self->now_ps, &self->link, &self->disk_link, copy_duration,
                       self);
  if (offload == NULL)
    return 0;
  return offload_begin_step(offload, self->now_ps, &self->link, copy_duration, self);
}

/* Adds to the step's duration, as a cost of that component. */
static void
lengthen(Instance *self, CostComponent component, gint64 by_ps)
{
  g_assert(by_ps == 0 || self->timing.repeats == 1);
  self->timing.first_ps += by_ps;
  self->timing.elapsed_ps += by_ps;
  self->timing.cost.base_ps[component] += by_ps;
}

/* Native offload: what copies add to a step, for as long as they run beside it. */
static gint64
offload_contention_ps(const CopyContention *contention, gint64 busy_ps, gint64 computes_ps)
{
  return (gint64)(contention->step * (double)MIN(busy_ps, computes_ps));
}

/* Copies were timed alone; beside a step that begins at begin_ps they take longer. */
static void
slow_copies(Instance *self, gint64 begin_ps, gboolean prefills)
{
  const CostModel *cost = self->scheduler->config.cost;
  gint64 end_ps = begin_ps + self->timing.first_ps, *last_ps = &self->scheduler->last_layers_ps;

  for (CopyDirection d = COPY_OUT; d <= COPY_IN; d++) {
    const CopyContention contention = cost_model_contention(cost, d, prefills);
    swap_copies_slow(self->scheduler->swap_copies, &self->link, d, begin_ps, end_ps,
                     contention.copy);
    if (d == COPY_IN && *last_ps > begin_ps)
      *last_ps = swap_copies_slowed_end_ps(*last_ps, begin_ps, end_ps, contention.copy);
  }
}

/* Layer by layer: a step that is shorter than was thought waits for the last part of a copy in. */
static void
wait_for_layers(Instance *self, gint64 begin_ps)
{
  gint64 copy_ps = self->scheduler->last_layers_ps - begin_ps, least_ps;

  if (copy_ps <= 0)
    return;
  least_ps = layerwise_least_ps(self->scheduler->config.cost, &self->timing.cost, copy_ps);
  lengthen(self, COST_SWAP_IN, MAX(0, least_ps - self->timing.first_ps));
}

static gboolean
swaps_beside(const Instance *self, gint64 begin_ps)
{
  return swap_copies_are_under_way(self->scheduler->swap_copies) ||
         self->scheduler->last_layers_ps > begin_ps;
}

/* Of what the step takes so much was measured. */
static void
note_measured(CostPiece *piece, CostComponent component, gint64 ps)
{
  if (piece->is_modelled)
    cost_piece_clear_measured(piece);
  piece->is_modelled = FALSE;
  piece->measured_ps[component] += ps;
}

void
instance_add_copies(Instance *self, gint64 wait_ps)
{
  const CostModel *cost = self->scheduler->config.cost;
  const SwapCopies *swap_copies = self->scheduler->swap_copies;
  gint64 computes_ps = self->timing.first_ps, begin_ps = self->start_ps + wait_ps;
  gboolean prefills = self->flying->n_decodes < self->flying->n_sequences;

  lengthen(self, COST_SWAP_OUT, wait_ps);
  if (!self->executor->class->needs_cost || computes_ps == 0 ||
      (swap_copies != NULL && !swaps_beside(self, begin_ps)))
    return;
  for (CopyDirection d = COPY_OUT; d <= COPY_IN; d++) {
    CostComponent component = d == COPY_OUT ? COST_SWAP_OUT : COST_SWAP_IN;
    gint64 busy_ps = copy_link_busy_ps(&self->link, d, begin_ps), by_ps;
    const CopyContention contention = cost_model_contention(cost, d, prefills);
    by_ps = swap_copies != NULL ? copy_contention_step_ps(&contention, busy_ps, computes_ps)
                                : offload_contention_ps(&contention, busy_ps, computes_ps);
    lengthen(self, component, by_ps);
    if (contention.measured)
      note_measured(&self->timing.cost, component, by_ps);
  }
  if (swap_copies != NULL) {
    slow_copies(self, begin_ps, prefills);
    wait_for_layers(self, begin_ps);
  }
}

/* Asks an executor that makes the copies which have ended. A copy that fails ends the run. */
static void
ask_that_executor(Instance *self, gint64 now_ps, gboolean waits)
{
  const ExecutorClass *class = self->executor->class;
  SwapCopies *copies = self->scheduler->swap_copies;
  CopiesEnded ended = {.waited_ps = 0};

  if (self->failure != NULL || !swap_copies_are_under_way(copies) ||
      !class->end_copies(self->executor, now_ps, waits, &ended, &self->failure))
    return;
  for (CopyDirection d = COPY_OUT; d < COPY_DIRECTIONS; d++)
    swap_copies_tell_ended(copies, d, ended.ended[d], now_ps + ended.waited_ps);
}

static inline void
ask_for_copies(Instance *self, gint64 now_ps, gboolean waits)
{
  if (self->executor->class->end_copies != NULL)
    ask_that_executor(self, now_ps, waits);
}

gboolean
instance_report_copies(Instance *self, gint64 by_ps)
{
  Offload *offload = self->scheduler->offload;

  if (self->scheduler->swap_copies != NULL) {
    ask_for_copies(self, by_ps, FALSE);
    return scheduler_end_copies(self->scheduler, by_ps);
  }
  return offload != NULL && offload_end_step(offload, by_ps);
}

/* Recordings of asynchronous scheduling show that the engine learns at an empty decision what was
 * over at the empty decision before it. */
gboolean
instance_end_copies_while_idle(Instance *self)
{
  gboolean late = self->executor->class->bare_scheduler &&
                  self->scheduler->config.async_scheduling && self->scheduler->offload != NULL;
  gint64 by_ps = late ? self->empty_ps : self->now_ps;

  self->empty_ps = self->now_ps;
  return instance_end_copies(self, by_ps);
}

gint64
instance_idle_until_ps(const Instance *self)
{
  const Offload *offload = self->scheduler->offload;
  gint64 arrival_ps = loop_next_arrival_ps(self->loop);
  const SwapCopies *swap_copies = self->scheduler->swap_copies;
  gint64 copy_ps = offload != NULL       ? offload_next_end_ps(offload)
                   : swap_copies != NULL ? swap_copies_next_end_ps(
                                               swap_copies,
                                               scheduler_layers_ahead_ps(self->scheduler))
                                         : G_MAXINT64;

  if (self->executor->class->bare_scheduler && arrival_ps < G_MAXINT64 && swap_copies == NULL)
    return arrival_ps;
  return MIN(arrival_ps, copy_ps);
}

gboolean
instance_idle(Instance *self)
{
  gint64 tick_ps = self->executor->class->idle_tick_ps;
  gint64 until_ps, since_ps = self->now_ps;
  const SwapCopies *swap_copies = self->scheduler->swap_copies;

  if (swap_copies != NULL)
    ask_for_copies(self, self->now_ps, TRUE);
  until_ps = instance_idle_until_ps(self);
  if (until_ps == G_MAXINT64)
    return FALSE;
  if (tick_ps == 0) {
    self->now_ps = MAX(self->now_ps, until_ps);
  } else {
    gint64 wait_ps = MAX(0, until_ps - self->now_ps);
    gint64 ticks = self->step->idle_changes ? 1 : (wait_ps + tick_ps - 1) / tick_ps;
    self->now_ps += ticks * tick_ps;
    self->step_index += (guint64)ticks;
  }
  /* All that is left waits for copies: its own, or those that free blocks for it. */
  if (swap_copies != NULL && swap_copies_are_under_way(swap_copies)) {
    self->waited_ps += self->now_ps - since_ps;
    self->starved_ps += self->step->starved->len * (self->now_ps - since_ps);
  }
  return TRUE;
}
