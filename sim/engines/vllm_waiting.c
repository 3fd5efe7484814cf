/* How vLLM admits: first the held sequences, whose KV was being loaded, then the waiting ones,
 * strictly in order.
 *
 * With native offload a waiting request may begin to load instead, or be passed over while the host
 * is not ready for it; either keeps its place.
 */
#include "vllm.h"

/* What becomes of a waiting sequence. Where the pass ends it ends in the next decisions, too, as
 * long as the pool only shrinks and no copy ends, but for PASS_ENDS_FOR_NOW. */
typedef enum { ADMITTED, PASSED_OVER, PASS_ENDS, PASS_ENDS_FOR_NOW } Outcome;

/* Blocks for all that the sequence has to compute. */
static guint32
whole_blocks(Scheduler *self, Sequence *sequence, const PoolPrefix *prefix, gboolean knows_windows)
{
  guint32 length = sequence_length(sequence);
  guint64 end = MIN(length, self->config.max_model_len);
  guint32 in_flight_tokens =
      knows_windows ? scheduler_in_flight_tokens(self->class, &self->config) : 0;

  return pool_admission_blocks(&self->pool, sequence, prefix, end, in_flight_tokens);
}

/* Blocks that must be free to admit the sequence: those of this chunk and, with the gate, those of
 * all that it has to compute. In 0.19 the gate counts what windows will have given back by then. */
static guint32
needed_blocks(Scheduler *self, Sequence *sequence, const PoolPrefix *prefix, guint32 tokens)
{
  guint32 chunk = pool_admission_blocks(&self->pool, sequence, prefix,
                                        vllm_end_tokens(self, prefix->tokens, tokens), 0);
  gboolean knows_windows = (self->class->features & SCHEDULER_GATE_KNOWS_WINDOWS) != 0;
  guint32 whole;

  if (!self->config.reserve_full_isl)
    return chunk;
  whole = whole_blocks(self, sequence, prefix, knows_windows);
  return MAX(whole, chunk);
}

/* Admits a waiting sequence if its blocks are free. It begins behind what it kept, or what the
 * prefix cache has. */
static gboolean
admit(VllmDecision *d, Sequence *sequence, const PoolPrefix *prefix, guint32 tokens)
{
  Scheduler *self = d->self;
  guint32 left = sequence_length(sequence) - prefix->tokens;
  guint32 need = needed_blocks(self, sequence, prefix, tokens);
  guint32 spared = self->running.length > 0 ? self->watermark_blocks : 0;
  EntryKind kind = scheduler_entry_kind(sequence);

  if ((guint64)need + spared > scheduler_available_blocks(self, sequence)) {
    self->memory_bound = TRUE;
    return FALSE;
  }
  if (scheduler_asks_admission(self) &&
      !scheduler_admits(self, sequence, need, whole_blocks(self, sequence, prefix, TRUE), 0))
    return FALSE;
  scheduler_free_up(self, d->step, sequence, need);
  scheduler_take_kept(self, sequence);
  pool_share(&self->pool, sequence, prefix);
  if (prefix->found) {
    const StepHit hit = {.request = sequence->request, .tokens = prefix->tokens};
    g_array_append_val(d->step->hits, hit);
  }
  sequence->computed_tokens = prefix->tokens;
  vllm_allocate(self, sequence, tokens);
  if (self->offload != NULL)
    offload_note_waiting(self->offload, sequence, FALSE);
  waiting_queue_remove(&self->waiting, sequence);
  sequence_queue_push_tail(&self->running, sequence);
  scheduler_add_entry(self, d->step, sequence, tokens, kind);
  d->budget -= tokens;
  d->prefills |= left > 1;
  return TRUE;
}

/* What a sequence in prefill lacks for its length. */
static guint32
lacked_by_prefill(const Scheduler *self, const Sequence *sequence)
{
  guint32 whole;

  if (sequence->stage != STAGE_PREFILL)
    return 0;
  whole = vllm_blocks_after(self, 0, sequence_length(sequence));
  return whole - MIN(whole, sequence->blocks);
}

/* Native offload: blocks that sequences in prefill, running or held, still lack for their length.
 * Those that run are behind the decode clock's members. */
static guint32
reserved_blocks(const Scheduler *self)
{
  guint32 reserved = 0;

  for (const Sequence *s = self->running.tail; s != NULL && !s->in_clock; s = s->previous)
    reserved += lacked_by_prefill(self, s);
  for (const Sequence *s = self->held.head; s != NULL; s = s->next)
    reserved += lacked_by_prefill(self, s);
  return reserved;
}

/* TRUE if a load that finds too few blocks will not find them while the pool shrinks. Of the hits
 * those that are free may be lost; then the host may lack them, and the sequence be admitted
 * without a load, or be passed over because they are being copied. */
static gboolean
lacks_for_good(const Scheduler *self, const Sequence *sequence, const PoolPrefix *prefix,
               gboolean lacks_whole)
{
  return prefix->idle == 0 ||
         (lacks_whole && !offload_is_copying(self->offload, sequence, prefix->blocks));
}

