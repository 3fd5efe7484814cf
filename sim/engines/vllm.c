/* The scheduler of vLLM 0.8 to 0.33 (its engine "v1"); vllm_versions.c says which version has which
 * rule.
 *
 * Running sequences come first, in list order, partial prefills and decodes alike. The members of
 * the decode clock are the first of them and are scheduled at once. A sequence that finds no block
 * preempts from the list's tail. Then, if nothing was preempted, waiting requests are admitted,
 * strictly in order. The engine keeps one block for itself.
 *
 * Swap is a what-if that the engine lacks: victims wait on the host, come back before anything new
 * is admitted, and are recomputed if the host has no room.
 */
#include "vllm.h"

/* Blocks that a running sequence needs for so many more tokens, less those that it gives back
 * first. */
static gint64
more_blocks(const Scheduler *self, const Sequence *sequence, guint32 tokens)
{
  if (tokens == 0)
    return 0;
  return pool_lacks(&self->pool, sequence, vllm_settled_tokens(self, sequence),
                    vllm_end_tokens(self, sequence->computed_tokens, tokens));
}

typedef enum {
  SUPPLIED,
  LEFT_OUT, /* it has no work, or waits for blocks that are being copied out */
  GONE,     /* it preempted itself, or no sequence may be preempted */
} Supply;

/* As vllm_allocate(). With copies beside the steps the blocks that starved sequences wait for are
 * not free for others. */
static gboolean
allocate(VllmDecision *d, Sequence *sequence, guint32 tokens)
{
  const Pool *pool = &d->self->pool;
  gboolean holds =
      pool_holds(pool, sequence, vllm_end_tokens(d->self, sequence->computed_tokens, tokens));

  if (pool->groups == NULL && !holds && pool->free_blocks <= d->owed_blocks) {
    d->self->memory_bound = TRUE;
    return FALSE;
  }
  if (d->owed_blocks > 0 && !holds && more_blocks(d->self, sequence, tokens) > 0 &&
      pool->free_blocks < d->owed_blocks + (guint64)more_blocks(d->self, sequence, tokens))
    return FALSE;
  return vllm_allocate(d->self, sequence, tokens);
}

/* TRUE if the blocks that are being copied out will be enough: the sequence waits for them. */
static gboolean
starves(VllmDecision *d, Sequence *sequence, guint32 more)
{
  const Pool *pool = &d->self->pool;

  if (pool->leaving_blocks == 0 ||
      (guint64)pool->free_blocks + pool->leaving_blocks < (guint64)d->owed_blocks + more)
    return FALSE;
  vllm_starve(d, sequence, more);
  return TRUE;
}

/* Gives a running sequence its blocks, for which others, or itself, may be preempted. */
static Supply
supply(VllmDecision *d, Sequence *sequence, guint32 tokens)
{
  Scheduler *self = d->self;

  while (!allocate(d, sequence, tokens)) {
    guint32 more = (guint32)more_blocks(self, sequence, tokens);
    Sequence *victim = self->running.tail;
    if (scheduler_free_up(self, d->step, sequence, d->owed_blocks + more))
      continue;
    if (starves(d, sequence, more))
      return LEFT_OUT;
    if (!vllm_may_preempt(self, victim)) {
      d->owed_blocks += scheduler_is_pipelined(self) ? more : 0;
      return GONE;
    }
    vllm_preempt(d, victim, sequence,
                 d->owed_blocks + more - self->pool.free_blocks - self->pool.leaving_blocks);
    if (victim == sequence)
      return GONE;
  }
  return SUPPLIED;
}

/* v1 has no stages: a sequence decodes if all but its newest token is computed. So the last chunk
 * of a resumed request is a decode if it is one token. */
static EntryKind
running_kind(const Sequence *sequence)
{
  if (sequence->generated_tokens > 0 && sequence->computed_tokens + 1 == sequence_length(sequence))
    return ENTRY_DECODE;
  return scheduler_entry_kind(sequence);
}

