/* The schedulers of vLLM 0.6 and 0.5, block managers 1 and 2, chunked prefill off and on.
 *
 * A step is three passes, over running, swapped and waiting. Without chunking, prefills and decodes
 * never share a step and anything swapped blocks new prefills. The two versions differ in order:
 * 0.5 sorts its queues by arrival, 0.6 puts resumed requests at the tail, where they are the next
 * victims. The engine's own mistakes are kept: it dies when the host has no room for a swap, and
 * when a sequence comes back into a full pool under block manager 2.
 */
#include "vllm_v0.h"

#define N_RUNNING_LISTS 5 /* of V0Plan's queues the first so many, whose sequences run */

static void
plan(SequenceQueue *queue, Sequence *sequence, guint32 tokens)
{
  sequence->step_tokens = tokens;
  sequence_queue_push_tail(queue, sequence);
}

static guint32
blocks_of_length(const Scheduler *self, const Sequence *sequence)
{
  return pool_blocks_for(&self->pool, sequence_length(sequence));
}

/* TRUE if a running sequence finds a free block, needed or not. Block manager 2 asks none for a
 * partial prefill whose length fills its last block. */
static gboolean
can_append(const Scheduler *self, const Sequence *sequence, guint32 free_blocks)
{
  if (free_blocks > 0)
    return TRUE;
  return self->config.block_manager == 2 && sequence->stage == STAGE_PREFILL &&
         sequence_length(sequence) % self->config.block_size == 0;
}

/* The engine died over this sequence, which stays among those that run. */
static void
run_on(V0Plan *p, Sequence *sequence)
{
  sequence_queue_push_tail(&p->self->running, sequence);
  if (p->next == NULL)
    p->next = sequence;
}

/* TRUE once a block can be appended to `sequence`, which is out of the queue; FALSE if it was
 * preempted itself, or waits for blocks that are being copied out, or the engine died. */
static gboolean
make_room(V0Plan *p, Sequence *sequence)
{
  Scheduler *self = p->self;

  self->memory_bound |= self->pool.free_blocks <= p->owed_blocks;
  while (!can_append(self, sequence,
                     self->pool.free_blocks - MIN(self->pool.free_blocks, p->owed_blocks))) {
    Sequence *victim = p->next != NULL ? self->running.tail : sequence;
    if (scheduler_free_up(self, p->step, sequence, p->owed_blocks + 1))
      continue;
    if (v0_starves(p, sequence)) {
      plan(sequence->stage == STAGE_DECODE ? p->decodes : p->prefills, sequence, 0);
      return FALSE;
    }
    v0_preempt(p, victim, sequence);
    if (victim == sequence)
      return FALSE;
    if (p->step->abort != NULL) {
      run_on(p, sequence);
      return FALSE;
    }
  }
  return TRUE;
}

/* Tokens that a running sequence gets. */
static guint32
running_tokens(const V0Plan *p, const Sequence *sequence, gint64 budget)
{
  guint32 tokens = v0_remaining_tokens(sequence);

  return p->self->config.chunked_prefill ? (guint32)MIN(tokens, MAX(budget, 0)) : tokens;
}

/* The first running sequence that finds no free block; NULL: all find one. */
static Sequence *
first_short(const V0Plan *p)
{
  Scheduler *self = p->self;
  guint32 left = scheduler_available_blocks(self, NULL) + self->pool.leaving_blocks;
  gint64 budget = p->tokens;
  Sequence *s = self->running.head;

  if (v0_reaches_members(p)) {
    Sequence *member = v0_first_short_member(self, left);
    if (member != NULL)
      return member;
    left -= decode_clock_due(&self->clock, 0)->length;
    budget -= self->clock.count;
    s = scheduler_first_loose(self);
  }
  for (; s != NULL; s = s->next) {
    guint32 tokens = s->in_clock ? 1 : running_tokens(p, s, budget);
    guint32 length = s->in_clock ? decode_clock_tokens(&self->clock, s) + 1 : sequence_length(s);
    guint32 held = s->in_clock ? decode_clock_blocks(&self->clock, s) : s->blocks;
    guint32 need = pool_blocks_for(&self->pool, length);
    if (tokens == 0 || (self->config.chunked_prefill && budget <= 0))
      return NULL;
    if (!can_append(self, s, left))
      return s;
    left -= MIN(left, need > held ? need - held : 0);
    budget -= tokens;
  }
  return NULL;
}

