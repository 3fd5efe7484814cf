/* Carries out what the overflow policy plans for a victim, and brings it back.
 *
 * A victim with blocks on the host waits in `swapped`, any other in `waiting`. If blocks before
 * those on the host were dropped there is a gap: the sequence computes up to gap_end_tokens and
 * goes on behind what was copied.
 *
 *     | computed again | on the host, then in the pool |
 *     0          gap_end_tokens                 tail_end_tokens
 */
#include "sim/array.h"
#include "sim/scheduler.h"

static void
note_copy_load(Scheduler *self)
{
  CopyLoad *load = &self->copy_load;

  load->beside = TRUE;
  for (CopyDirection d = COPY_OUT; d < COPY_DIRECTIONS; d++)
    load->busy_ps[d] =
        swap_copies_busy_ps(self->swap_copies, d, self->now_ps, scheduler_copy_ps, self);
  load->pool_blocks = self->pool.total_blocks;
  load->disk = self->config.disk;
  load->host_free_blocks =
      self->pool.host_free_blocks - MIN(self->pool.host_free_blocks, self->pool.host_owed_blocks);
}

OverflowQuery
scheduler_overflow_query(Scheduler *self, const Sequence *beneficiary, guint32 short_blocks)
{
  if (self->swap_copies != NULL)
    note_copy_load(self);
  return (OverflowQuery){
      .beneficiary = beneficiary,
      .short_blocks = short_blocks,
      .block_size = self->config.block_size,
      .host_free_blocks = scheduler_host_room(self),
      .dropped_tokens = self->dropped_tokens,
      .found_tokens = MIN(self->found_tokens, self->dropped_tokens),
      .caches_prefixes = self->config.prefix_caching,
      .step_tokens = self->config.max_num_batched_tokens,
      .decodes = &self->decodes,
      .memo = self->price_memo,
      .prices_rise = self->cost_rises,
      .copies = &self->copy_load,
      .cost = self->config.cost,
      .options = &self->config.overflow_options,
  };
}

/* How long it takes until the blocks that the plan copies are free. */
static gint64
free_after_ps(const Sequence *victim, const OverflowQuery *query, const OverflowPlan *plan)
{
  guint32 copied = victim->blocks - plan->keep_blocks - plan->drop_blocks;
  guint32 ahead = overflow_plan_copies_all(plan) ? victim->ahead_blocks : 0;

  if (!query->copies->beside || plan->free_copies || copied == 0 || query->cost == NULL)
    return 0;
  if (ahead > 0 && copied - ahead <= AHEAD_REST_BLOCKS)
    return victim->ahead_pending > 0 ? query->copies->busy_ps[COPY_OUT] : 0;
  copied -= ahead;
  return copy_load_wait_ps(query->copies, COPY_OUT, copied) +
         cost_model_copy_ps(query->cost, COPY_OUT, copied);
}

/* The policy's plan, as far as it can be carried out. */
static OverflowPlan
permitted_plan(const Scheduler *self, const OverflowPolicy *policy, const Sequence *victim,
               const OverflowQuery *query)
{
  OverflowPlan plan;
  guint32 front;

  /* A copy ahead of need is reading its blocks. */
  if (victim->ahead_pending > 0)
    return overflow_plan_swap();
  plan = policy->plan(policy, query);
  front = plan.keep_blocks + plan.drop_blocks;
  g_assert(plan.keep_blocks <= victim->blocks && front <= victim->blocks);
  /* The prefix cache keeps what it can of what is dropped; its queue has no place for a part. */
  if (self->config.prefix_caching && plan.keep_blocks > 0)
    return overflow_plan_recompute(query);
  /* Where windows give back no part is worth anything without the rest. */
  if ((self->pool.groups != NULL || window_pool_is_used(&self->pool.window)) && front > 0)
    return overflow_plan_recompute(query);
  /* A victim that is still to close a gap starts anew, and nothing is copied of nothing. */
  if (victim->gap_end_tokens > 0 ||
      (front > 0 && (guint64)front * self->config.block_size >= victim->computed_tokens))
    plan.drop_blocks = victim->blocks - plan.keep_blocks;
  return plan;
}

