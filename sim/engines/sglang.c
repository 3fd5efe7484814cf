/* The scheduler of SGLang 0.5.23: its radix cache on or off, its overlap schedule on or off.
 *
 * A step is a prefill or a decode, never both (but for mixed chunks): prompts first, while they can
 * be admitted; what was prefilled joins the running batch one step later. Admission keeps free a
 * share, the ratio, of all that the running requests may still generate. If a decode step finds no
 * room, requests are retracted: those with the fewest outputs, then the longest prompts; they lose
 * their KV and go to the waiting queue's tail. With the overlap schedule a decision does not know
 * the outputs of the step in flight: who ends by its length is foreseen, who ends by EOS computes a
 * token in vain, and a retracted request's token on its way is lost.
 * Anything but that order and recomputing is a what-if: who was copied to the host comes back before
 * anybody is admitted, straight into the running batch, as in the engine's decode servers.
 * Rules: recorded schedules, and sglang's managers/scheduler.py, schedule_batch.py.
 */
#include "sglang.h"

/* Steps that a retraction foresees for those that stay. */
#define RETRACT_DECODE_STEPS 20
/* The ratio starts at this times the conservativeness, and falls to a share of it within so many
 * decode steps. */
#define INIT_RATIO 0.7
#define MIN_RATIO_FACTOR 0.14
#define RATIO_DECAY_STEPS 600

static void
begin(Scheduler *self)
{
  SglangState *state = self->state;

  state->init_ratio = MIN(INIT_RATIO * self->config.schedule_conservativeness, 1);
  state->min_ratio = MIN(state->init_ratio * MIN_RATIO_FACTOR, 1);
  state->ratio_decay = (state->init_ratio - state->min_ratio) / RATIO_DECAY_STEPS;
  state->ratio = state->init_ratio;
  state->free_rows = self->config.max_num_seqs;
  if (self->config.prefix_caching)
    state->radix = radix_cache_new(self->workload, self->config.block_size);
}

static void
end(Scheduler *self)
{
  SglangState *state = self->state;

  radix_cache_free(state->radix);
}

/* The front end's rules: the longest sequence is one token shorter than the context and the pool,
 * and a prompt must leave room for five tokens more. */
static const char *
refuses(const Scheduler *self, const Request *request)
{
  guint64 context = self->config.max_model_len;
  guint64 pool = (guint64)self->pool.total_blocks * self->config.block_size;
  guint64 longest = MIN(context, pool) - 1;

  if ((guint64)request->prompt_tokens + request_max_tokens(request) >= context)
    return "prompt and max_tokens are no shorter than max_model_len";
  if ((guint64)request->prompt_tokens + 5 >= longest)
    return "the prompt is longer than the KV pool";
  return NULL;
}

/* Publishing -------------------------------------------------------------------------------- */

/* The whole pages of the sequence's first `tokens` tokens are in the tree now; those that were
 * there already are given back. */
static void
publish(Scheduler *self, Sequence *sequence, guint32 tokens, RadixNode **node)
{
  SglangState *state = self->state;
  guint32 known = radix_cache_insert(state->radix, sequence->request, tokens, node);

  if (known > sequence->radix_blocks)
    self->pool.free_blocks += known - sequence->radix_blocks;
}

/* It goes on, with the path to what it has computed locked. */
static void
publish_unfinished(Scheduler *self, Sequence *sequence)
{
  SglangState *state = self->state;
  guint32 tokens = sequence->computed_tokens;
  RadixNode *node;

  if (state->radix == NULL)
    return;
  publish(self, sequence, tokens, &node);
  if (tokens > sequence->result.prompt_tokens) /* a node ends at the prompt's end */
    radix_cache_match(state->radix, sequence->request, sequence->result.prompt_tokens, &node);
  sequence->radix_blocks = radix_cache_match(state->radix, sequence->request, tokens, &node);
  if (sequence->radix_node != NULL)
    radix_cache_unlock(state->radix, sequence->radix_node);
  radix_cache_lock(state->radix, node);
  sequence->radix_node = node;
}

static void
unlock_path(Scheduler *self, Sequence *sequence)
{
  SglangState *state = self->state;

  if (sequence->radix_node != NULL)
    radix_cache_unlock(state->radix, sequence->radix_node);
  sequence->radix_node = NULL;
  sequence->radix_blocks = 0;
}

/* The blocks that it holds are its own from here: what it published stays. */
static void
leave_published(Scheduler *self, Sequence *sequence, guint32 published_blocks)
{
  unlock_path(self, sequence);
  sequence->blocks -= published_blocks;
}

