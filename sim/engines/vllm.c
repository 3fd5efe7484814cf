/* The scheduler of vLLM v1 (August 2025), chunked prefill on or off, with prefix caching or not.
 *
 * Running sequences first, in list order, partial prefills and decodes alike (those of the decode
 * clock all at once: they are the first); whoever finds no
 * block preempts from the list's tail. Then, if nobody was preempted, the waiting ones. One block
 * is the engine's own. Swap is a what-if that the engine lacks: victims wait on the host, come back
 * before anything new is admitted, and are recomputed where the host has no room.
 */
#include "sim/scheduler.h"

/* Tokens of `sequence` to compute in this step, without regard to blocks; 0 if none. */
static guint32
wanted_tokens(const Scheduler *self, const Sequence *sequence, guint32 cached, guint32 budget,
              gboolean chunked)
{
  guint32 threshold = self->config.long_prefill_token_threshold;
  guint32 tokens = sequence_length(sequence) - cached;

  if (threshold > 0)
    tokens = MIN(tokens, threshold);
  return chunked ? MIN(tokens, budget) : tokens;
}

/* Blocks for `tokens` more tokens after `cached`. */
static guint32
blocks_after(const Scheduler *self, guint32 cached, guint32 tokens)
{
  return pool_blocks_for(&self->pool, MIN((guint64)cached + tokens, self->config.max_model_len));
}

static gboolean
allocate(Scheduler *self, Sequence *sequence, guint32 tokens)
{
  if (!pool_holds(&self->pool, sequence, (guint64)sequence->computed_tokens + tokens) &&
      !pool_grow(&self->pool, sequence, blocks_after(self, sequence->computed_tokens, tokens))) {
    self->memory_bound = TRUE;
    return FALSE;
  }
  pool_register(&self->pool, sequence,
                MIN(sequence->computed_tokens + tokens, sequence_length(sequence)));
  return TRUE;
}

/* Of the sequence's first `most` blocks, those that the prefix cache still has. */
static guint32
cached_blocks(const Scheduler *self, Sequence *sequence, guint32 most, guint32 *n_idle)
{
  *n_idle = 0;
  return self->pool.cache != NULL ? prefix_cache_hits(self->pool.cache, sequence, most, n_idle) : 0;
}

static void
preempt(Scheduler *self, Step *step, Sequence *victim, const Sequence *beneficiary)
{
  if (scheduler_preempt(self, step, victim, beneficiary, TRUE) == OVERFLOW_SWAP)
    sequence_queue_push_head(&self->swapped, victim);
  else
    waiting_queue_push_head(&self->waiting, victim);
}

/* TRUE once the sequence has its blocks; FALSE if it had to preempt itself. */
static gboolean
allocate_by_preempting(Scheduler *self, Step *step, Sequence *sequence, guint32 tokens)
{
  while (!allocate(self, sequence, tokens)) {
    Sequence *victim = self->running.tail;
    preempt(self, step, victim, sequence);
    if (victim == sequence)
      return FALSE;
  }
  return TRUE;
}

/* v1 knows no stages: whatever has all but its newest token computed decodes, so the last chunk of
 * a resumed request does, if it is one token. */
static EntryKind
running_kind(const Sequence *sequence)
{
  if (sequence->generated_tokens > 0 && sequence->computed_tokens + 1 == sequence_length(sequence))
    return ENTRY_DECODE;
  return scheduler_entry_kind(sequence);
}

/* Tokens that a running sequence gets. */
static guint32
running_tokens(const Scheduler *self, const Sequence *sequence, guint32 budget)
{
  guint32 longest = self->config.max_model_len - 1, computed = sequence->computed_tokens;
  guint32 tokens = wanted_tokens(self, sequence, computed, budget, TRUE);

  return sequence->ending ? 0 : MIN(tokens, longest > computed ? longest - computed : 0);
}

