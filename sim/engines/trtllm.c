/* The scheduler of TensorRT-LLM, by its published rules: no recording holds it.
 *
 * First the capacity, then the batch. Under guaranteed-no-evict a request starts only if the pool
 * holds it, and all that run, to their ends: nobody is ever paused. Under max-utilization each
 * needs room for one step; where there is none, the last that started is paused, loses its KV, and
 * is the first to start again. Under static-batch nothing new starts until all have ended. In a
 * step the generating requests take their token each, then contexts what is left of the token
 * budget, in order of arrival. Those that have started are always the first in order of arrival.
 * Rules: tensorrt_llm/_torch/pyexecutor/scheduler/scheduler.py (2026). Reuse of blocks is not
 * there.
 *
 * Anything but recomputing the last is a what-if: who was copied to the host comes back in order of
 * arrival among those that wait; a victim policy that ranks picks before anybody has work.
 */
#include "sim/scheduler.h"

typedef struct {
  guint64 promised_blocks; /* that those that have started hold at their ends */
} TrtllmState;

/* Blocks that it holds at its end, if it generates all that its client allows. */
static guint64
blocks_at_end(const Scheduler *self, const Sequence *sequence)
{
  guint64 prompt = sequence->result.prompt_tokens;
  guint64 longest = MIN(prompt + sequence->max_tokens, self->config.max_model_len);

  return pool_blocks_for(&self->pool, MAX(longest, prompt));
}

static gboolean
guarantees(const Scheduler *self)
{
  return self->config.capacity_policy != CAPACITY_MAX_UTILIZATION;
}

static void
pause_sequence(Scheduler *self, Step *step, Sequence *victim, const Sequence *beneficiary,
               guint32 short_blocks)
{
  TrtllmState *state = self->state;

  self->memory_bound = TRUE;
  state->promised_blocks -= blocks_at_end(self, victim);
  if (scheduler_preempt(self, step, victim, beneficiary, short_blocks, TRUE))
    sequence_queue_push_head(&self->swapped, victim);
  else
    waiting_queue_push_head(&self->waiting, victim);
}

static void
finished(Scheduler *self, Sequence *sequence)
{
  TrtllmState *state = self->state;

  state->promised_blocks -= blocks_at_end(self, sequence);
}

/* The last that started is paused until the sequence finds `blocks`; FALSE if that is itself. */
static gboolean
find_room(Scheduler *self, Step *step, Sequence *sequence, guint32 blocks)
{
  while (!scheduler_free_up(self, step, sequence, blocks)) {
    Sequence *victim = self->running.tail;
    pause_sequence(self, step, victim, sequence, blocks - self->pool.free_blocks);
    if (victim == sequence)
      return FALSE;
  }
  return TRUE;
}

/* Members of the decode clock get the blocks that they need, the oldest first. FALSE if the pass
 * ends with them. */
static gboolean
supply_members(Scheduler *self, Step *step)
{
  const DueList *due = decode_clock_due(&self->clock, 0);
  gboolean goes_on = TRUE;
  Sequence *next;

  if (due->length <= self->pool.free_blocks) {
    scheduler_take_all_due(self);
    return TRUE;
  }
  for (Sequence *member = due->head; member != NULL && goes_on; member = next) {
    goes_on = find_room(self, step, member, 1) && scheduler_take_due(self, member);
    next = goes_on ? member->due_next : NULL;
  }
  scheduler_note_supplied(self);
  return goes_on;
}

/* Tokens of its prompt that it computes now, of `budget`, behind those that it has: whole blocks,
 * unless it is the end. */
static guint32
context_tokens(const Scheduler *self, const Sequence *sequence, guint32 computed, guint32 budget)
{
  guint32 tokens = sequence_goal_tokens(sequence, computed) - computed;

  if (tokens <= budget)
    return tokens;
  return self->config.chunked_prefill ? budget / self->config.block_size * self->config.block_size
                                      : 0;
}

static gboolean
generates(const Sequence *sequence)
{
  return sequence->stage == STAGE_DECODE;
}

/* Blocks that it lacks for `tokens` more. */
static guint32
lacks(const Scheduler *self, const Sequence *sequence, guint32 tokens)
{
  guint32 need = pool_blocks_for(&self->pool, (guint64)sequence->computed_tokens + tokens);

  return need > sequence->blocks ? need - sequence->blocks : 0;
}