static OverflowPlan
plan_of(const Scheduler *self, const OverflowPolicy *policy, const Sequence *victim,
        const OverflowQuery *query)
{
  OverflowPlan plan = permitted_plan(self, policy, victim, query);

  plan.free_after_ps = free_after_ps(victim, query, &plan);
  return plan;
}

/* Notes what each policy would do; those that do not run, with their options' fallbacks. A run
 * without host memory counts as one with as much as they ask for. */
static void
tell_plans(const Scheduler *self, const Sequence *victim, const OverflowQuery *asked, Step *step)
{
  for (guint i = 0; overflow_policies[i] != NULL; i++) {
    const OverflowPolicy *policy = overflow_policies[i];
    const PolicyValues fallbacks = policy_fallbacks(&policy->base);
    OverflowQuery query = *asked;
    OverflowPlan plan;
    if (policy != self->config.overflow)
      query.options = &fallbacks;
    if (self->config.num_cpu_blocks == 0)
      query.host_free_blocks = G_MAXUINT32;
    plan = plan_of(self, policy, victim, &query);
    g_array_append_val(step->plans, plan);
  }
}

static OverflowAction
action_of(const OverflowPlan *plan, guint32 copied)
{
  if (plan->keep_blocks > 0)
    return OVERFLOW_PARTIAL;
  if (copied == 0)
    return OVERFLOW_RECOMPUTE;
  return plan->drop_blocks > 0 ? OVERFLOW_SPLIT : OVERFLOW_SWAP;
}

static void
keep(Scheduler *self, Sequence *victim)
{
  if (victim->blocks == 0)
    return;
  victim->keeps_blocks = TRUE;
  self->kept_blocks += victim->blocks;
  g_ptr_array_add(self->keepers, victim);
}

/* The victim keeps its first blocks and computes the rest again. */
static void
drop(Scheduler *self, Sequence *victim, guint32 keep_blocks)
{
  if (self->config.prefix_caching)
    self->dropped_tokens += victim->computed_tokens;
  pool_shrink(&self->pool, victim, keep_blocks);
  victim->computed_tokens = keep_blocks * self->config.block_size;
  victim->gap_end_tokens = victim->tail_end_tokens = 0;
  victim->stage = STAGE_PREFILL;
  victim->was_preempted = TRUE;
}

/* The sequence has its first `computed` tokens in the pool, and on the host what begins at gap_end.
 */
static void
open_gap(Sequence *sequence, guint32 computed, guint32 gap_end)
{
  if (sequence->gap_end_tokens == 0) {
    sequence->gap_end_tokens = gap_end;
    sequence->tail_end_tokens = sequence->computed_tokens;
    sequence->decodes_after_gap = sequence->stage == STAGE_DECODE;
    sequence->stage = STAGE_PREFILL;
  }
  sequence->computed_tokens = computed;
}

static void
copy_out(Scheduler *self, Step *step, Sequence *victim, const OverflowPlan *plan, guint32 copied)
{
  guint32 block_size = self->config.block_size, keep_blocks = plan->keep_blocks;

  victim->copies_are_free = plan->free_copies;
  victim->result.swapped_out_blocks += copied;
  if (self->swap_copies != NULL && !plan->free_copies) {
    pool_begin_swap_out(&self->pool, victim, keep_blocks, copied);
    scheduler_copy_out(self, step, victim, copied);
  } else {
    step->copy_out_blocks += plan->free_copies ? 0 : copied;
    pool_swap_out(&self->pool, victim, keep_blocks, copied);
  }
  if (plan->drop_blocks > 0)
    open_gap(victim, keep_blocks * block_size, (keep_blocks + plan->drop_blocks) * block_size);
}