/* Begins to load what the host has of the sequence, which holds its blocks from now on. */
static Outcome
load(VllmDecision *d, Sequence *sequence, const PoolPrefix *prefix, guint32 blocks)
{
  Scheduler *self = d->self;
  guint32 hits = prefix->blocks, idle_hits = prefix->idle;
  guint64 free_blocks = self->pool.free_blocks;
  guint64 spared = (self->running.length > 0 ? self->watermark_blocks : 0) + (guint64)idle_hits;
  guint32 whole = vllm_blocks_after(self, 0, sequence_length(sequence));
  gboolean lacks_whole = self->config.reserve_full_isl && whole - hits + spared > free_blocks;

  if (lacks_whole || blocks + spared + reserved_blocks(self) > free_blocks) {
    self->memory_bound = TRUE;
    return lacks_for_good(self, sequence, prefix, lacks_whole) ? PASS_ENDS : PASS_ENDS_FOR_NOW;
  }
  if (!scheduler_admits(self, sequence, blocks + idle_hits, whole - hits + idle_hits, 0))
    return PASS_ENDS_FOR_NOW;
  pool_share(&self->pool, sequence, prefix);
  pool_grow(&self->pool, sequence, hits + blocks);
  sequence->computed_tokens = (hits + blocks) * self->config.block_size;
  offload_load(self->offload, d->step, sequence, hits, blocks);
  offload_note_waiting(self->offload, sequence, TRUE);
  waiting_queue_remove(&self->waiting, sequence);
  sequence_queue_push_tail(&self->held, sequence);
  return ADMITTED;
}

/* Admits a sequence whose load is over, if the blocks that it lacks are free. */
static gboolean
admit_loaded(VllmDecision *d, Sequence *sequence, guint32 tokens)
{
  Scheduler *self = d->self;
  const StepHit hit = {.request = sequence->request, .tokens = sequence->computed_tokens};
  guint32 whole = sequence_length(sequence) - sequence->computed_tokens;
  guint32 need = vllm_blocks_after(self, sequence->computed_tokens,
                                   self->config.reserve_full_isl ? whole : tokens);
  guint32 spared = self->running.length > 0 ? self->watermark_blocks : 0;
  EntryKind kind = scheduler_entry_kind(sequence);

  if ((guint64)(need > sequence->blocks ? need - sequence->blocks : 0) + spared >
      self->pool.free_blocks) {
    self->memory_bound = TRUE;
    return FALSE;
  }
  g_array_append_val(d->step->hits, hit);
  vllm_allocate(self, sequence, tokens);
  offload_note_waiting(self->offload, sequence, FALSE);
  sequence_queue_remove(sequence);
  sequence_queue_push_tail(&self->running, sequence);
  scheduler_add_entry(self, d->step, sequence, tokens, kind);
  d->budget -= tokens;
  d->prefills |= whole > 1;
  return TRUE;
}

gboolean
vllm_schedule_held(VllmDecision *d)
{
  Scheduler *self = d->self;
  Sequence *next;

  for (Sequence *s = self->held.head; s != NULL && d->budget > 0 && vllm_may_run_more(self);
       s = next) {
    guint32 most = self->config.chunked_prefill ? d->budget : G_MAXUINT32, tokens;
    next = s->next;
    if (!offload_loaded(s)) {
      offload_note_waiting(self->offload, s, TRUE);
      continue;
    }
    pool_commit(&self->pool, s, s->computed_tokens);
    s->computed_tokens = MIN(s->computed_tokens, sequence_length(s) - 1);
    tokens = vllm_wanted_tokens(d, s, s->computed_tokens, most);
    if ((d->hold && s->computed_tokens + 1 < sequence_length(s)) || tokens > d->budget ||
        !admit_loaded(d, s, tokens))
      return FALSE;
  }
  return TRUE;
}

/* TRUE if the blocks that a sequence lacks do not become fewer where hits of it are lost. Then it
 * has more to compute: a chunk that is limited needs less, and so does what is loaded instead. */
static gboolean
is_blocked_for_good(const VllmDecision *d, const Sequence *sequence, const PoolPrefix *prefix)
{
  const Scheduler *self = d->self;

  if (self->config.reserve_full_isl)
    return self->offload == NULL || prefix->idle == 0 ||
           !offload_is_copying(self->offload, sequence, prefix->blocks);
  return self->offload == NULL &&
         vllm_wanted_tokens(d, sequence, 0, d->budget) == sequence_length(sequence);
}

/* The same where groups' blocks have names: a shorter hit may end in windows that others hold. */
static gboolean
lacks_without_windows(Scheduler *self, Sequence *sequence, const PoolPrefix *prefix)
{
  gboolean knows_windows = (self->class->features & SCHEDULER_GATE_KNOWS_WINDOWS) != 0;
  guint64 spared = self->running.length > 0 ? self->watermark_blocks : 0;

  return self->config.reserve_full_isl &&
         whole_blocks(self, sequence, prefix, knows_windows) + spared >
             (guint64)scheduler_available_blocks(self, sequence) +
                 pool_idle_windows(&self->pool, sequence, prefix);
}