/* The first running sequence that the free blocks do not reach; NULL: they suffice. */
static Sequence *
first_short(const Scheduler *self, guint32 budget)
{
  const DueList *due = decode_clock_due(&self->clock, 0);
  guint32 left = self->pool.free_blocks;

  if (due->length > left) {
    Sequence *member = due->head;
    for (; left > 0; left--)
      member = member->due_next;
    return member;
  }
  left -= due->length;
  budget -= self->clock.count;
  for (Sequence *s = scheduler_first_loose(self); s != NULL && budget > 0; s = s->next) {
    guint32 tokens = running_tokens(self, s, budget);
    guint32 blocks = tokens > 0 ? blocks_after(self, s->computed_tokens, tokens) : 0;
    guint32 more = blocks > s->blocks ? blocks - s->blocks : 0;
    if (more > left)
      return s;
    left -= more;
    budget -= tokens;
  }
  return NULL;
}

/* What a policy ranks goes before anybody has work in the step: a what-if. */
static void
preempt_by_rank(Scheduler *self, Step *step, guint32 budget)
{
  Sequence *in_need, *victim;

  while ((in_need = first_short(self, budget)) != NULL &&
         (victim = scheduler_first_victim(self)) != NULL) {
    self->memory_bound = TRUE;
    preempt(self, step, victim, in_need);
  }
}

/* The members of the clock get their blocks, the oldest first. FALSE if one preempted itself, and
 * with it the running pass ends. */
static gboolean
supply_members(Scheduler *self, Step *step)
{
  const DueList *due = decode_clock_due(&self->clock, 0);
  Sequence *next;

  if (due->length <= self->pool.free_blocks) {
    scheduler_take_all_due(self);
    return TRUE;
  }
  self->memory_bound = TRUE;
  for (Sequence *member = due->head; member != NULL; member = next) {
    while (!scheduler_take_due(self, member)) {
      Sequence *victim = self->running.tail;
      gboolean itself = victim == member;
      preempt(self, step, victim, member);
      if (itself) {
        scheduler_note_supplied(self);
        return FALSE;
      }
    }
    next = member->due_next;
  }
  scheduler_note_supplied(self);
  return TRUE;
}

/* Returns the budget that is left. */
static guint32
schedule_running(Scheduler *self, Step *step, guint32 budget)
{
  gboolean goes_on = TRUE;
  Sequence *next;

  if (self->clock.count > budget)
    scheduler_dissolve_clock(self, step);
  if (self->config.victim->rank != NULL)
    preempt_by_rank(self, step, budget);
  if (self->clock.count > 0) {
    goes_on = supply_members(self, step);
    scheduler_run_members(self, step);
    budget -= step->clocked;
  }
  for (Sequence *sequence = scheduler_first_loose(self); sequence != NULL && goes_on && budget > 0;
       sequence = next) {
    guint32 tokens = running_tokens(self, sequence, budget);
    if (tokens > 0) {
      if (!allocate_by_preempting(self, step, sequence, tokens))
        break;
      scheduler_add_entry(self, step, sequence, tokens, running_kind(sequence));
      budget -= tokens;
    }
    next = sequence->next;
  }
  return budget;
}

/* The what-if: swapped sequences return in the order of the queue; the first that finds no room
 * blocks those behind it, and all admissions. */
static guint32
schedule_swapped(Scheduler *self, Step *step, guint32 budget)
{
  while (self->swapped.length > 0 && budget > 0 &&
         self->running.length < self->config.max_num_seqs) {
    Sequence *sequence = self->swapped.head;
    guint32 computed = sequence->computed_tokens;
    guint32 tokens = wanted_tokens(self, sequence, computed, budget, TRUE);
    guint32 idle;
    guint32 hits = cached_blocks(self, sequence, sequence->host_blocks, &idle);
    guint32 need = MAX(blocks_after(self, computed, tokens), sequence->host_blocks);
    gboolean decodes = sequence->stage == STAGE_DECODE;

    if (need - hits + idle > self->pool.free_blocks)
      break;
    sequence_queue_pop_head(&self->swapped);
    if (hits > 0)
      pool_share(&self->pool, sequence, hits);
    pool_grow(&self->pool, sequence, need);
    pool_register(&self->pool, sequence, MIN(computed + tokens, sequence_length(sequence)));
    scheduler_note_swap_in(self, step, sequence, sequence->host_blocks - hits);
    sequence_queue_push_tail(&self->running, sequence);
    scheduler_add_entry(self, step, sequence, tokens,
                        decodes ? ENTRY_DECODE_SWAPPED_IN : ENTRY_PREFILL_SWAPPED_IN);
    budget -= tokens;
  }
  return budget;
}