/* It comes back, and the tree has its first `blocks`: the path to them is locked already. */
static void
take_cached(Scheduler *self G_GNUC_UNUSED, Sequence *sequence, guint32 blocks)
{
  sequence->blocks = sequence->radix_blocks = blocks;
}

static void
finished(Scheduler *self, Sequence *sequence)
{
  SglangState *state = self->state;
  guint32 tokens = sequence->computed_tokens;
  RadixNode *node;

  state->free_rows++;
  if (state->radix == NULL)
    return;
  publish(self, sequence, tokens, &node);
  leave_published(self, sequence, tokens / self->config.block_size);
}

/* The running batch ------------------------------------------------------------------------- */

/* What the last step prefilled joins the running ones, but for the chunked one. */
static void
merge_prefilled(Scheduler *self)
{
  SglangState *state = self->state;
  SequenceQueue *prefilling = &self->prefilling;
  Sequence *sequence, *next;

  state->will_publish = state->prefilled > 0 && self->in_flight && state->radix != NULL;
  if (state->prefilled == 0)
    return;
  if (state->chunked != NULL)
    publish_unfinished(self, state->chunked);
  if (state->chunked != NULL || prefilling->length < state->prefilled || self->running.length == 0)
    state->batch_is_full = FALSE;
  for (sequence = prefilling->head; sequence != NULL; sequence = next) {
    next = sequence->next;
    if (sequence == state->chunked)
      continue;
    sequence_queue_remove(sequence);
    sequence_queue_push_tail(&self->running, sequence);
  }
  state->prefilled = 0;
}

/* Retraction -------------------------------------------------------------------------------- */

/* Those that stay longest come first. The list's order decides between equals. */
static int
compare_stay(gconstpointer a, gconstpointer b, gpointer scheduler)
{
  const Sequence *x = *(Sequence *const *)a, *y = *(Sequence *const *)b;
  guint32 x_outputs = sglang_outputs(scheduler, x), y_outputs = sglang_outputs(scheduler, y);

  if (x_outputs != y_outputs)
    return x_outputs > y_outputs ? -1 : 1;
  return (x->result.prompt_tokens > y->result.prompt_tokens) -
         (x->result.prompt_tokens < y->result.prompt_tokens);
}

/* Its token in flight is dropped, if there is one. */
static void
lose_flying_token(Scheduler *self, Sequence *sequence)
{
  if (!sequence->in_flight)
    return;
  sequence->in_flight = sequence->ending = FALSE;
  sequence->generated_tokens--;
  self->lost_tokens++;
}

/* A copy has no more than what was known before the token on its way: that one is computed again. */
static void
lose_flying_kv(Step *step, Sequence *sequence)
{
  StepVictim *record = &g_array_index(step->victims, StepVictim, step->victims->len - 1);

  record->tokens_lost++;
  if (sequence->gap_end_tokens > 0)
    sequence->tail_end_tokens = sequence_length(sequence) - 1;
  else
    sequence->computed_tokens = sequence_length(sequence) - 1;
  sequence->was_preempted = TRUE; /* what is in flight is nothing to it */
}

/* short_blocks: that those who stay lack. */
static void
retract(Scheduler *self, Step *step, Sequence *sequence, const Sequence *stays, guint32 n_stay,
        guint32 short_blocks)
{
  SglangState *state = self->state;
  guint32 published_blocks = sequence->radix_blocks;
  gboolean flies = sequence->in_flight;

  lose_flying_token(self, sequence);
  if (scheduler_preempt(self, step, sequence, stays, short_blocks, TRUE)) {
    sequence_queue_push_tail(&self->swapped, sequence);
    if (flies)
      lose_flying_kv(step, sequence);
  } else {
    waiting_queue_push_tail(&self->waiting, sequence);
  }
  self->pool.free_blocks -= published_blocks; /* the tree has them */
  unlock_path(self, sequence);
  state->free_rows++;
  sglang_evict(self, (n_stay * RETRACT_DECODE_STEPS + self->config.block_size - 1) /
                         self->config.block_size);
}

/* Nobody is left whom it could displace. */
static void
give_up(Scheduler *self, Step *step, Sequence *sequence)
{
  SglangState *state = self->state;

  lose_flying_token(self, sequence);
  sequence->was_preempted = TRUE; /* what is in flight is nothing to it */
  leave_published(self, sequence, sequence->radix_blocks);
  pool_release(&self->pool, sequence, FALSE);
  state->free_rows++;
  scheduler_ignore(self, step->ignored, sequence,
                   "out of memory even after all other requests were retracted");
}

