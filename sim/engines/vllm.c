/* The schedulers of vLLM 0.8 to 0.33 (its engine "v1"): one file, and the version that brought each
 * rule.
 *
 * Running sequences first, in list order, partial prefills and decodes alike (those of the decode
 * clock all at once: they are the first); whoever finds no block preempts from the list's tail.
 * Then, if nobody was preempted, the waiting ones, strictly in order. One block is the engine's
 * own. Swap is a what-if that the engine lacks: victims wait on the host, come back before anything
 * new is admitted, and are recomputed where the host has no room.
 */
#include "sim/scheduler.h"

/* Rules that no option switches. */
typedef enum {
  /* Without chunked prefill the first prompt that does not fit the budget ends the pass. Before, it
   * was passed over, and what was passed over returned in reverse order: the engine's mistake. */
  RULE_LONG_PROMPT_STOPS = 1 << 0,
  /* A request that is alone has no long-prefill threshold. */
  RULE_LONE_REQUEST_UNLIMITED = 1 << 1,
} Rule;

/* With a prefill interval of I, I decisions with tokens lie between two with prefills, as long as
 * something decodes and nobody was left waiting. */
typedef struct {
  gint64 last_prefill; /* decisions with tokens up to the last that had a prefill, it included */
  gboolean bound;      /* requests were left waiting: then prefills are not held back */
} Pace;

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
has_rule(const Scheduler *self, Rule rule)
{
  return (self->class->rules & rule) != 0;
}

static guint32
most_active(const Scheduler *self)
{
  return self->config.max_num_active_seqs > 0 ? self->config.max_num_active_seqs
                                              : self->config.max_num_seqs;
}