/* Preempts what a victim policy ranks, before any sequence has work in the step: a what-if. */
static void
preempt_by_rank(V0Plan *p)
{
  Sequence *in_need, *victim;

  while (p->step->abort == NULL && (in_need = first_short(p)) != NULL &&
         (victim = scheduler_first_victim(p->self, in_need, 1)) != NULL) {
    p->self->memory_bound = TRUE;
    v0_preempt(p, victim, in_need);
  }
}

/* 0.5: a sequence that came back takes its place by arrival. Members have theirs: all were sorted
 * before they joined. */
static void
sort_running(V0Plan *p)
{
  Sequence *first = scheduler_first_loose(p->self);
  const Sequence *member = first != NULL ? first->previous : NULL;

  for (const Sequence *s = first; s != NULL && member != NULL; s = s->next)
    if (s->request < member->request) {
      scheduler_dissolve_clock(p->self, p->step);
      break;
    }
  sequence_queue_sort_by_arrival(&p->self->running, first);
}

static void
schedule_running(V0Plan *p)
{
  Scheduler *self = p->self;
  Sequence *sequence;

  if (p->by_arrival)
    sort_running(p);
  if (self->config.victim->rank != NULL)
    preempt_by_rank(p);
  v0_run_members(p);
  while (p->step->abort == NULL && (sequence = p->next) != NULL) {
    guint32 tokens = running_tokens(p, sequence, p->tokens);
    if (tokens == 0)
      break;
    p->next = sequence->next;
    sequence_queue_remove(sequence);
    if (!make_room(p, sequence))
      continue;
    if (!pool_holds(&self->pool, sequence, sequence_length(sequence)))
      pool_grow(&self->pool, sequence, blocks_of_length(self, sequence));
    plan(sequence->stage == STAGE_DECODE ? p->decodes : p->prefills, sequence, tokens);
    p->tokens -= tokens;
    if (self->config.chunked_prefill)
      p->seqs++;
  }
}

/* Brings the head of swapped back. FALSE if the pool has no block left to append: the engine dies,
 * which only block manager 2 lets happen. */
static gboolean
swap_in(V0Plan *p, Sequence *sequence)
{
  Scheduler *self = p->self;
  sequence_queue_pop_head(&self->swapped);
  scheduler_bring_back(self, p->step, sequence, &(PoolPrefix){0},
                       scheduler_return_blocks(self, sequence), 0);
  if (pool_grow(&self->pool, sequence, blocks_of_length(self, sequence)))
    return TRUE;
  p->step->abort = "NoFreeBlocksError: a sequence was swapped in and no block was left to append";
  run_on(p, sequence);
  return FALSE;
}

static void
schedule_swapped(V0Plan *p)
{
  Scheduler *self = p->self;
  guint32 spare = self->config.block_manager == 1 ? 1 : 0;

  if (p->by_arrival)
    sequence_queue_sort_by_arrival(&self->swapped, self->swapped.head);
  while (self->swapped.length > 0) {
    Sequence *sequence = self->swapped.head;
    guint32 need = scheduler_return_blocks(self, sequence) + spare;
    guint32 tokens = v0_returning_tokens(p, sequence);
    if (sequence->leaving_blocks > 0 || !scheduler_read_ahead(self, p->step, sequence, TRUE))
      break;
    if (self->pool.total_blocks < need) {
      sequence_queue_pop_head(&self->swapped);
      scheduler_ignore(self, p->ignored_swapped, sequence,
                       "swapped out, and more blocks are needed to return than there are");
      continue;
    }
    need += self->watermark_blocks - sequence->blocks;
    if (need > scheduler_available_blocks(self, sequence) || tokens > p->tokens ||
        p->seqs + self->returning.length + 1 > self->config.max_num_seqs)
      break;
    scheduler_free_up(self, p->step, sequence, need);
    if (!swap_in(p, sequence))
      break;
    if (sequence->arriving) {
      sequence_queue_push_tail(&self->returning, sequence);
      v0_compute_front(p, sequence);
      continue;
    }
    plan(sequence->stage == STAGE_DECODE ? p->back_decodes : p->back_prefills, sequence, tokens);
    p->tokens -= tokens;
    p->seqs++;
  }
}