/* Admits the head of waiting if its blocks are there. */
static gboolean
admit(Scheduler *self, Step *step, Sequence *sequence, guint32 hits, guint32 idle_hits,
      guint32 tokens)
{
  guint32 hit_tokens = hits * self->config.block_size;
  guint32 need = blocks_after(self, hit_tokens, tokens);
  EntryKind kind = scheduler_entry_kind(sequence);

  if (need - hits + idle_hits > self->pool.free_blocks) {
    self->memory_bound = TRUE;
    return FALSE;
  }
  if (hits > 0) {
    const StepHit hit = {.request = sequence->request, .tokens = hit_tokens};
    pool_share(&self->pool, sequence, hits);
    g_array_append_val(step->hits, hit);
  }
  sequence->computed_tokens = hit_tokens;
  allocate(self, sequence, tokens);
  scheduler_take_waiting(self);
  sequence_queue_push_tail(&self->running, sequence);
  scheduler_add_entry(self, step, sequence, tokens, kind);
  return TRUE;
}

/* Sequences too long for an unchunked prefill in what is left of the budget are passed over; they
 * return to the head in reverse order, which is the engine's own bug. Returns FALSE if a later
 * step might decide otherwise although the pool has only shrunk. */
static gboolean
schedule_waiting(Scheduler *self, Step *step, guint32 budget)
{
  SequenceQueue *skipped = &self->scratch[0];
  gboolean stable = TRUE;

  while (self->waiting.length > 0 && budget > 0 &&
         self->running.length < self->config.max_num_seqs) {
    Sequence *sequence = scheduler_waiting_head(self);
    guint32 idle;
    guint32 hits = cached_blocks(self, sequence, G_MAXUINT32, &idle);
    guint32 cached = hits * self->config.block_size;
    guint32 tokens = wanted_tokens(self, sequence, cached, budget, self->config.chunked_prefill);

    if (tokens > budget) {
      sequence_queue_push_tail(skipped, scheduler_take_waiting(self));
      continue;
    }
    if (!admit(self, step, sequence, hits, idle, tokens)) {
      /* A hit that is lost leaves more to compute: a chunk that is then limited needs less. */
      stable =
          hits == 0 || wanted_tokens(self, sequence, 0, budget, TRUE) == sequence_length(sequence);
      break;
    }
    budget -= tokens;
  }
  if (skipped->length > 1)
    step->idle_changes = TRUE;
  if (skipped->length > 0)
    stable = FALSE;
  while (skipped->length > 0)
    waiting_queue_push_head(&self->waiting, sequence_queue_pop_head(skipped));
  return stable;
}

static void
schedule(Scheduler *self, Step *step)
{
  guint32 budget = schedule_running(self, step, self->config.max_num_batched_tokens);
  gboolean stable = TRUE;

  if (step->victims->len == 0) {
    budget = schedule_swapped(self, step, budget);
    if (self->swapped.length == 0)
      stable = schedule_waiting(self, step, budget);
  }
  scheduler_join_clock(self, step);
  if (stable && step_is_only_decodes(step))
    scheduler_set_repeat(self, step, 0);
}

const SchedulerClass scheduler_vllm_v1 = {
    .name = "vllm-v1",
    .help = "vLLM v1 (0.8 and later): running first, preempts the newest, recomputes",
    .features = SCHEDULER_HAS_PREFIX_CACHING | SCHEDULER_HAS_LONG_PREFILL |
                SCHEDULER_CHUNKS_BY_DEFAULT | SCHEDULER_HAS_ASYNC,
    .hidden_blocks = 1,
    .stops_at_max_model_len = TRUE,
    .schedule = schedule,
};