/* Tokens of `sequence` to compute in this step, without regard to blocks; 0 if none. */
static guint32
wanted_tokens(const Decision *d, const Sequence *sequence, guint32 cached, gboolean chunked)
{
  guint32 tokens = sequence_length(sequence) - cached;

  if (d->threshold > 0)
    tokens = MIN(tokens, d->threshold);
  return chunked ? MIN(tokens, d->budget) : tokens;
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
preempt(Decision *d, Sequence *victim, const Sequence *beneficiary)
{
  Scheduler *self = d->self;

  if (scheduler_preempt(self, d->step, victim, beneficiary, TRUE) == OVERFLOW_SWAP)
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
    Sequence *victim = victim_policy_pick(self->config.victim, &self->running, sequence);
    preempt(d, victim, sequence);
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
      Sequence *victim = victim_policy_pick(self->config.victim, &self->running, member);
      gboolean itself = victim == member;
      preempt(d, victim, member);
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
  guint32 longest = self->config.max_model_len - 1;
  gboolean goes_on = TRUE;
  Sequence *next;

  if (self->clock.count > d->budget)
    scheduler_dissolve_clock(self, d->step);
  if (self->clock.count > 0) {
    goes_on = supply_members(d);
    scheduler_run_members(self, d->step);
    d->budget -= d->step->clocked;
  }
  for (Sequence *sequence = scheduler_first_loose(self);
       sequence != NULL && goes_on && d->budget > 0; sequence = next) {
    gboolean prefills = sequence->stage == STAGE_PREFILL;
    guint32 computed = sequence->computed_tokens;
    guint32 tokens = wanted_tokens(d, sequence, computed, TRUE);
    tokens = MIN(tokens, longest > computed ? longest - computed : 0);
    if (tokens > 0 && !sequence->ending && !(d->hold && prefills)) {
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
    guint32 computed = sequence->computed_tokens;
    guint32 tokens = wanted_tokens(d, sequence, computed, TRUE);
    guint32 idle;
    guint32 hits = pool_hits(&self->pool, sequence, sequence->host_blocks, &idle);
    guint32 need = MAX(blocks_after(self, computed, tokens), sequence->host_blocks);
    gboolean decodes = sequence->stage == STAGE_DECODE;

    if (need - hits + idle > self->pool.free_blocks)
      break;
    sequence_queue_pop_head(&self->swapped);
    if (hits > 0)
      pool_share(&self->pool, sequence, hits);
    pool_grow(&self->pool, sequence, need);
    scheduler_register(self, sequence, tokens);
    scheduler_note_swap_in(self, d->step, sequence, sequence->host_blocks - hits);
    sequence_queue_push_tail(&self->running, sequence);
    scheduler_add_entry(self, d->step, sequence, tokens,
                        decodes ? ENTRY_DECODE_SWAPPED_IN : ENTRY_PREFILL_SWAPPED_IN);
    d->budget -= tokens;
  }
}

/* Admits the head of waiting if its blocks are there: those of this chunk and, with the gate, those
 * of all that it has to compute. */
static gboolean
admit(Decision *d, Sequence *sequence, guint32 hits, guint32 idle_hits, guint32 tokens)
{
  Scheduler *self = d->self;
  guint32 hit_tokens = hits * self->config.block_size;
  guint32 whole = sequence_length(sequence) - hit_tokens;
  guint32 need = blocks_after(self, hit_tokens, self->config.reserve_full_isl ? whole : tokens);
  guint32 spared = self->running.length > 0 ? self->watermark_blocks : 0;
  EntryKind kind = scheduler_entry_kind(sequence);

  if ((guint64)need - hits + idle_hits + spared > self->pool.free_blocks) {
    self->memory_bound = TRUE;
    return FALSE;
  }
  if (hits > 0) {
    const StepHit hit = {.request = sequence->request, .tokens = hit_tokens};
    pool_share(&self->pool, sequence, hits);
    g_array_append_val(d->step->hits, hit);
  }
  sequence->computed_tokens = hit_tokens;
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
    guint32 cached = hits * self->config.block_size;
    guint32 tokens = wanted_tokens(d, sequence, cached, self->config.chunked_prefill);

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
               wanted_tokens(d, sequence, 0, TRUE) == sequence_length(sequence);
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
holds_prefills(const Scheduler *self, const Pace *pace)
{
  guint32 interval = self->config.prefill_schedule_interval;
  gint64 next = (gint64)self->executed + 1;

  if (interval <= 1 || pace->bound)
    return FALSE;
  return next - pace->last_prefill < interval && something_decodes(self);
}

static void
note_pace(const Decision *d, Pace *pace)
{
  if (d->prefills)
    pace->last_prefill = (gint64)d->self->executed + 1;
  if (!d->hold && d->step->victims->len == 0)
    pace->bound = d->self->waiting.length > 0;
}

static void
schedule(Scheduler *self, Step *step)
{
  gboolean alone = scheduler_unfinished(self) <= 1;
  gboolean unlimited = alone && has_rule(self, RULE_LONE_REQUEST_UNLIMITED);
  Pace *pace = self->state;
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

static void
begin(Scheduler *self)
{
  Pace *pace = self->state;

  pace->last_prefill = -(gint64)self->config.prefill_schedule_interval;
}

/* When each came, read in the releases of 0.8.0 to 0.33.0 and, for 0.14, 0.18, 0.22, 0.26 and 0.33,
 * held against recordings of them. */
#define SINCE(minor, first, what) ((minor) >= (first) ? (guint32)(what) : 0u)
#define RULES(minor)                                                                               \
  (SINCE(minor, 12, RULE_LONG_PROMPT_STOPS) | SINCE(minor, 31, RULE_LONE_REQUEST_UNLIMITED))
#define FEATURES(minor)                                                                            \
  (SCHEDULER_HAS_PREFIX_CACHING | SCHEDULER_HAS_LONG_PREFILL | SCHEDULER_CHUNKS_BY_DEFAULT |       \
   SINCE(minor, 10, SCHEDULER_HAS_ASYNC) | SINCE(minor, 14, SCHEDULER_ASYNC_BY_DEFAULT) |          \
   SINCE(minor, 19, SCHEDULER_HAS_RESERVE_FULL_ISL) |                                              \
   SINCE(minor, 23, SCHEDULER_REUSES_PARTIAL_FIRST) |                                              \
   SINCE(minor, 24, SCHEDULER_HAS_WATERMARK | SCHEDULER_HAS_PREFILL_INTERVAL) |                    \
   SINCE(minor, 31, SCHEDULER_HAS_ACTIVE_SEQS))

#define ENGINE(called, minor, text, more_features)                                                 \
  {                                                                                                \
    .name = called, .help = text, .version = minor, .costs_as = "vllm-v1",                         \
    .features = FEATURES(minor) | (more_features), .rules = RULES(minor), .hidden_blocks = 1,      \
    .stops_at_max_model_len = TRUE, .state_bytes = sizeof(Pace), .begin = begin,                   \
    .schedule = schedule,                                                                          \
  }
#define VERSION(minor, text) ENGINE("vllm-0." #minor, minor, text, SCHEDULER_CACHES_BY_DEFAULT)

const SchedulerClass scheduler_vllm_versions[] = {
    VERSION(8, "vLLM 0.8: running first, preempts the newest, recomputes; prefix caching"),
    VERSION(9, "vLLM 0.9: decides as 0.8"),
    VERSION(10, "vLLM 0.10: asynchronous scheduling where asked for"),
    VERSION(11, "vLLM 0.11: decides as 0.10"),
    VERSION(12, "vLLM 0.12: without chunking, a prompt too long for the step ends its admissions"),
    VERSION(13, "vLLM 0.13: decides as 0.12"),
    VERSION(14, "vLLM 0.14: asynchronous scheduling by default"),
    VERSION(15, "vLLM 0.15: decides as 0.14"),
    VERSION(16, "vLLM 0.16: decides as 0.14"),
    VERSION(17, "vLLM 0.17: decides as 0.14"),
    VERSION(18, "vLLM 0.18: decides as 0.14"),
    VERSION(19, "vLLM 0.19: admits only what finds blocks for all of its length"),
    VERSION(20, "vLLM 0.20: decides as 0.19"),
    VERSION(21, "vLLM 0.21: decides as 0.19"),
    VERSION(22, "vLLM 0.22: decides as 0.19"),
    VERSION(23, "vLLM 0.23: blocks without cached content are used again first"),
    VERSION(24, "vLLM 0.24: a watermark and a prefill interval where asked for"),
    VERSION(25, "vLLM 0.25: decides as 0.24"),
    VERSION(26, "vLLM 0.26: decides as 0.24"),
    VERSION(27, "vLLM 0.27: decides as 0.24"),
    VERSION(28, "vLLM 0.28: decides as 0.24"),
    VERSION(29, "vLLM 0.29: decides as 0.24"),
    VERSION(30, "vLLM 0.30: decides as 0.24"),
    VERSION(31, "vLLM 0.31: a cap on active sequences; a lone prompt is not cut by the threshold"),
    VERSION(32, "vLLM 0.32: decides as 0.31"),
    VERSION(33, "vLLM 0.33: decides as 0.31; the newest known, also called vllm"),
};

G_STATIC_ASSERT(G_N_ELEMENTS(scheduler_vllm_versions) ==
                SCHEDULER_VLLM_NEWEST - SCHEDULER_VLLM_OLDEST + 1);

const SchedulerClass scheduler_vllm_v1 = ENGINE(
    "vllm-v1", 10, "vLLM v1 of August 2025: running first, preempts the newest, recomputes", 0);
