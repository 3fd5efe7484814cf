/* The loop: arrivals, a decision, its execution, its completion; again.
 *
 * With asynchronous scheduling the decision falls while the step before it is in flight: it sees
 * what had arrived when that one started, and starts when that one lands.
 * Everything that moves time or state is called from here, in one order, whatever the executor. An
 * empty decision jumps to the next arrival; with none left the engine is stuck. Steps that yield no
 * token while requests preempt each other are counted, so that a livelock ends the run.
 */
#include "loop.h"

#include "units.h"

/* Steps without a token after which an engine that preempts goes round in circles, and one that
 * does not (it may be prefilling something very long in very small chunks). */
#define LIVELOCK_STEPS 3000
/* The same where a request is still to arrive: it might end the circle, a queue's last seldom does.
 */
#define LIVELOCK_BEFORE_ARRIVAL_STEPS 100000
#define PATIENCE_STEPS 10000000

typedef struct {
  const Loop *loop;
  Step *step;        /* being decided */
  Step *flying;      /* executed, not yet settled; meaningful while in_flight */
  StepTiming timing; /* of the flying one, from here */
  gint64 start_ps;
  guint64 start_index;
  guint32 tokens;
  gboolean in_flight;
  CopyLink link;   /* native offload's */
  gint64 empty_ps; /* when the last decision was that was empty */
  RunOutcome *outcome;
  gint64 now_ps;
  guint64 step_index; /* of the step being decided */
  Client *client;
  guint64 idle_since;       /* step index of the last token or arrival */
  gboolean preempted_since; /* a preemption since then */
} State;

static void
tell_request(const State *s, const RequestResult *result)
{
  for (guint i = 0; i < s->loop->n_observers; i++)
    if (s->loop->observers[i]->request != NULL)
      s->loop->observers[i]->request(s->loop->observers[i], result);
}

static gint64
next_arrival_ps(const State *s)
{
  return s->client->next_ps;
}

static void
refuse(State *s, guint32 index, const char *reason)
{
  const Request *request = workload_request(s->client->workload, index);
  RequestResult result = request_result_untouched(index, request);

  result.status = STATUS_IGNORED;
  result.reason = reason;
  result.finish_ps = request->arrival_ps;
  s->outcome->ignored++;
  tell_request(s, &result);
  client_leave(s->client, request->arrival_ps);
}

static void
take_arrivals(State *s)
{
  while (next_arrival_ps(s) <= s->now_ps) {
    guint32 index = client_take(s->client);
    const Request *request = workload_request(s->client->workload, index);
    const char *reason = s->loop->executor->class->bare_scheduler
                             ? NULL
                             : scheduler_refuses(s->loop->scheduler, request);
    if (reason != NULL)
      refuse(s, index, reason);
    else
      scheduler_arrive(s->loop->scheduler, index);
    s->idle_since = s->step_index;
  }
}

/* How long a copy of native offload takes, alone on the link. */
static gint64
copy_duration(gpointer data, CopyDirection direction, guint32 blocks)
{
  const Loop *loop = data;

  if (loop->executor->class->idle_tick_ps > 0)
    return loop->unit_copy_steps * loop->executor->class->idle_tick_ps;
  return cost_model_copy_ps(loop->scheduler->config.cost, direction, blocks);
}

/* A step begins, even if it is empty: copies that are due are submitted. Returns how long it waits
 * for some of them. */
static gint64
begin_copies(State *s)
{
  Offload *offload = s->loop->scheduler->offload;

  if (offload == NULL)
    return 0;
  return offload_begin_step(offload, s->now_ps, &s->link, copy_duration, (gpointer)s->loop);
}

/* Copies that were over by then are reported. TRUE if there were any. */
static gboolean
end_copies(const State *s, gint64 by_ps)
{
  Offload *offload = s->loop->scheduler->offload;

  return offload != NULL && offload_end_step(offload, by_ps);
}

/* The same, at an empty decision. In recordings of asynchronous scheduling what the engine learns
 * then is what was so at its empty decision before. */
static gboolean
end_copies_while_idle(State *s)
{
  gboolean late =
      s->loop->executor->class->bare_scheduler && s->loop->scheduler->config.async_scheduling;
  gint64 by_ps = late ? s->empty_ps : s->now_ps;

  s->empty_ps = s->now_ps;
  return end_copies(s, by_ps);
}

/* When an idle engine has something to do: an arrival, or a copy that ends. Recordings skip to the
 * arrival where there is one. */
