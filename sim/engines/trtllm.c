/* The scheduler of TensorRT-LLM, by its published rules: no recording holds it.
 *
 * First the capacity, then the batch. Under guaranteed-no-evict a request starts only if the pool
 * holds it, and all that run, to their ends: nobody is ever paused. Under max-utilization each
 * needs room for one step, a context for all of its prompt; where there is none, the last that
 * started is paused, loses its KV, and keeps its place in order of arrival. Under static-batch
 * contexts run only while nobody generates. Contexts are trtllm_contexts.c's. With block reuse, or
 * where a short chunk finds tokens that a long one does not, a later request may have started
 * before an earlier one, which has its turn before it all the same.
 * Rules: tensorrt_llm/_torch/pyexecutor/scheduler/scheduler.py and
 * cpp/tensorrt_llm/batch_manager/{capacityScheduler,microBatchScheduler}.cpp (2026).
 *
 * Anything but recomputing the last is a what-if: who was copied to the host comes back in order of
 * arrival among those that wait; a victim policy that ranks picks before anybody has work.
 */
#include "trtllm.h"

static void
finished(Scheduler *self, Sequence *sequence)
{
  TrtllmState *state = self->state;

  state->promised_blocks -= trtllm_blocks_at_end(self, sequence);
}

/* The whole prompt can be found from now on. */
static void
prefilled(Scheduler *self, Sequence *sequence)
{
  pool_publish(&self->pool, sequence);
}

/* Gives members of the decode clock the blocks that they need, the oldest first. FALSE if the
 * decision ends with them. */
static gboolean
supply_members(TrtllmDecision *d)
{
  Scheduler *self = d->self;
  const DueList *due = decode_clock_due(&self->clock, 0);
  gboolean goes_on = TRUE;
  Sequence *next;

  if (due->length <= self->pool.free_blocks) {
    scheduler_take_all_due(self);
    return TRUE;
  }
  for (Sequence *member = due->head; member != NULL && goes_on; member = next) {
    goes_on = trtllm_find_room(d, member, 1) && scheduler_take_due(self, member);
    next = goes_on ? member->due_next : NULL;
  }
  scheduler_note_supplied(self);
  return goes_on;
}

/* Blocks that a started sequence lacks for its step; a context has all of its prompt's, unless it
 * has a gap. */
static guint32
lacks(const Scheduler *self, const Sequence *sequence)
{
  guint32 need =
      pool_blocks_for(&self->pool, sequence_goal_tokens(sequence, sequence->computed_tokens));

  return need > sequence->blocks ? need - sequence->blocks : 0;
}

static guint32
count_loose_generating(const Scheduler *self)
{
  guint32 n = 0;

  for (const Sequence *s = scheduler_first_loose(self); s != NULL; s = s->next)
    n += trtllm_generates(s) && !s->ending;
  return n;
}

/* The first started sequence that finds no room for its step, and the blocks that it lacks; NULL:
 * all find room. */
static const Sequence *
first_short(const Scheduler *self, guint32 *short_blocks)
{
  const DueList *due = decode_clock_due(&self->clock, 0);
  guint32 left = scheduler_available_blocks(self, NULL);
  const Sequence *member = due->head;

  *short_blocks = 1;
  if (due->length > left) {
    for (; left > 0; left--)
      member = member->due_next;
    return member;
  }
  left -= due->length;
  for (const Sequence *s = scheduler_first_loose(self); s != NULL; s = s->next) {
    guint32 more = s->ending ? 0 : lacks(self, s);
    if (more > left) {
      *short_blocks = more - left;
      return s;
    }
    left -= more;
  }
  return NULL;
}

/* Pauses whom the victim policy ranks, before any sequence has work. */
static void
pause_by_rank(TrtllmDecision *d)
{
  guint32 short_blocks;

  for (;;) {
    const Sequence *in_need = first_short(d->self, &short_blocks);
    Sequence *victim =
        in_need != NULL ? scheduler_first_victim(d->self, in_need, short_blocks) : NULL;
    if (victim == NULL)
      return;
    trtllm_pause(d, victim, in_need, short_blocks);
  }
}

/* TRUE if a waiting sequence has its turn before a member of the decode clock. */
static gboolean
waits_before_members(const TrtllmDecision *d)
{
  const Scheduler *self = d->self;
  const Sequence *waiting = trtllm_first_waiting(d), *loose = scheduler_first_loose(self);
  const Sequence *last = loose != NULL ? loose->previous : self->running.tail;

  return !trtllm_guarantees(self) && trtllm_keeps_order(self) && self->clock.count > 0 &&
         waiting != NULL && waiting->request < last->request;
}

/* The turn of a started sequence; guaranteed, what it will need counts as promised. FALSE: the
 * decision ends. */
static gboolean
go_on(TrtllmDecision *d, Sequence *sequence)
{
  Scheduler *self = d->self;
  guint32 blocks = lacks(self, sequence);

  if (sequence->ending)
    return TRUE;
  if (trtllm_guarantees(self) && !trtllm_generates(sequence)) {
    d->unpromised_blocks -= (gint64)trtllm_blocks_at_end(self, sequence) - sequence->blocks;
    if (d->unpromised_blocks < 0)
      return FALSE;
  }
  if (!trtllm_find_room(d, sequence, blocks))
    return FALSE;
  pool_grow(&self->pool, sequence, sequence->blocks + blocks);
  return trtllm_go_on(d, sequence);
}

