/* The scheduler of SGLang 0.5.23: its radix cache on or off, its overlap schedule on or off.
 *
 * A step is a prefill or a decode, never both (but for mixed chunks): prompts first, while they can
 * be admitted; what was prefilled joins the running batch one step later. Admission keeps free a
 * share, the ratio, of all that the running requests may still generate. If a decode step finds no
 * room, requests are retracted: those with the fewest outputs, then the longest prompts; they lose
 * their KV and go to the waiting queue's tail. With the overlap schedule a decision does not know
 * the outputs of the step in flight: who ends by its length is foreseen, who ends by EOS computes a
 * token in vain, and a retracted request's token on its way is lost.
 * Where layers that see a window have a pool of their own (sim/window_pool.h), what is said of room
 * holds of both pools, and the engine tries to admit at each decision.
 * Anything but that order and recomputing is a what-if: who was copied to the host comes back
 * before anybody is admitted, straight into the running batch, as in the engine's decode servers.
 * Rules: recorded schedules, and sglang's managers/scheduler.py, schedule_batch.py.
 */
#include "sglang.h"

/* The ratio starts at INIT_RATIO times the conservativeness and falls to MIN_RATIO_FACTOR of that
 * within so many decode steps. */
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

static void
prefilled(Scheduler *self, Sequence *sequence)
{
  pool_publish(&self->pool, sequence);
}

static void
finished(Scheduler *self, Sequence *sequence G_GNUC_UNUSED)
{
  SglangState *state = self->state;

  state->free_rows++;
}

/* The running batch ------------------------------------------------------------------------- */

/* Moves what the last step prefilled to the running ones, but for the chunked sequence. */
static void
merge_prefilled(Scheduler *self)
{
  SglangState *state = self->state;
  SequenceQueue *prefilling = &self->prefilling;
  Sequence *sequence, *next;

  state->will_publish = (state->prefilled > 0 || state->brought_back) && self->in_flight &&
                        self->config.prefix_caching;
  if (state->prefilled == 0)
    return;
  if (state->chunked != NULL)
    pool_publish(&self->pool, state->chunked);
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

/* Decode ------------------------------------------------------------------------------------ */

/* How many blocks a decode step takes. */
static guint32
count_due(Scheduler *self)
{
  guint32 due = decode_clock_due(&self->clock, 0)->length;
  gboolean apart = self->clock.count > 0;
  guint i = 0;
  Sequence *s;

  for (s = apart ? scheduler_first_loose(self) : self->running.head; s != NULL; s = s->next)
    due += !(apart && s->ending) && sglang_needs_block(self, s);
  while (apart && (s = sglang_next_eos_in_flight(self, &i)) != NULL)
    due += sglang_needs_block(self, s);
  return due;
}

static void
decode_all(Scheduler *self, Step *step)
{
  gboolean apart = self->clock.count > 0;
  Sequence *loose = apart ? scheduler_first_loose(self) : self->running.head, *sequence;
  guint i = 0;

  if (sglang_has_windows(self))
    sglang_pass_windows(self);
  pool_evict(&self->pool, self->running.length); /* as if each needed one */
  if (apart) {
    scheduler_take_all_due(self);
    scheduler_run_members(self, step);
  }
  for (; loose != NULL; loose = loose->next)
    if (!(apart && loose->ending))
      sglang_add_decode(self, step, loose);
  while (apart && (sequence = sglang_next_eos_in_flight(self, &i)) != NULL)
    sglang_add_decode(self, step, sequence);
}

/* Only the end of a request or a lack of blocks changes the next decisions. A request that ends in
 * flight gives its blocks back between this step and its repeats. */
static void
set_repeat(Scheduler *self, Step *step)
{
  const SglangState *state = self->state;
  guint32 reserve = 0;

  scheduler_join_clock(self, step);
  if ((sglang_waits(self) && (!state->batch_is_full || sglang_has_windows(self))) ||
      state->chunked != NULL || self->ended_in_flight->len > 0 || state->will_publish ||
      !step_is_only_decodes(step))
    return;
  /* With pages of several tokens one is evicted for each, needed or not, so decisions change the
   * cache. */
  if (self->config.block_size > 1 &&
      (self->pool.evictable_blocks > 0 || self->pool.window.evictable_blocks > 0))
    reserve = self->running.length;
  scheduler_set_repeat(self, step, reserve);
  /* A retraction after the repeats drops a token of the step in flight, which must then stand
   * alone. */
  if (self->config.async_scheduling && step->repeat > 1 &&
      pool_takeable_blocks(&self->pool) - step_grown_blocks(step, step->repeat) <
          self->running.length)
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
  if (self->list_decodes && sglang_next_eos_in_flight(self, &i) != NULL)
    scheduler_dissolve_clock(self, step); /* for their places in the list */
  if (sglang_free_blocks(self, step, count_due(self))) {
    state->ratio = MAX(state->ratio - state->ratio_decay, state->min_ratio);
  } else {
    self->memory_bound = TRUE;
    if (some_end) {
      state->batch_is_full = FALSE;
      return;
    }
    sglang_retract(self, step);
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
  state->brought_back = step->swapped_in->len > 0;
  step->sglang.new_token_ratio = state->ratio;
  step->sglang.ratio_decay = state->ratio_decay;
  step->sglang.ratio_min = state->min_ratio;
  step->sglang.batch_is_full = state->batch_is_full;
  step->sglang.evictable_blocks = self->pool.evictable_blocks;
  step->sglang.has_windows = sglang_has_windows(self);
  step->sglang.window_free_blocks = self->pool.window.free_blocks;
  step->sglang.window_evictable_blocks = self->pool.window.evictable_blocks;
}

const SchedulerClass scheduler_sglang = {
    .name = "sglang",
    .help = "SGLang 0.5.23: prefills first, retracts the fewest outputs, recomputes",
    .evidence =
        "read in the release; recorded, with and without radix cache and overlap, in pages of "
        "1 and 16, with mixed chunks, ignore_eos, EOS; windows' own pool not recorded, but held "
        "against the release's own code",
    .costs_as = "vllm-v1",
    .features = SCHEDULER_IS_SGLANG | SCHEDULER_OWN_VICTIMS,
    .stops_at_max_model_len = FALSE,
    .loses_flying_tokens = TRUE,
    .state_bytes = sizeof(SglangState),
    .begin = begin,
    .refuses = refuses,
    .prefilled = prefilled,
    .finished = finished,
    .schedule = schedule,
};