/* The first running sequence for which the available blocks are not enough, and how many it lacks;
 * NULL: they are enough for all. */
static Sequence *
first_short(const VllmDecision *d, guint32 *short_blocks)
{
  Scheduler *self = d->self;
  guint32 left = scheduler_available_blocks(self, NULL) + self->pool.leaving_blocks;
  guint32 budget = d->budget;
  Sequence *member = vllm_first_short_member(self, &left, short_blocks);

  if (member != NULL)
    return member;
  budget -= self->clock.count;
  for (Sequence *s = scheduler_first_loose(self); s != NULL && budget > 0; s = s->next) {
    guint32 tokens = vllm_running_tokens(d, s, budget);
    gint64 more = more_blocks(self, s, tokens);
    if (more > (gint64)left) {
      *short_blocks = (guint32)(more - left);
      return s;
    }
    left -= (guint32)more;
    budget -= tokens;
  }
  return NULL;
}

/* With a policy that ranks, victims are preempted before the step gets any work: a what-if. */
static void
preempt_by_rank(VllmDecision *d)
{
  Sequence *in_need, *victim;
  guint32 short_blocks;

  while ((in_need = first_short(d, &short_blocks)) != NULL && vllm_may_preempt_any(d->self) &&
         (victim = scheduler_first_victim(d->self, in_need, short_blocks)) != NULL &&
         vllm_may_preempt(d->self, victim)) {
    d->self->memory_bound = TRUE;
    vllm_preempt(d, victim, in_need, short_blocks);
  }
  d->unmet = in_need != NULL;
}

/* Dissolves the clock if the members cannot be scheduled at once. A policy that ranks chooses
 * victims before members leave the clock, since it keeps them in order. */
static inline void
prepare_members(VllmDecision *d)
{
  Scheduler *self = d->self;

  if (self->clock.count > d->budget || !scheduler_groups_may_run(self))
    scheduler_dissolve_clock(self, d->step);
  if (self->config.victim->rank != NULL)
    preempt_by_rank(d);
}

/* FALSE if the running pass ends with a member that gets no block. */
static inline gboolean
run_members(VllmDecision *d)
{
  gboolean goes_on;

  if (d->self->clock.count == 0)
    return TRUE;
  goes_on = vllm_supply_members(d);
  if (goes_on)
    scheduler_run_members(d->self, d->step);
  else
    scheduler_run_present_members(d->self, d->step);
  d->budget -= d->step->clocked;
  return goes_on;
}

/* Schedules the sequence and those behind it one by one. */
static void
run_loose(VllmDecision *d, Sequence *sequence)
{
  Sequence *next;

  for (; sequence != NULL && d->budget > 0; sequence = next) {
    gboolean prefills = sequence->stage == STAGE_PREFILL;
    guint32 tokens = vllm_running_tokens(d, sequence, d->budget);
    Supply supplied = tokens > 0 ? supply(d, sequence, tokens) : LEFT_OUT;
    if (supplied == GONE)
      break;
    if (supplied == SUPPLIED) {
      scheduler_add_entry(d->self, d->step, sequence, tokens, running_kind(sequence));
      d->budget -= tokens;
      d->prefills |= prefills;
    }
    next = sequence->next;
  }
}

static void
schedule_running(VllmDecision *d)
{
  Sequence *loose;

  prepare_members(d);
  if (run_members(d) && (loose = scheduler_first_loose(d->self)) != NULL)
    run_loose(d, loose);
}

/* The same with copies beside the steps. */
static void
schedule_running_beside(VllmDecision *d)
{
  VllmStarving starving = vllm_look_at_starved(d);

  if (starving == STARVES_ANEW) {
    prepare_members(d);
    vllm_leave_from_short(d->self);
  }
  if (run_members(d) && starving != STARVES_AS_BEFORE)
    run_loose(d, starving == STARVES_ON ? d->behind : scheduler_first_loose(d->self));
  if (starving != STARVES_AS_BEFORE)
    vllm_note_starved(d);
}