/* It gets the blocks for `tokens` more; FALSE if it was paused itself, and the pass ends. */
static gboolean
grant(Scheduler *self, Step *step, Sequence *sequence, guint32 tokens)
{
  guint32 blocks = lacks(self, sequence, tokens);

  if (!find_room(self, step, sequence, blocks))
    return FALSE;
  pool_grow(&self->pool, sequence, sequence->blocks + blocks);
  sequence->step_tokens = tokens;
  return TRUE;
}

static guint32
count_loose_generating(const Scheduler *self)
{
  guint32 n = 0;

  for (const Sequence *s = scheduler_first_loose(self); s != NULL; s = s->next)
    n += generates(s) && !s->ending;
  return n;
}

/* Tokens that one which has started gets of what is left of the budget for each kind. */
static guint32
started_tokens(const Scheduler *self, const Sequence *sequence, guint32 generation,
               guint32 contexts)
{
  if (sequence->ending)
    return 0;
  return generates(sequence) ? MIN(generation, 1)
                             : context_tokens(self, sequence, sequence->computed_tokens, contexts);
}

/* The first that has started and finds no room for its step, and the blocks that it lacks; NULL:
 * all do. */
static const Sequence *
first_short(const Scheduler *self, guint32 generation, guint32 contexts, guint32 *short_blocks)
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
    guint32 tokens = started_tokens(self, s, generation, contexts), more = lacks(self, s, tokens);
    if (tokens > 0 && more > left) {
      *short_blocks = more - left;
      return s;
    }
    left -= tokens > 0 ? more : 0;
    *(generates(s) ? &generation : &contexts) -= tokens;
  }
  return NULL;
}

/* The capacity, in order of arrival: who has started and stands behind one that finds no room may
 * be paused for it. *contexts: the budget for prompts, the rest of which is left there. TRUE if
 * nobody was refused. */
static gboolean
grant_started(Scheduler *self, Step *step, guint32 generation, guint32 *contexts)
{
  Sequence *next;

  for (Sequence *s = scheduler_first_loose(self); s != NULL; s = next) {
    guint32 tokens = started_tokens(self, s, generation, *contexts);
    s->step_tokens = 0;
    if (tokens > 0) {
      if (!grant(self, step, s, tokens))
        return FALSE;
      *(generates(s) ? &generation : contexts) -= tokens;
    }
    next = s->next;
  }
  return TRUE;
}

/* The batch: generation first, then contexts, each in order of arrival. */
static void
run_started(Scheduler *self, Step *step)
{
  for (int contexts = 0; contexts < 2; contexts++)
    for (Sequence *s = scheduler_first_loose(self); s != NULL; s = s->next)
      if (s->step_tokens > 0 && !s->ending && generates(s) != contexts)
        scheduler_add_entry(self, step, s, s->step_tokens, scheduler_entry_kind(s));
}

/* What is left of the budget for those that generate one by one, and for contexts. */
static void
split_budget(const Scheduler *self, guint32 *generation, guint32 *contexts)
{
  guint32 left = self->config.max_num_batched_tokens - self->clock.count;

  *generation = MIN(left, count_loose_generating(self));
  *contexts = left - *generation;
}

/* Whom the victim policy ranks goes before anybody has work. */
static void
pause_by_rank(Scheduler *self, Step *step)
{
  guint32 generation, contexts, short_blocks;

  for (;;) {
    const Sequence *in_need;
    Sequence *victim;
    split_budget(self, &generation, &contexts);
    in_need = first_short(self, generation, contexts, &short_blocks);
    victim = in_need != NULL ? scheduler_first_victim(self, in_need, short_blocks) : NULL;
    if (victim == NULL)
      return;
    pause_sequence(self, step, victim, in_need, short_blocks);
  }
}

/* Those that have started. Returns the budget that is left for those that wait, 0 if somebody found
 * no room. */
static guint32
schedule_started(Scheduler *self, Step *step)
{
  guint32 generation, contexts;
  gboolean goes_on = TRUE;

  if (self->clock.count > self->config.max_num_batched_tokens)
    scheduler_dissolve_clock(self, step);
  if (self->config.victim->rank != NULL)
    pause_by_rank(self, step);
  if (self->clock.count > 0)
    goes_on = supply_members(self, step);
  split_budget(self, &generation, &contexts);
  if (!goes_on)
    for (Sequence *s = scheduler_first_loose(self); s != NULL; s = s->next)
      s->step_tokens = 0;
  else
    goes_on = grant_started(self, step, generation, &contexts);
  if (self->clock.count > 0)
    scheduler_run_members(self, step);
  run_started(self, step);
  return goes_on ? contexts : 0;
}