static gint64
idle_until_ps(const State *s)
{
  const Offload *offload = s->loop->scheduler->offload;
  gint64 arrival_ps = next_arrival_ps(s);
  gint64 copy_ps = offload != NULL ? offload_next_end_ps(offload) : G_MAXINT64;

  if (s->loop->executor->class->bare_scheduler && arrival_ps < G_MAXINT64)
    return arrival_ps;
  return MIN(arrival_ps, copy_ps);
}

/* Nothing to do now. FALSE if nothing will ever come. */
static gboolean
idle(State *s)
{
  gint64 tick_ps = s->loop->executor->class->idle_tick_ps;
  gint64 until_ps = idle_until_ps(s);

  if (until_ps == G_MAXINT64)
    return FALSE;
  if (tick_ps == 0) {
    s->now_ps = MAX(s->now_ps, until_ps);
  } else {
    gint64 wait_ps = MAX(0, until_ps - s->now_ps);
    gint64 ticks = s->step->idle_changes ? 1 : (wait_ps + tick_ps - 1) / tick_ps;
    s->now_ps += ticks * tick_ps;
    s->step_index += (guint64)ticks;
  }
  return TRUE;
}

static void
note_peaks(State *s)
{
  const Pool *pool = &s->loop->scheduler->pool;
  const Step *step = s->flying;
  guint32 used = pool->total_blocks - step->gpu_free_blocks +
                 (guint32)step_grown_blocks(step, s->timing.repeats);

  s->outcome->peak_gpu_blocks = MAX(s->outcome->peak_gpu_blocks, used);
  s->outcome->peak_host_blocks =
      MAX(s->outcome->peak_host_blocks,
          pool->host_total_blocks - step->host_free_blocks + step->tier_used_blocks);
}

static gboolean
tells_cost(const Executor *executor)
{
  return executor->class->needs_cost || executor->class->tells_cost;
}

static void
tell_step(State *s)
{
  const Scheduler *scheduler = s->loop->scheduler;
  const StepReport report = {
      .step = s->flying,
      .step_index = s->start_index,
      .repeats = s->timing.repeats,
      .start_ps = s->start_ps,
      .first_ps = s->timing.first_ps,
      .growth_ps = s->timing.growth_ps,
      .elapsed_ps = s->timing.elapsed_ps,
      .cost = tells_cost(s->loop->executor) ? &s->timing.cost : NULL,
      .recompute_overhead_ps = s->timing.recompute_overhead_ps,
      .tokens = s->tokens,
      .gaps = (const TokenGap *)(gpointer)scheduler->gaps->data,
      .n_gaps = scheduler->gaps->len,
      .finished = (const guint32 *)(gpointer)scheduler->just_finished->data,
      .n_finished = scheduler->just_finished->len,
      .gpu_free_end_blocks = scheduler->pool.free_blocks,
  };

  for (guint i = 0; i < s->loop->n_observers; i++)
    if (s->loop->observers[i]->step != NULL)
      s->loop->observers[i]->step(s->loop->observers[i], &report);
}

static void
tell_left(State *s)
{
  Sequence *sequence;

  while ((sequence = scheduler_take_left(s->loop->scheduler)) != NULL) {
    if (sequence->result.status == STATUS_FINISHED)
      s->outcome->finished++;
    else
      s->outcome->ignored++;
    tell_request(s, &sequence->result);
    client_leave(s->client, sequence->result.finish_ps);
    scheduler_recycle(s->loop->scheduler, sequence);
  }
}

/* The step in flight is done. */
static void
land(State *s)
{
  s->now_ps = s->start_ps + s->timing.elapsed_ps;
  s->in_flight = FALSE;
  s->tokens -= s->loop->scheduler->lost_tokens;
  s->outcome->tokens -= s->loop->scheduler->lost_tokens;
  scheduler_settle(s->loop->scheduler, s->flying, s->start_ps + s->timing.first_ps, s->now_ps);
  end_copies(s, s->now_ps);
  tell_step(s);
  tell_left(s);
}

static void
lengthen(State *s, CostComponent component, gint64 by_ps)
{
  g_assert(by_ps == 0 || s->timing.repeats == 1);
  s->timing.first_ps += by_ps;
  s->timing.elapsed_ps += by_ps;
  s->timing.cost.base_ps[component] += by_ps;
}