/* TRUE if some running request has computed its prompt. Members of the clock have. */
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

/* TRUE if the interval between decisions with prefills is not over (VllmPace). */
static gboolean
holds_prefills(const Scheduler *self, const VllmPace *pace)
{
  gint64 next = (gint64)self->executed + 1;

  return !pace->bound && next - pace->last_prefill < self->config.prefill_schedule_interval &&
         something_decodes(self);
}

/* Brings the pace up to date. FALSE if a later step may decide otherwise, because the interval
 * holds requests back or lets them go by the count of steps. */
static gboolean
note_pace(const VllmDecision *d, VllmPace *pace)
{
  const Scheduler *self = d->self;
  guint32 waiting = self->waiting.length + self->held.length;
  guint32 held_up = self->offload != NULL ? offload_held_up(self->offload) : 0;

  if (d->prefills)
    pace->last_prefill = (gint64)d->self->executed + 1;
  if (!d->hold && d->step->victims->len == 0)
    pace->bound = waiting > held_up;
  return pace->bound || waiting == 0;
}

static void
set_repeat_and_copy_ahead(Scheduler *self, Step *step, gboolean stable)
{
  const AheadBound bound = scheduler_copy_ahead(self, step);

  if (stable && step_is_only_decodes(step))
    scheduler_set_repeat(self, step, bound.reserve_blocks);
  step->repeat = MIN(step->repeat, bound.repeats);
}

void
vllm_schedule(Scheduler *self, Step *step)
{
  gboolean unlimited =
      vllm_has_rule(self, RULE_LONE_REQUEST_UNLIMITED) && scheduler_unfinished(self) <= 1;
  VllmPace *pace = &((VllmState *)self->state)->pace;
  VllmDecision d = {
      .self = self,
      .step = step,
      .budget = self->config.max_num_batched_tokens,
      .threshold = unlimited ? 0 : self->config.long_prefill_token_threshold,
      .hold = pace->keeps && holds_prefills(self, pace),
  };
  gboolean stable = TRUE;

  if (self->swap_copies == NULL)
    schedule_running(&d);
  else
    schedule_running_beside(&d);
  if (self->returning.length > 0)
    vllm_join_returned(&d);
  if (step->victims->len == 0 && d.owed_blocks == 0) {
    stable = self->swapped.length == 0 || vllm_schedule_swapped(&d);
    if (self->swapped.length == 0 && (self->held.length == 0 || vllm_schedule_held(&d)) &&
        self->waiting.length > 0)
      stable = ((VllmState *)self->state)->blocked.is_noted ? vllm_schedule_waiting_noted(&d)
                                                            : vllm_schedule_waiting(&d);
  }
  if (pace->keeps && !note_pace(&d, pace))
    stable = FALSE;
  scheduler_join_clock(self, step);
  if (self->config.swap_ahead_blocks > 0)
    set_repeat_and_copy_ahead(self, step, stable);
  else if (stable && step_is_only_decodes(step))
    scheduler_set_repeat(self, step, 0);
}

void
vllm_begin(Scheduler *self)
{
  VllmPace *pace = &((VllmState *)self->state)->pace;

  pace->keeps = self->config.prefill_schedule_interval > 1 && vllm_has_rule(self, RULE_PACES_ALONE);
  pace->last_prefill = -(gint64)self->config.prefill_schedule_interval;
  /* Where states are cached steps are only repeated while nothing is lost. With native offload
   * somebody may be passed over later, and who arrives be admitted. */
  ((VllmState *)self->state)->blocked.is_noted =
      (self->pool.class->names_blocks || self->copies_beside) && self->offload == NULL &&
      !pace->keeps && (self->pool.groups == NULL || self->clock.growth != NULL);
}

void
vllm_end(Scheduler *self)
{
  g_clear_pointer(&((VllmState *)self->state)->starved.requests, g_array_unref);
}