/* TRUE if the pool holds it with `blocks` more, as the capacity policy sees it. */
static gboolean
has_capacity(Scheduler *self, const Sequence *sequence, guint32 blocks)
{
  const TrtllmState *state = self->state;

  if (guarantees(self))
    return state->promised_blocks + blocks_at_end(self, sequence) <= self->pool.total_blocks;
  return blocks <= scheduler_available_blocks(self, sequence);
}

/* The first in order of arrival of those that wait, on the host or not; NULL if nobody does. */
static Sequence *
next_to_start(Scheduler *self)
{
  Sequence *waiting = self->waiting.length > 0 ? scheduler_waiting_head(self) : NULL;
  Sequence *swapped = self->swapped.head;

  if (waiting == NULL || (swapped != NULL && swapped->request < waiting->request))
    return swapped;
  return waiting;
}

/* It runs from now on, and holds `blocks`, which are available. */
static EntryKind
start(Scheduler *self, Step *step, Sequence *sequence, guint32 blocks)
{
  TrtllmState *state = self->state;
  gboolean decodes = generates(sequence);
  EntryKind kind = scheduler_entry_kind(sequence);

  state->promised_blocks += blocks_at_end(self, sequence);
  scheduler_free_up(self, step, sequence, blocks - sequence->blocks);
  if (sequence->queue == &self->swapped) {
    sequence_queue_remove(sequence);
    scheduler_bring_back(self, step, sequence, &(PoolPrefix){0}, blocks, 0);
    kind = decodes ? ENTRY_DECODE_SWAPPED_IN : ENTRY_PREFILL_SWAPPED_IN;
  } else {
    scheduler_take_waiting(self);
    scheduler_take_kept(self, sequence);
    pool_grow(&self->pool, sequence, blocks);
  }
  sequence_queue_push_tail(&self->running, sequence);
  return kind;
}

static void
schedule_waiting(Scheduler *self, Step *step, guint32 budget)
{
  Sequence *sequence;

  while (budget > 0 && self->running.length < self->config.max_num_seqs &&
         (sequence = next_to_start(self)) != NULL) {
    gboolean copied = sequence->queue == &self->swapped;
    guint32 computed =
        copied ? scheduler_return_tokens(self, sequence, 0) : sequence->computed_tokens;
    guint32 tokens = generates(sequence) ? 1 : context_tokens(self, sequence, computed, budget);
    guint32 blocks = pool_blocks_for(&self->pool, (guint64)computed + tokens);
    guint32 whole = pool_blocks_for(&self->pool, sequence_length(sequence));
    if (tokens == 0)
      return;
    blocks = MAX(blocks, copied ? scheduler_return_blocks(self, sequence) : sequence->blocks);
    if (!has_capacity(self, sequence, blocks - sequence->blocks)) {
      self->memory_bound = TRUE;
      return;
    }
    if (!scheduler_admits(self, sequence, blocks - sequence->blocks,
                          MAX(whole, blocks) - sequence->blocks, 0))
      return;
    scheduler_add_entry(self, step, sequence, tokens, start(self, step, sequence, blocks));
    budget -= tokens;
  }
}

static void
schedule(Scheduler *self, Step *step)
{
  gboolean may_start =
      self->config.capacity_policy != CAPACITY_STATIC_BATCH || self->running.length == 0;
  guint32 budget = schedule_started(self, step);

  if (step->victims->len == 0 && may_start)
    schedule_waiting(self, step, budget);
  scheduler_join_clock(self, step);
  if (step_is_only_decodes(step))
    scheduler_set_repeat(self, step, 0);
}

const char *const capacity_policy_names[] = {"guaranteed-no-evict", "max-utilization",
                                             "static-batch", NULL};

const SchedulerClass scheduler_trtllm = {
    .name = "trtllm",
    .help = "TensorRT-LLM, by its published rules: reserves to the end, or pauses the last",
    .evidence = "read in tensorrt_llm/_torch/pyexecutor/scheduler, 2026; not recorded",
    .costs_as = "vllm-v1",
    .features = SCHEDULER_HAS_CAPACITY_POLICY | SCHEDULER_OWN_VICTIMS | SCHEDULER_HIDES_HOST,
    .stops_at_max_model_len = TRUE,
    .state_bytes = sizeof(TrtllmState),
    .finished = finished,
    .schedule = schedule,
};