/* Makes the plan recompute where the host has no room for its copies, which *fell_back says. FALSE
 * if the engine dies over that instead. */
static gboolean
fit_host(Scheduler *self, const Sequence *victim, gboolean can_fall_back, OverflowPlan *plan,
         gboolean *fell_back)
{
  guint32 copied = victim->blocks - plan->keep_blocks - plan->drop_blocks;

  if (plan->free_copies || scheduler_find_host_room(self, victim, copied))
    return TRUE;
  if (!can_fall_back && !self->config.overflow->of_no_engine)
    return FALSE;
  plan->drop_blocks += copied;
  *fell_back = TRUE;
  return TRUE;
}

/* Copies, drops and keeps the victim's blocks as planned. Its record says how many are copied,
 * which was done ahead of need if from_ahead; what is lost or left to copy is added. */
static void
carry_out(Scheduler *self, Step *step, Sequence *victim, const OverflowPlan *plan,
          gboolean from_ahead, StepVictim *record)
{
  guint32 copied = record->copied_blocks;

  if (from_ahead) {
    record->ahead_blocks = victim->ahead_blocks;
    record->rest_blocks = scheduler_swap_out_ahead(self, step, victim);
    record->copied_blocks -= record->rest_blocks;
  } else if (copied > 0) {
    copy_out(self, step, victim, plan, copied);
  } else {
    drop(self, victim, plan->keep_blocks);
  }
  if (copied == 0 || from_ahead)
    record->tokens_lost = record->computed_tokens - victim->computed_tokens;
  else
    record->tokens_lost = plan->drop_blocks * self->config.block_size;
  if (!self->config.prefix_caching)
    keep(self, victim);
}

gboolean
scheduler_preempt(Scheduler *self, Step *step, Sequence *victim, const Sequence *beneficiary,
                  guint32 short_blocks, gboolean can_fall_back)
{
  StepVictim *record;
  gboolean from_ahead, fell_back = FALSE;
  guint32 computed, copied;
  OverflowQuery query;
  OverflowPlan plan;

  scheduler_note_decodes(self);
  if (victim->queue != NULL)
    sequence_queue_remove(victim);
  if (victim->in_clock)
    scheduler_leave_clock(self, victim);
  if (self->offload != NULL)
    offload_preempt(victim);
  computed = victim->computed_tokens;
  if (!self->pool.class->names_blocks)
    pool_give_back(&self->pool, victim, victim->computed_tokens);
  query = scheduler_overflow_query(self, beneficiary, short_blocks);
  query.victim = (OverflowVictim){
      .request = victim->request,
      .computed_tokens = computed,
      .blocks = victim->blocks,
      .ahead_blocks = victim->ahead_blocks,
  };
  plan = plan_of(self, self->config.overflow, victim, &query);
  if (self->tell_plans)
    tell_plans(self, victim, &query, step);
  /* A victim that is dropped whole gives all blocks to the cache at once. */
  if (plan.drop_blocks == 0 && plan.keep_blocks == 0)
    pool_give_back(&self->pool, victim, victim->computed_tokens);
  from_ahead = victim->ahead_blocks > 0 && overflow_plan_copies_all(&plan);
  if (!from_ahead && victim->ahead_blocks > 0)
    scheduler_forget_ahead(self, victim);
  if (!from_ahead && !fit_host(self, victim, can_fall_back, &plan, &fell_back))
    step->abort = "Aborted due to the lack of CPU swap space";
  copied = victim->blocks - plan.keep_blocks - plan.drop_blocks;
  record = ARRAY_ADD(step->victims, &step->victims_room, StepVictim);
  *record = (StepVictim){
      .request = victim->request,
      .beneficiary = beneficiary->request,
      .computed_tokens = computed,
      .blocks = victim->blocks - plan.keep_blocks,
      .kept_blocks = plan.keep_blocks,
      .copied_blocks = copied,
      .free_copies = plan.free_copies,
      .fell_back = fell_back,
      .free_after_ps = copied > 0 ? plan.free_after_ps : 0,
      .action = action_of(&plan, copied),
  };
  if (query.copies->beside)
    record->copies = *query.copies;
  if (step->abort == NULL)
    carry_out(self, step, victim, &plan, from_ahead, record);
  self->changes++;
  victim->result.preemptions++;
  victim->preempted_at_ps = self->now_ps;
  return copied > 0;
}