/* The step waits for copies before it computes, and computes beside others. */
static void
add_copies(State *s, gint64 wait_ps)
{
  CostModel *cost = s->loop->scheduler->config.cost;
  gint64 computes_ps = s->timing.first_ps, begin_ps = s->now_ps + wait_ps;

  lengthen(s, COST_SWAP_OUT, wait_ps);
  if (!s->loop->executor->class->needs_cost)
    return;
  for (CopyDirection d = COPY_OUT; d <= COPY_IN; d++) {
    gint64 beside_ps = MIN(copy_link_busy_ps(&s->link, d, begin_ps), computes_ps);
    lengthen(s, d == COPY_OUT ? COST_SWAP_OUT : COST_SWAP_IN,
             cost_model_contention_ps(cost, d, beside_ps));
  }
}

/* The decided step starts now; the other buffer is for the next decision. */
static gboolean
take_off(State *s, GError **error)
{
  const RepeatLimit limit = {
      .until_ps = MIN(next_arrival_ps(s), TIME_MAX_PS + 1) - s->now_ps,
      .lookahead = s->loop->scheduler->config.async_scheduling ? 1 : 0,
  };
  Step *step = s->step;
  gint64 wait_ps = begin_copies(s);

  s->step = s->flying;
  s->flying = step;
  s->start_ps = s->now_ps;
  s->start_index = s->step_index;
  if (!executor_run(s->loop->executor, step, &limit, &s->timing, error))
    return FALSE;
  if (s->loop->scheduler->offload != NULL)
    add_copies(s, wait_ps);
  s->in_flight = TRUE;
  note_peaks(s);
  s->tokens = scheduler_advance(s->loop->scheduler, step, s->timing.repeats, s->start_ps);
  return TRUE;
}

/* An engine that counts steps by the clock takes two decisions in one where the first takes no
 * time.
 */
static gboolean
counts_no_step(const State *s)
{
  return s->flying->takes_no_time && s->loop->executor->class->idle_tick_ps > 0 &&
         !s->loop->scheduler->config.async_scheduling;
}

static void
count_step(State *s)
{
  guint32 repeats = s->timing.repeats;

  s->outcome->preemptions += s->flying->victims->len;
  s->outcome->tokens += (guint64)s->tokens * repeats;
  s->outcome->lines += repeats;
  s->outcome->last_step = s->step_index + repeats - 1;
  if (!counts_no_step(s))
    s->step_index += repeats;
  s->preempted_since |= s->flying->victims->len > 0;
  if (s->tokens > 0) {
    s->idle_since = s->step_index;
    s->preempted_since = FALSE;
  }
}

/* Executes the decided step, after the one in flight. Leaves the time at the next decision. With
 * asynchronous scheduling a decision that only preempts takes no time where the device is at work;
 * where it is not, it is over before the next is taken. */
static gboolean
execute(State *s, GError **error)
{
  gboolean async = s->loop->scheduler->config.async_scheduling;
  gboolean device_works = s->in_flight && s->flying->n_sequences > 0;

  s->step->takes_no_time =
      !step_has_work(s->step) && (s->step->victims->len == 0 || (async && device_works));
  if (s->in_flight)
    land(s);
  if (!take_off(s, error))
    return FALSE;
  count_step(s);
  if (async && (step_has_work(s->flying) || s->flying->takes_no_time))
    s->now_ps = s->start_ps +
                repeats_elapsed_ps(s->timing.first_ps, s->timing.growth_ps, s->timing.repeats - 1);
  else
    land(s);
  return TRUE;
}

/* The engine died while it decided: the step is told, and not executed. */
static void
die(State *s)
{
  Step *step = s->step;

  s->step = s->flying;
  s->flying = step;
  s->timing = (StepTiming){.repeats = 1};
  s->tokens = 0;
  s->start_ps = s->now_ps;
  s->start_index = s->step_index;
  s->loop->scheduler->just_finished->len = s->loop->scheduler->gaps->len = 0;
  tell_step(s);
  tell_left(s);
  s->outcome->preemptions += step->victims->len;
  s->outcome->lines++;
  s->outcome->last_step = s->step_index;
}

static gboolean
end_with(State *s, RunEnd end, const char *reason)
{
  s->outcome->end = end;
  s->outcome->reason = reason;
  return FALSE;
}