/* The ratio for those that stay: what they have generated of what they may. */
static double
estimate_ratio(const Scheduler *self, Sequence *const *stay, guint32 n)
{
  guint64 outputs = 0, limits = 0;

  for (guint32 i = 0; i < n; i++) {
    outputs += sglang_outputs(self, stay[i]);
    limits += stay[i]->max_tokens;
  }
  return MIN(1, (double)(outputs + (guint64)RETRACT_DECODE_STEPS * n) / (double)(limits + 1));
}

/* The place in `order` of who goes next. By the engine's order, and by that of admission, it is the
 * last. */
static guint32
next_to_go(const Scheduler *self, Sequence *const *order, guint32 n, const Sequence *in_need,
           guint32 short_blocks)
{
  const Sequence *victim = NULL;
  guint32 place = 0;

  if (self->config.victim->rank != NULL)
    victim = scheduler_first_victim(self, in_need, short_blocks);
  if (victim == NULL)
    return n - 1;
  while (order[place] != victim)
    place++;
  return place;
}

/* The first that needs a block; by the engine's order simply the first. */
static const Sequence *
first_in_need(const Scheduler *self, Sequence *const *order, guint32 n)
{
  guint32 i = 0;

  while (!self->config.victim->of_engine && i + 1 < n && !sglang_needs_block(self, order[i]))
    i++;
  return order[i];
}

/* Retracts one of those in `order`, which keeps its order. Returns the blocks that the others need,
 * of `due` with it. */
static guint32
retract_next(Scheduler *self, Step *step, Sequence **order, guint32 *n, guint32 due)
{
  const Sequence *in_need = first_in_need(self, order, *n);
  guint32 available = sglang_available_blocks(self);
  guint32 short_blocks = due > available ? due - available : 1;
  guint32 place = next_to_go(self, order, *n, in_need, short_blocks);
  Sequence *victim = order[place];

  due -= sglang_needs_block(self, victim);
  memmove(order + place, order + place + 1, (--*n - place) * sizeof *order);
  retract(self, step, victim, in_need != victim ? in_need : first_in_need(self, order, *n), *n,
          short_blocks);
  return due;
}

static void
retract_some(Scheduler *self, Step *step)
{
  SglangState *state = self->state;
  guint32 n = self->running.length, due = 0, i = 0;
  g_autofree Sequence **order = g_new(Sequence *, n);

  for (Sequence *s = self->running.head; s != NULL; s = s->next)
    order[i++] = s;
  if (self->config.victim->of_engine)
    g_qsort_with_data(order, (gint)n, sizeof *order, compare_stay, self);
  scheduler_dissolve_clock(self, step);
  for (i = 0; i < n; i++)
    due += sglang_needs_block(self, order[i]);
  for (gboolean first = TRUE; n > 1 && (first || !sglang_free_blocks(self, step, due));
       first = FALSE)
    due = retract_next(self, step, order, &n, due);
  if (n == 1 && !sglang_free_blocks(self, step, due))
    give_up(self, step, order[--n]);
  for (i = 0; i < n; i++) {
    sequence_queue_remove(order[i]);
    sequence_queue_push_tail(&self->running, order[i]);
  }
  state->ratio = estimate_ratio(self, order, n);
}

/* Decode ------------------------------------------------------------------------------------ */

/* Those whose EOS is in flight are not known to have ended, and decode once more. They stand
 * anywhere among the members of the clock; the next after `i` of them, NULL if there is none. */
static Sequence *
next_eos_in_flight(const Scheduler *self, guint *i)
{
  while (*i < self->ended_in_flight->len) {
    Sequence *sequence = g_ptr_array_index(self->ended_in_flight, (*i)++);
    if (sequence->queue == &self->running && sequence->ending)
      return sequence;
  }
  return NULL;
}

/* Blocks that a decode step takes. */
static guint32
count_due(Scheduler *self)
{
  guint32 due = decode_clock_due(&self->clock, 0)->length;
  gboolean apart = self->clock.count > 0;
  guint i = 0;
  Sequence *s;

  for (s = apart ? scheduler_first_loose(self) : self->running.head; s != NULL; s = s->next)
    due += !(apart && s->ending) && sglang_needs_block(self, s);
  while (apart && (s = next_eos_in_flight(self, &i)) != NULL)
    due += sglang_needs_block(self, s);
  return due;
}