static void
schedule_waiting(V0Plan *p)
{
  Scheduler *self = p->self;
  const SchedulerConfig *config = &self->config;
  guint32 longest = config->chunked_prefill
                        ? config->max_model_len
                        : MIN(config->max_model_len, config->max_num_batched_tokens);

  while (self->waiting.length > 0) {
    Sequence *sequence = scheduler_waiting_head(self);
    guint32 tokens = sequence_length(sequence) - sequence->computed_tokens;
    guint64 need = (guint64)blocks_of_length(self, sequence) + self->watermark_blocks;
    if (config->chunked_prefill)
      tokens = (guint32)MIN(tokens, MAX(p->tokens, 0));
    self->memory_bound |= need > self->pool.total_blocks;
    if (tokens > longest || need > self->pool.total_blocks) {
      scheduler_take_waiting(self);
      scheduler_ignore(self, p->step->ignored, sequence,
                       tokens > longest
                           ? "longer than max_model_len or max_num_batched_tokens"
                           : "more blocks are needed than the pool has above its watermark");
      continue;
    }
    need -= sequence->blocks;
    self->memory_bound |= need > self->pool.free_blocks;
    if (need > scheduler_available_blocks(self, sequence) || tokens == 0 || tokens > p->tokens ||
        p->seqs + self->returning.length + 1 > config->max_num_seqs)
      break;
    if (!scheduler_admits(self, sequence, (guint32)need, (guint32)need, N_RUNNING_LISTS))
      break;
    scheduler_free_up(self, p->step, sequence, (guint32)need);
    scheduler_take_kept(self, sequence);
    scheduler_take_waiting(self);
    pool_grow(&self->pool, sequence, blocks_of_length(self, sequence));
    plan(p->fresh, sequence, tokens);
    p->tokens -= tokens;
    p->seqs++;
  }
}

static void
schedule_unchunked(V0Plan *p)
{
  p->seqs = p->self->running.length;
  if (p->self->swapped.length + p->self->returning.length == 0)
    schedule_waiting(p);
  if (p->fresh->length > 0)
    return;
  schedule_running(p);
  v0_join_returned(p);
  if (p->step->victims->len == 0 && p->owed_blocks == 0)
    schedule_swapped(p);
}

static void
schedule_chunked(V0Plan *p)
{
  schedule_running(p);
  v0_join_returned(p);
  if (p->step->abort == NULL && p->step->victims->len == 0 && p->owed_blocks == 0)
    schedule_swapped(p);
  if (p->step->abort == NULL && p->owed_blocks == 0)
    schedule_waiting(p);
}

static void
schedule(Scheduler *self, Step *step, gboolean by_arrival)
{
  SequenceQueue *scratch = self->scratch;
  V0Plan p = {
      .self = self,
      .step = step,
      .tokens = self->config.max_num_batched_tokens,
      .by_arrival = by_arrival,
      .fresh = &scratch[0],
      .prefills = &scratch[1],
      .decodes = &scratch[2],
      .back_prefills = &scratch[3],
      .back_decodes = &scratch[4],
      .dropped = &scratch[5],
      .moved = &scratch[6],
      .ignored_swapped = self->scratch_requests,
  };

  g_array_set_size(self->scratch_requests, 0);
  if (self->config.chunked_prefill)
    schedule_chunked(&p);
  else
    schedule_unchunked(&p);
  g_array_append_vals(step->ignored, self->scratch_requests->data, self->scratch_requests->len);
  v0_emit(&p);
  v0_requeue(&p);
  if (step->abort == NULL)
    scheduler_join_clock(self, step);
  if (step_is_only_decodes(step))
    scheduler_set_repeat(self, step, 1);
}

static void
schedule_06(Scheduler *self, Step *step)
{
  schedule(self, step, FALSE);
}

static void
schedule_05(Scheduler *self, Step *step)
{
  schedule(self, step, TRUE);
}

#define FEATURES                                                                                   \
  (SCHEDULER_HAS_BLOCK_MANAGER | SCHEDULER_HAS_WATERMARK | SCHEDULER_HAS_SWAP |                    \
   SCHEDULER_DROPS_TOO_LONG | SCHEDULER_OVERLAPS_COPIES)

const SchedulerClass scheduler_vllm_06 = {
    .name = "vllm-0.6",
    .help = "vLLM 0.5.4 to 0.6: prefills first, resumed requests are the next victims",
    .evidence = "read in 0.6.0; recorded, under recompute and swap, with and without chunking",
    .features = FEATURES,
    .schedule = schedule_06,
};

const SchedulerClass scheduler_vllm_05 = {
    .name = "vllm-0.5",
    .help = "vLLM 0.5.0 to 0.5.3: prefills first, queues sorted by arrival",
    .evidence = "read in 0.5.0; recorded, under recompute and swap, with and without chunking",
    .features = FEATURES,
    .schedule = schedule_05,
};