/* A waiting sequence gives back the last `blocks` blocks of what it keeps. */
static void
shed_last(Scheduler *self, Step *step, Sequence *sequence, guint32 blocks)
{
  const StepShed record = {.request = sequence->request, .blocks = blocks};
  guint32 left = sequence->blocks - blocks, left_tokens = left * self->config.block_size;

  if (sequence_away_blocks(sequence) > 0)
    open_gap(sequence, left_tokens, sequence->blocks * self->config.block_size);
  else
    sequence->computed_tokens = left_tokens;
  pool_shrink(&self->pool, sequence, left);
  self->kept_blocks -= blocks;
  g_array_append_val(step->shed, record);
}

gboolean
scheduler_shed(Scheduler *self, Step *step, const Sequence *sequence, guint32 blocks)
{
  for (guint i = 0; i < self->keepers->len && self->pool.free_blocks < blocks;) {
    Sequence *keeper = g_ptr_array_index(self->keepers, i);
    if (keeper == sequence) {
      i++;
      continue;
    }
    shed_last(self, step, keeper, MIN(keeper->blocks, blocks - self->pool.free_blocks));
    if (keeper->blocks == 0) {
      keeper->keeps_blocks = FALSE;
      g_ptr_array_remove_index(self->keepers, i);
    }
  }
  return self->pool.free_blocks >= blocks;
}

guint32
scheduler_return_blocks(const Scheduler *self, const Sequence *sequence)
{
  guint32 front = sequence->gap_end_tokens > 0 ? sequence->gap_end_tokens / self->config.block_size
                                               : sequence->blocks;

  return front + sequence_away_blocks(sequence);
}

guint32
scheduler_return_tokens(const Scheduler *self, const Sequence *sequence, guint32 hits)
{
  guint32 computed = sequence->computed_tokens, gap_end = sequence->gap_end_tokens;

  if (gap_end == 0)
    return sequence->rest_blocks > 0 ? MAX(computed, hits * self->config.block_size) : computed;
  computed = MAX(computed, MIN(hits * self->config.block_size, gap_end));
  return computed < gap_end ? computed : sequence->tail_end_tokens;
}

void
scheduler_bring_back(Scheduler *self, Step *step, Sequence *sequence, const PoolPrefix *prefix,
                     guint32 blocks, guint32 tokens)
{
  guint32 away = sequence_away_blocks(sequence);
  guint32 front = scheduler_return_blocks(self, sequence) - away;
  guint32 hits = prefix->blocks;
  guint32 found = hits > front ? hits - front : 0;
  guint32 copied = away - MIN(found, away);
  const StepSwapIn record = {.request = sequence->request, .blocks = copied};

  scheduler_take_kept(self, sequence);
  pool_bring_back(&self->pool, sequence, prefix, blocks, tokens);
  sequence->computed_tokens = scheduler_return_tokens(self, sequence, hits);
  scheduler_close_gap(sequence);
  sequence->rest_blocks = 0;
  self->changes++;
  sequence->result.swapped_in_blocks += copied;
  if (self->swap_copies != NULL && !sequence->copies_are_free && copied > 0) {
    sequence->computes_front = sequence->gap_end_tokens > 0;
    scheduler_begin_copy_in(self, step, sequence, copied);
    return;
  }
  step->copy_in_blocks += sequence->copies_are_free ? 0 : copied;
  pool_release_host(&self->pool, sequence);
  g_array_append_val(step->swapped_in, record);
}