/* Guaranteed: those that generate have their turns before all others. FALSE: no tokens are left. */
static gboolean
run_generating(TrtllmDecision *d)
{
  for (Sequence *s = scheduler_first_loose(d->self); s != NULL; s = s->next)
    if (trtllm_generates(s) && !go_on(d, s))
      return FALSE;
  return TRUE;
}

/* Free blocks that no sequence that generates will need to its end. */
static gint64
unpromised_blocks(const TrtllmDecision *d)
{
  const Scheduler *self = d->self;
  gint64 blocks = (gint64)self->pool.total_blocks + self->pool.shared_blocks;

  for (const Sequence *s = scheduler_first_loose(self); s != NULL; s = s->next)
    if (!trtllm_generates(s))
      blocks += (gint64)trtllm_blocks_at_end(self, s) - s->blocks;
  return blocks - (gint64)d->state->promised_blocks;
}

static Sequence *
if_running(const Scheduler *self, Sequence *sequence)
{
  return sequence != NULL && sequence->queue == &self->running ? sequence : NULL;
}

/* The turns of the others, started and waiting, in order of arrival. */
static void
take_turns(TrtllmDecision *d)
{
  Scheduler *self = d->self;
  gboolean mixes = trtllm_keeps_order(self);
  Sequence *started = scheduler_first_loose(self), *waiting;

  while (started != NULL || (trtllm_first_waiting(d) != NULL && !d->closed)) {
    waiting = d->closed ? NULL : trtllm_first_waiting(d);
    if (waiting != NULL && (started == NULL || (mixes && waiting->request < started->request))) {
      if (waiting->request >= d->end || !trtllm_try(d))
        return;
    } else {
      Sequence *next = started->next;
      if (!(trtllm_guarantees(self) && trtllm_generates(started)) && !go_on(d, started))
        return;
      started = next;
    }
    started = if_running(self, started); /* it may have been paused */
  }
}

static void
decide(TrtllmDecision *d)
{
  Scheduler *self = d->self;
  guint32 generating;
  gboolean batch_runs;

  if (self->clock.count > 0 && !supply_members(d)) {
    scheduler_run_members(self, d->step);
    return;
  }
  if (self->clock.count > 0)
    scheduler_run_members(self, d->step);
  d->tokens -= self->clock.count;
  generating = count_loose_generating(self);
  d->chunk_tokens = d->tokens - MIN(d->tokens, generating);
  batch_runs = self->clock.count > 0 || d->tokens > d->chunk_tokens;
  if (trtllm_guarantees(self) && !run_generating(d))
    return;
  if (self->config.capacity_policy == CAPACITY_STATIC_BATCH && batch_runs)
    return;
  d->unpromised_blocks = unpromised_blocks(d);
  trtllm_note_coming(d);
  take_turns(d);
}

/* TRUE if a waiting sequence will pause a later one as soon as there is no room for both. */
static gboolean
waits_before_started(const Scheduler *self)
{
  const Sequence *waiting = self->waiting.known.head, *swapped = self->swapped.head;

  return (waiting != NULL && trtllm_may_pause(self, waiting)) ||
         (swapped != NULL && trtllm_may_pause(self, swapped));
}

static void
schedule(Scheduler *self, Step *step)
{
  TrtllmDecision d = {
      .self = self,
      .step = step,
      .state = self->state,
      .waiting = scheduler_waiting_head(self),
      .swapped = self->swapped.head,
      .tokens = self->config.max_num_batched_tokens,
      .end = G_MAXUINT32,
  };

  d.state->contexts->len = d.state->coming->len = 0;
  if (self->clock.count > d.tokens || waits_before_members(&d))
    scheduler_dissolve_clock(self, step);
  if (self->config.victim->rank != NULL)
    pause_by_rank(&d);
  decide(&d);
  trtllm_run_contexts(&d);
  scheduler_join_clock(self, step);
  if (step_is_only_decodes(step) && !waits_before_started(self))
    scheduler_set_repeat(self, step, 0);
}

static void
begin(Scheduler *self)
{
  TrtllmState *state = self->state;

  state->contexts = g_array_new(FALSE, FALSE, sizeof(TrtllmContext));
  state->coming = g_array_new(FALSE, FALSE, sizeof(guint64));
}

static void
end(Scheduler *self)
{
  TrtllmState *state = self->state;

  g_array_unref(state->contexts);
  g_array_unref(state->coming);
}

const char *const capacity_policy_names[] = {"guaranteed-no-evict", "max-utilization",
                                             "static-batch", NULL};

const char *const chunking_policy_names[] = {"first-come-first-served", "equal-progress", NULL};

const SchedulerClass scheduler_trtllm = {
    .name = "trtllm",
    .help = "TensorRT-LLM, by its published rules: reserves to the end, or pauses the last",
    .evidence = "read in tensorrt_llm/_torch/pyexecutor/scheduler and cpp/batch_manager, 2026; not "
                "recorded",
    .costs_as = "vllm-v1",
    .features = SCHEDULER_HAS_CAPACITY_POLICY | SCHEDULER_OWN_VICTIMS | SCHEDULER_HIDES_HOST |
                SCHEDULER_HAS_PREFIX_CACHING | SCHEDULER_CACHES_BY_DEFAULT |
                SCHEDULER_REUSES_COMPUTED,
    .stops_at_max_model_len = TRUE,
    .state_bytes = sizeof(TrtllmState),
    .begin = begin,
    .end = end,
    .prefilled = prefilled,
    .finished = finished,
    .schedule = schedule,
};
