/* The scheduler of vLLM 0.8 to 0.33 (its engine "v1"); vllm_versions.c says which version has which
 * rule.
 *
 * Running sequences first, in list order, partial prefills and decodes alike (those of the decode
 * clock all at once: they are the first); whoever finds no block preempts from the list's tail.
 * Then, if nobody was preempted, the waiting ones, strictly in order. One block is the engine's
 * own. Swap is a what-if that the engine lacks: victims wait on the host, come back before anything
 * new is admitted, and are recomputed where the host has no room.
 */
#include "vllm.h"

/* What one decision goes by. */
typedef struct {
  Scheduler *self;
  Step *step;
  guint32 budget;    /* tokens that are left */
  guint32 threshold; /* most tokens of one prompt; 0: no limit */
  gboolean hold;     /* no prefill now, by the interval */
  gboolean prefills; /* the step has one */
} Decision;

static gboolean
has_rule(const Scheduler *self, VllmRule rule)
{
  return (self->class->rules & rule) != 0;
}

static guint32
most_active(const Scheduler *self)
{
  return self->config.max_num_active_seqs > 0 ? self->config.max_num_active_seqs
                                              : self->config.max_num_seqs;
}

/* Tokens of `sequence` to compute in this step, at most `most`, without regard to blocks. */
static guint32
wanted_tokens(const Decision *d, const Sequence *sequence, guint32 cached, guint32 most)
{
  guint32 tokens = sequence_goal_tokens(sequence, cached) - cached;

  if (d->threshold > 0)
    tokens = MIN(tokens, d->threshold);
  return MIN(tokens, most);
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
  scheduler_register(self, sequence, tokens);
  return TRUE;
}

static void
preempt(Decision *d, Sequence *victim, const Sequence *beneficiary, guint32 short_blocks)
{
  Scheduler *self = d->self;

  if (scheduler_preempt(self, d->step, victim, beneficiary, short_blocks, TRUE))
    sequence_queue_push_head(&self->swapped, victim);
  else
    waiting_queue_push_head(&self->waiting, victim);
}