/* Tries to admit a waiting sequence, which may begin to load instead. */
static Outcome
try_waiting(VllmDecision *d, Sequence *sequence, SequenceQueue *skipped)
{
  Scheduler *self = d->self;
  const PoolPrefix prefix = pool_find(&self->pool, sequence, sequence_length(sequence) - 1);
  guint32 hits = prefix.blocks, cached = prefix.tokens, loadable = 0;
  guint32 most = self->config.chunked_prefill ? d->budget : G_MAXUINT32;
  guint32 tokens = vllm_wanted_tokens(d, sequence, cached, most);

  if (self->offload != NULL && !offload_lookup(self->offload, sequence, hits, &loadable)) {
    offload_note_waiting(self->offload, sequence, TRUE);
    d->passes_for_now |= prefix.idle > 0 && !offload_has_jobs(sequence);
    return PASSED_OVER;
  }
  if (loadable > 0)
    return load(d, sequence, &prefix, loadable);
  if (d->hold && cached + 1 < sequence_length(sequence))
    return PASS_ENDS_FOR_NOW;
  if (tokens > d->budget && vllm_has_rule(self, RULE_LONG_PROMPT_STOPS))
    return self->offload != NULL && hits > 0 ? PASS_ENDS_FOR_NOW : PASS_ENDS;
  if (tokens > d->budget) {
    waiting_queue_remove(&self->waiting, sequence);
    sequence_queue_push_tail(skipped, sequence);
    return ADMITTED;
  }
  if (self->pool.groups != NULL) {
    tokens = vllm_cut_at_states(d, sequence, cached, tokens);
    if (tokens == 0)
      return PASS_ENDS_FOR_NOW;
  }
  if (admit(d, sequence, &prefix, tokens))
    return ADMITTED;
  if (cached == 0 || (self->pool.groups != NULL && self->clock.growth != NULL
                          ? lacks_without_windows(self, sequence, &prefix)
                          : is_blocked_for_good(d, sequence, &prefix)))
    return PASS_ENDS;
  return PASS_ENDS_FOR_NOW;
}

/* TRUE if the last decision found everybody blocked, and this one would find the same. */
static gboolean
is_blocked_as_before(const VllmDecision *d, const VllmBlocked *noted)
{
  const Scheduler *self = d->self;

  return noted->decision + 1 == self->pool.decisions && noted->changes == self->changes &&
         noted->head == self->waiting.known.head && step_is_only_decodes(d->step) &&
         scheduler_available_blocks(self, NULL) <= noted->available_blocks &&
         noted->running == self->running.length + self->returning.length &&
         noted->budget == d->budget && noted->threshold == d->threshold;
}

/* Nobody was admitted, and nobody will be while the pool shrinks and no copy ends. */
static void
note_blocked(const VllmDecision *d, VllmBlocked *noted)
{
  const Scheduler *self = d->self;

  *noted = (VllmBlocked){
      .is_noted = TRUE,
      .decision = self->pool.decisions,
      .changes = self->changes,
      .head = self->waiting.known.head,
      .available_blocks = scheduler_available_blocks(self, NULL),
      .running = self->running.length + self->returning.length,
      .budget = d->budget,
      .threshold = d->threshold,
  };
}

gboolean
vllm_schedule_waiting(VllmDecision *d)
{
  Scheduler *self = d->self;
  SequenceQueue *skipped = &self->scratch[0];
  const Sequence *passed = NULL; /* the last one that keeps its place */
  gboolean stable;
  Outcome outcome = ADMITTED;

  while (d->budget > 0 && vllm_may_run_more(self)) {
    Sequence *sequence =
        passed != NULL ? scheduler_waiting_after(self, passed) : scheduler_waiting_head(self);
    if (sequence == NULL)
      break;
    outcome = try_waiting(d, sequence, skipped);
    if (outcome == PASSED_OVER)
      passed = sequence;
    else if (outcome != ADMITTED)
      break;
  }
  stable = outcome != PASS_ENDS_FOR_NOW && !d->passes_for_now;
  if (skipped->length > 1)
    d->step->idle_changes = TRUE;
  if (skipped->length > 0)
    stable = FALSE;
  while (skipped->length > 0)
    waiting_queue_push_head(&self->waiting, sequence_queue_pop_head(skipped));
  return stable;
}

gboolean
vllm_schedule_waiting_noted(VllmDecision *d)
{
  const Scheduler *self = d->self;
  VllmBlocked *noted = &((VllmState *)self->state)->blocked;
  gboolean stable;

  if (is_blocked_as_before(d, noted)) {
    noted->decision = self->pool.decisions;
    return TRUE;
  }
  stable = vllm_schedule_waiting(d);
  if (stable && self->stride && step_is_only_decodes(d->step))
    note_blocked(d, noted);
  return stable;
}