/* TRUE while the run goes on; otherwise the outcome says how it ended. */
static gboolean
goes_on(State *s)
{
  guint64 idle_steps = s->step_index - s->idle_since;

  if (s->loop->interrupted != NULL && s->loop->interrupted())
    return end_with(s, RUN_ABORT, LOOP_INTERRUPTED);
  if (s->now_ps > TIME_MAX_PS)
    return end_with(s, RUN_ABORT,
                    "the run passed the latest time that the clock can hold, 53 days");
  if ((s->preempted_since &&
       idle_steps >=
           (next_arrival_ps(s) == G_MAXINT64 ? LIVELOCK_STEPS : LIVELOCK_BEFORE_ARRIVAL_STEPS)) ||
      idle_steps >= PATIENCE_STEPS)
    return end_with(
        s, RUN_LIVELOCK,
        "requests preempt each other for ever and none gets a token; give the pool more "
        "blocks, or lower max_num_seqs or max_model_len");
  return TRUE;
}

static void
tell_end(State *s)
{
  Scheduler *scheduler = s->loop->scheduler;
  Sequence *sequence;

  s->outcome->unfinished =
      scheduler_unfinished(scheduler) + workload_count(s->client->workload) - s->client->taken;
  s->outcome->end_ps = s->now_ps;
  s->outcome->memory_bound = scheduler->memory_bound || pool_evicted(&scheduler->pool);
  while ((sequence = scheduler_take_unfinished(scheduler)) != NULL) {
    tell_request(s, &sequence->result);
    scheduler_recycle(scheduler, sequence);
  }
  for (guint32 i = s->client->taken; i < workload_count(s->client->workload); i++) {
    const RequestResult result =
        request_result_untouched(i, workload_request(s->client->workload, i));
    tell_request(s, &result);
  }
  for (guint i = 0; i < s->loop->n_observers; i++)
    if (s->loop->observers[i]->end != NULL)
      s->loop->observers[i]->end(s->loop->observers[i], s->outcome);
}

/* Acts on the decision. FALSE if the run is over. */
static gboolean
act(State *s, gboolean *ok, GError **error)
{
  if (s->step->abort != NULL) {
    const char *reason = s->step->abort;
    if (s->in_flight)
      land(s);
    die(s);
    return end_with(s, RUN_ABORT, reason);
  }
  if (!step_is_empty(s->step)) {
    *ok = execute(s, error);
    return *ok || end_with(s, RUN_ABORT, LOOP_EXECUTOR_FAILED);
  }
  if (s->in_flight) {
    land(s);
    begin_copies(s);
    s->empty_ps = s->now_ps;
    return TRUE;
  }
  begin_copies(s);
  if (!end_copies_while_idle(s) && !idle(s) && scheduler_unfinished(s->loop->scheduler) > 0)
    return end_with(s, RUN_STUCK,
                    "nothing can be scheduled and nothing will ever change; the requests that are "
                    "left do not fit as the engine's rules stand");
  return TRUE;
}

/* Nobody is left and nobody will come, and nobody who left leaves something to be looked at. */
static gboolean
is_over(const State *s)
{
  const Scheduler *scheduler = s->loop->scheduler;

  return scheduler_unfinished(scheduler) == 0 && next_arrival_ps(s) == G_MAXINT64 &&
         (scheduler->offload == NULL || !offload_wants_decision(scheduler->offload));
}

static gboolean
lists_decodes(const Loop *loop)
{
  gboolean needed = loop->executor->class->needs_decodes;

  for (guint i = 0; i < loop->n_observers; i++)
    needed |= loop->observers[i]->needs_decodes;
  return needed;
}

gboolean
loop_run(const Loop *loop, RunOutcome *outcome, GError **error)
{
  Scheduler *scheduler = loop->scheduler;
  g_autoptr(Step) one = step_new(scheduler->config.block_size);
  g_autoptr(Step) other = step_new(scheduler->config.block_size);
  State s = {
      .loop = loop, .client = loop->client, .step = one, .flying = other, .outcome = outcome};
  gboolean ok = TRUE;

  s.link.side_by_side = loop->executor->class->bare_scheduler;
  *outcome = (RunOutcome){.end = RUN_DONE, .reason = ""};
  scheduler->list_decodes = lists_decodes(loop);
  while (goes_on(&s)) {
    take_arrivals(&s);
    if (is_over(&s))
      break;
    scheduler_schedule(scheduler, s.now_ps, loop->stride, s.step);
    if (!act(&s, &ok, error))
      break;
  }
  if (s.in_flight)
    land(&s);
  tell_end(&s);
  return ok;
}