/* TRUE once the sequence has its blocks; FALSE if it had to preempt itself. */
static gboolean
allocate_by_preempting(Decision *d, Sequence *sequence, guint32 tokens)
{
  Scheduler *self = d->self;

  while (!allocate(self, sequence, tokens)) {
    guint32 more = blocks_after(self, sequence->computed_tokens, tokens) - sequence->blocks;
    Sequence *victim = self->running.tail;
    if (scheduler_free_up(self, d->step, sequence, more))
      continue;
    preempt(d, victim, sequence, more - self->pool.free_blocks);
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

/* Tokens that a running sequence gets of those that are left of the budget. */
static guint32
running_tokens(const Decision *d, const Sequence *sequence, guint32 left)
{
  guint32 longest = d->self->config.max_model_len - 1, computed = sequence->computed_tokens;
  guint32 tokens = wanted_tokens(d, sequence, computed, left);

  if (sequence->ending || (d->hold && sequence->stage == STAGE_PREFILL))
    return 0;
  return MIN(tokens, longest > computed ? longest - computed : 0);
}

/* The first running sequence that the available blocks do not reach, and how many it lacks; NULL:
 * they suffice. */
static Sequence *
first_short(const Decision *d, guint32 *short_blocks)
{
  Scheduler *self = d->self;
  const DueList *due = decode_clock_due(&self->clock, 0);
  guint32 left = scheduler_available_blocks(self, NULL), budget = d->budget;

  *short_blocks = 1;
  if (due->length > left) {
    Sequence *member = due->head;
    for (; left > 0; left--)
      member = member->due_next;
    return member;
  }
  left -= due->length;
  budget -= self->clock.count;
  for (Sequence *s = scheduler_first_loose(self); s != NULL && budget > 0; s = s->next) {
    guint32 tokens = running_tokens(d, s, budget);
    guint32 blocks = tokens > 0 ? blocks_after(self, s->computed_tokens, tokens) : 0;
    guint32 more = blocks > s->blocks ? blocks - s->blocks : 0;
    *short_blocks = more - MIN(more, left);
    if (*short_blocks > 0)
      return s;
    left -= more;
    budget -= tokens;
  }
  return NULL;
}

/* What a policy ranks goes before anybody has work in the step: a what-if. */
static void
preempt_by_rank(Decision *d)
{
  Sequence *in_need, *victim;
  guint32 short_blocks;

  while ((in_need = first_short(d, &short_blocks)) != NULL &&
         (victim = scheduler_first_victim(d->self, in_need, short_blocks)) != NULL) {
    d->self->memory_bound = TRUE;
    preempt(d, victim, in_need, short_blocks);
  }
}

/* The members of the clock get their blocks, the oldest first. FALSE if one preempted itself, and
 * with it the running pass ends. */
static gboolean
supply_members(Decision *d)
{
  Scheduler *self = d->self;
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
      if (scheduler_free_up(self, d->step, NULL, 1))
        continue;
      preempt(d, victim, member, 1);
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

static void
schedule_running(Decision *d)
{
  Scheduler *self = d->self;
  gboolean goes_on = TRUE;
  Sequence *next;

  if (self->clock.count > d->budget)
    scheduler_dissolve_clock(self, d->step);
  if (self->config.victim->rank != NULL)
    preempt_by_rank(d);
  if (self->clock.count > 0) {
    goes_on = supply_members(d);
    scheduler_run_members(self, d->step);
    d->budget -= d->step->clocked;
  }
  for (Sequence *sequence = scheduler_first_loose(self);
       sequence != NULL && goes_on && d->budget > 0; sequence = next) {
    gboolean prefills = sequence->stage == STAGE_PREFILL;
    guint32 tokens = running_tokens(d, sequence, d->budget);
    if (tokens > 0) {
      if (!allocate_by_preempting(d, sequence, tokens))
        break;
      scheduler_add_entry(self, d->step, sequence, tokens, running_kind(sequence));
      d->budget -= tokens;
      d->prefills |= prefills;
    }
    next = sequence->next;
  }
}

/* The what-if: swapped sequences return in the order of the queue; the first that finds no room
 * blocks those behind it, and all admissions. */
static void
schedule_swapped(Decision *d)
{
  Scheduler *self = d->self;

  while (self->swapped.length > 0 && d->budget > 0 && self->running.length < most_active(self)) {
    Sequence *sequence = self->swapped.head;
    guint32 idle, back = scheduler_return_blocks(self, sequence);
    guint32 hits = pool_hits(&self->pool, sequence, back, &idle);
    guint32 computed = scheduler_return_tokens(self, sequence, hits);
    guint32 tokens = wanted_tokens(d, sequence, computed, d->budget);
    guint32 need = MAX(blocks_after(self, computed, tokens), back);
    guint32 more = need - sequence->blocks - hits + idle;

    if (more > scheduler_available_blocks(self, sequence))
      break;
    scheduler_free_up(self, d->step, sequence, more);
    sequence_queue_pop_head(&self->swapped);
    scheduler_bring_back(self, d->step, sequence, hits, need);
    scheduler_register(self, sequence, tokens);
    sequence_queue_push_tail(&self->running, sequence);
    scheduler_add_entry(self, d->step, sequence, tokens,
                        sequence->stage == STAGE_DECODE ? ENTRY_DECODE_SWAPPED_IN
                                                        : ENTRY_PREFILL_SWAPPED_IN);
    d->budget -= tokens;
  }
}

/* Admits the head of waiting if its blocks are there: those of this chunk and, with the gate, those
 * of all that it has to compute. It begins behind what it kept, or what the prefix cache has. */
static gboolean
admit(Decision *d, Sequence *sequence, guint32 hits, guint32 idle_hits, guint32 tokens)
{
  Scheduler *self = d->self;
  guint32 cached_blocks = sequence->blocks + hits;
  guint32 cached = cached_blocks * self->config.block_size;
  guint32 whole = sequence_length(sequence) - cached;
  guint32 need = blocks_after(self, cached, self->config.reserve_full_isl ? whole : tokens) -
                 cached_blocks + idle_hits;
  guint32 spared = self->running.length > 0 ? self->watermark_blocks : 0;
  EntryKind kind = scheduler_entry_kind(sequence);

  if ((guint64)need + spared > scheduler_available_blocks(self, sequence)) {
    self->memory_bound = TRUE;
    return FALSE;
  }
  if (!scheduler_admits(self, sequence, need,
                        blocks_after(self, cached, whole) - cached_blocks + idle_hits, 0))
    return FALSE;
  scheduler_free_up(self, d->step, sequence, need);
  scheduler_take_kept(self, sequence);
  if (hits > 0) {
    const StepHit hit = {.request = sequence->request, .tokens = cached};
    pool_share(&self->pool, sequence, hits);
    g_array_append_val(d->step->hits, hit);
  }
  sequence->computed_tokens = cached;
  allocate(self, sequence, tokens);
  scheduler_take_waiting(self);
  sequence_queue_push_tail(&self->running, sequence);
  scheduler_add_entry(self, d->step, sequence, tokens, kind);
  d->budget -= tokens;
  d->prefills |= whole > 1;
  return TRUE;
}

/* Returns FALSE if a later step might decide otherwise although the pool has only shrunk. */
static gboolean
schedule_waiting(Decision *d)
{
  Scheduler *self = d->self;
  SequenceQueue *skipped = &self->scratch[0];
  gboolean stable = TRUE;

  while (self->waiting.length > 0 && d->budget > 0 && self->running.length < most_active(self)) {
    Sequence *sequence = scheduler_waiting_head(self);
    guint32 idle;
    guint32 hits = pool_hits(&self->pool, sequence, G_MAXUINT32, &idle);
    guint32 cached = (sequence->blocks + hits) * self->config.block_size;
    guint32 most = self->config.chunked_prefill ? d->budget : G_MAXUINT32;
    guint32 tokens = wanted_tokens(d, sequence, cached, most);

    if (d->hold && cached + 1 < sequence_length(sequence)) {
      stable = FALSE;
      break;
    }
    if (tokens > d->budget && has_rule(self, RULE_LONG_PROMPT_STOPS))
      break;
    if (tokens > d->budget) {
      sequence_queue_push_tail(skipped, scheduler_take_waiting(self));
      continue;
    }
    if (!admit(d, sequence, hits, idle, tokens)) {
      /* A hit that is lost leaves more to compute: a chunk that is then limited needs less. */
      stable = hits == 0 || self->config.reserve_full_isl ||
               wanted_tokens(d, sequence, 0, d->budget) == sequence_length(sequence);
      break;
    }
  }
  if (skipped->length > 1)
    d->step->idle_changes = TRUE;
  if (skipped->length > 0)
    stable = FALSE;
  while (skipped->length > 0)
    waiting_queue_push_head(&self->waiting, sequence_queue_pop_head(skipped));
  return stable;
}

/* Some running request has its prompt behind it. The members of the clock have, and stand first. */
static gboolean
something_decodes(const Scheduler *self)
{
  if (self->clock.count > 0)
    return TRUE;
  for (const Sequence *s = self->running.head; s != NULL; s = s->next)
    if (s->stage == STAGE_DECODE)
      return TRUE;
  return FALSE;
}

static gboolean
holds_prefills(const Scheduler *self, const VllmPace *pace)
{
  guint32 interval = self->config.prefill_schedule_interval;
  gint64 next = (gint64)self->executed + 1;

  if (interval <= 1 || pace->bound)
    return FALSE;
  return next - pace->last_prefill < interval && something_decodes(self);
}

static void
note_pace(const Decision *d, VllmPace *pace)
{
  if (d->prefills)
    pace->last_prefill = (gint64)d->self->executed + 1;
  if (!d->hold && d->step->victims->len == 0)
    pace->bound = d->self->waiting.length > 0;
}

void
vllm_schedule(Scheduler *self, Step *step)
{
  gboolean alone = scheduler_unfinished(self) <= 1;
  gboolean unlimited = alone && has_rule(self, RULE_LONE_REQUEST_UNLIMITED);
  VllmPace *pace = self->state;
  Decision d = {
      .self = self,
      .step = step,
      .budget = self->config.max_num_batched_tokens,
      .threshold = unlimited ? 0 : self->config.long_prefill_token_threshold,
      .hold = holds_prefills(self, pace),
  };
  gboolean stable = TRUE;

  schedule_running(&d);
  if (step->victims->len == 0) {
    schedule_swapped(&d);
    if (self->swapped.length == 0)
      stable = schedule_waiting(&d);
  }
  note_pace(&d, pace);
  scheduler_join_clock(self, step);
  if (stable && step_is_only_decodes(step))
    scheduler_set_repeat(self, step, 0);
}

void
vllm_begin(Scheduler *self)
{
  VllmPace *pace = self->state;

  pace->last_prefill = -(gint64)self->config.prefill_schedule_interval;
}