static void
decode_all(Scheduler *self, Step *step)
{
  gboolean apart = self->clock.count > 0;
  Sequence *loose = apart ? scheduler_first_loose(self) : self->running.head, *sequence;
  guint i = 0;

  sglang_evict(self, self->running.length); /* as if each needed one */
  if (apart) {
    scheduler_take_all_due(self);
    scheduler_run_members(self, step);
  }
  for (; loose != NULL; loose = loose->next)
    if (!(apart && loose->ending))
      sglang_add_decode(self, step, loose);
  while (apart && (sequence = next_eos_in_flight(self, &i)) != NULL)
    sglang_add_decode(self, step, sequence);
}

/* Nothing but the end of a request, or a lack of blocks, changes what the next decisions are. What
 * ends in flight gives its blocks back between this step and its repeats. */
static void
set_repeat(Scheduler *self, Step *step)
{
  const SglangState *state = self->state;
  guint32 reserve = 0;

  scheduler_join_clock(self, step);
  if ((sglang_waits(self) && !state->batch_is_full) || self->ended_in_flight->len > 0 ||
      state->will_publish || !step_is_only_decodes(step))
    return;
  /* Pages are evicted for all, needed or not; then decisions change the cache. */
  if (state->radix != NULL && self->config.block_size > 1 &&
      radix_cache_evictable_pages(state->radix) > 0)
    reserve = self->running.length;
  scheduler_set_repeat(self, step, reserve);
  /* A retraction that follows takes a token from the step in flight: that step stands for itself.
   */
  if (self->config.async_scheduling && step->repeat > 1 &&
      self->pool.free_blocks - step_grown_blocks(step, step->repeat) < self->running.length)
    step->repeat--;
}

static void
decode(Scheduler *self, Step *step)
{
  SglangState *state = self->state;
  guint32 before = self->running.length;
  gboolean some_end = sglang_drop_ending(self);
  guint i = 0;

  if (self->running.length == 0) {
    state->batch_is_full = FALSE;
    return;
  }
  if (self->list_decodes && next_eos_in_flight(self, &i) != NULL)
    scheduler_dissolve_clock(self, step); /* for their places in the list */
  if (sglang_free_blocks(self, step, count_due(self))) {
    state->ratio = MAX(state->ratio - state->ratio_decay, state->min_ratio);
  } else {
    self->memory_bound = TRUE;
    if (some_end) {
      state->batch_is_full = FALSE;
      return;
    }
    retract_some(self, step);
  }
  if (self->running.length < before)
    state->batch_is_full = FALSE;
  if (self->running.length == 0)
    return;
  step->sglang.mode = "decode";
  decode_all(self, step);
  set_repeat(self, step);
}

/* A repeated decode step lowered the ratio at each of its repeats. */
static void
catch_up_ratio(SglangState *state, guint32 repeats)
{
  for (; repeats > 1 && state->ratio > state->min_ratio; repeats--)
    state->ratio = MAX(state->ratio - state->ratio_decay, state->min_ratio);
}

static guint32
cached_blocks(const Scheduler *self)
{
  const SglangState *state = self->state;

  return state->radix != NULL ? radix_cache_evictable_pages(state->radix) : 0;
}

static void
schedule(Scheduler *self, Step *step)
{
  SglangState *state = self->state;

  catch_up_ratio(state, self->repeats);
  self->repeats = 1;
  step->sglang = (StepSglang){.mode = "none"};
  if (scheduler_unfinished(self) == 0 && !self->in_flight)
    state->ratio = state->init_ratio;
  if (self->running.length < state->running_known)
    state->batch_is_full = FALSE;
  merge_prefilled(self);
  if (!sglang_prefill(self, step) && self->running.length > 0)
    decode(self, step);
  state->running_known = self->running.length;
  step->sglang.new_token_ratio = state->ratio;
  step->sglang.ratio_decay = state->ratio_decay;
  step->sglang.ratio_min = state->min_ratio;
  step->sglang.batch_is_full = state->batch_is_full;
  step->sglang.evictable_blocks = cached_blocks(self);
}

const SchedulerClass scheduler_sglang = {
    .name = "sglang",
    .help = "SGLang 0.5.23: prefills first, retracts the fewest outputs, recomputes",
    .evidence =
        "read in the release; recorded, with and without radix cache and overlap, in pages of "
        "1 and 16, with mixed chunks, ignore_eos, EOS",
    .costs_as = "vllm-v1",
    .features = SCHEDULER_IS_SGLANG | SCHEDULER_OWN_VICTIMS,
    .stops_at_max_model_len = FALSE,
    .loses_flying_tokens = TRUE,
    .state_bytes = sizeof(SglangState),
    .begin = begin,
    .end = end,
    .refuses = refuses,
    .prefilled = publish_unfinished,
    .cached_blocks = cached_blocks,
    .take_cached = take_cached,
    .finished = finished,
    .schedule = schedule,
};
