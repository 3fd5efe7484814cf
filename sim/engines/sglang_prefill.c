/* SGLang's admission: what a prefill step computes, and what it keeps free for those that run.
 *
 * Two sums are compared with the blocks that can be had: `total` is what is reserved to the end of
 * each request (a share of it for those that run), `current` only what this step takes. Both are
 * tokens, reserved page by page. The total is a sum of doubles in the order of the lists, as in the
 * engine: its last bit can decide about a request. Rules: sglang's managers/schedule_policy.py
 * (PrefillAdder).
 */
#include "sglang_adder.h"

/* touch_waiting(): how many requests, and at which attempts to admit one. */
enum { TOUCHED_REQUESTS = 128, TOUCH_INTERVAL = 32 };

static void
reserve_running(Adder *a)
{
  const Scheduler *self = a->scheduler;
  double weight = self->config.ignore_eos ? 1 : adder_state(a)->ratio, sum = 0;

  for (const Sequence *s = self->running.head; s != NULL; s = s->next)
    sum +=
        (double)MIN((gint64)s->max_tokens - sglang_outputs(self, s), SGLANG_CLIP_TOKENS) * weight;
  a->total += sum;
}

/* Adds the rest of a prompt, as much as has room, and at least a chunk, so that it gets on. With a
 * window pool it waits where there is no room. */
static void
add_chunked(Adder *a, Sequence *sequence)
{
  guint32 computed = sequence->computed_tokens;
  gint64 wanted = sequence_goal_tokens(sequence, computed) - computed;
  gint64 room = (gint64)adder_left(a);
  gboolean is_cut;

  if (a->chunks)
    room = MIN(room, a->chunk);
  if (sglang_has_windows(a->scheduler)) {
    room = MIN(room, adder_window_left(a) - a->scheduler->config.block_size);
    sequence->step_tokens = 0;
    if (room <= 0)
      return;
  }
  if (room <= 0)
    room = a->chunk;
  is_cut = wanted > room;
  wanted = MIN(wanted, room);
  adder_take(a, sequence, (guint32)wanted);
  adder_reserve(a, wanted, is_cut ? 0 : sglang_planned_outputs(sequence));
  if (!is_cut)
    adder_state(a)->chunked = NULL;
}

/* The usual admission ----------------------------------------------------------------------- */

static AddResult
add_usual(Adder *a, Sequence *sequence)
{
  Scheduler *self = a->scheduler;
  guint32 page = self->config.block_size, fill = sequence_length(sequence);
  guint32 kept = sequence->computed_tokens;
  const PoolPrefix prefix = pool_find(&self->pool, sequence, fill - 1);
  gint64 extend = fill - prefix.tokens, chunk = a->chunks ? a->chunk : extend, tokens;
  /* Available blocks include what it kept; what was found of it is locked and not among them. */
  gint64 total = kept + extend + sglang_outputs_left(self, sequence) + page;
  AddResult result = ADD_CONTINUE;

  if (sglang_has_windows(self) && (double)total < adder_left(a)) {
    chunk = adder_window_chunk(a, sequence, extend);
    if (chunk == 0)
      total = G_MAXINT64;
  }
  tokens = a->chunks ? chunk / page * page : extend;
  if ((double)total >= adder_left(a))
    result = ADD_NO_TOKEN;
  else if ((!a->chunks && adder_paged(a, extend) >= a->input && a->n > 0) ||
           (a->chunks && tokens <= 0))
    result = ADD_OTHER;
  else if (!adder_policy_admits(a, sequence, MIN(tokens, extend), extend))
    result = ADD_NO_TOKEN;
  if (result != ADD_CONTINUE) {
    pool_let_go(&self->pool, &prefix);
    return result;
  }
  if (a->chunks && adder_paged(a, extend) > chunk)
    adder_admit(a, sequence, &prefix, tokens, TRUE, tokens);
  else
    adder_admit(a, sequence, &prefix, extend, FALSE, extend);
  return adder_budget(a);
}

/* Cuts the client's limit to the longest sequence that there can be. */
static void
clip_max_tokens(const Scheduler *self, Sequence *sequence)
{
  gint64 page = self->config.block_size, prompt = sequence->result.prompt_tokens;
  gint64 pool = self->pool.total_blocks * page;
  gint64 longest = MIN(self->config.max_model_len, pool) - 1;
  gint64 limit = MIN(longest - prompt - 1, pool - (prompt + page - 1) / page * page - page - 1);

  sequence->max_tokens = (guint32)MIN(sequence->max_tokens, MAX(limit, 0));
  sequence->output_limit = MIN(sequence->output_limit, MAX(sequence->max_tokens, 1));
}

static void
add_waiting(Adder *a)
{
  Scheduler *self = a->scheduler;
  SglangState *state = adder_state(a);
  guint32 rows = state->free_rows + a->n, slots = self->config.max_num_seqs - self->running.length;
  AddResult result = adder_budget(a);

  if (result == ADD_OTHER)
    return;
  result = ADD_CONTINUE;
  while (result == ADD_CONTINUE && self->waiting.length > 0 && a->step->abort == NULL) {
    Sequence *sequence = scheduler_waiting_head(self);
    if (a->n >= MIN(slots, rows))
      state->batch_is_full = TRUE;
    if (state->batch_is_full)
      return;
    clip_max_tokens(self, sequence);
    result = self->config.ignore_eos && !self->config.prefix_caching
                 ? adder_add_ignoring_eos(a, sequence)
                 : add_usual(a, sequence);
  }
  if (result == ADD_NO_TOKEN) {
    self->memory_bound = TRUE;
    state->batch_is_full = a->n > 0 || self->running.length > 0;
  }
}

/* The step ---------------------------------------------------------------------------------- */

/* Takes the blocks of the prefills and lists them in the step. FALSE if blocks are missing: the
 * engine dies. */
static gboolean
run_prefills(Adder *a)
{
  Scheduler *self = a->scheduler;
  guint32 page = self->config.block_size;
  guint64 tokens = 0;

  for (Sequence *s = self->prefilling.head; s != NULL; s = s->next) {
    tokens += s->step_tokens + (page > 1 && s->step_tokens > 0 ? page : 0);
    if (s->step_tokens > 0 && sglang_has_windows(self))
      sglang_pass_prefill(self, s);
  }
  pool_evict(&self->pool, (guint32)((tokens + page - 1) / page));
  for (Sequence *s = self->prefilling.head; s != NULL; s = s->next) {
    if (s->step_tokens == 0) /* it waits for room in the window pool */
      continue;
    guint32 blocks =
        MAX(pool_blocks_for(&self->pool, (guint64)s->computed_tokens + s->step_tokens), s->blocks);
    if (!scheduler_free_up(self, a->step, s, blocks - s->blocks) ||
        !pool_grow(&self->pool, s, blocks)) {
      a->step->abort = "Prefill out of memory";
      return FALSE;
    }
    scheduler_add_entry(self, a->step, s, s->step_tokens, sglang_kind(a->step, s));
  }
  return TRUE;
}

/* With mixed chunks the running sequences decode behind the prefills, if all find their blocks. */
static void
mix_decodes(Adder *a)
{
  Scheduler *self = a->scheduler;
  guint32 due = 0;

  if (sglang_drop_ending(self))
    adder_state(a)->batch_is_full = FALSE;
  scheduler_dissolve_clock(self, a->step);
  for (const Sequence *s = self->running.head; s != NULL; s = s->next)
    due += sglang_needs_block(self, s);
  if (self->running.length == 0 || !sglang_free_blocks(self, a->step, due))
    return;
  if (sglang_has_windows(self))
    sglang_pass_windows(self);
  pool_evict(&self->pool, self->running.length); /* as in a step of decodes */
  a->step->sglang.mode = "mixed";
  while (self->running.length > 0) {
    Sequence *sequence = sequence_queue_pop_head(&self->running);
    sequence_queue_push_tail(&self->prefilling, sequence);
    sglang_add_decode(self, a->step, sequence);
  }
}

/* At every TOUCH_INTERVAL-th attempt what is cached of the first that wait, the head's last,
 * becomes the most recently used: of a retracted request its outputs, too. */
static void
touch_waiting(Scheduler *self)
{
  SglangState *state = self->state;
  Waiter waiters[TOUCHED_REQUESTS];
  guint32 n;

  if (!self->config.prefix_caching || self->waiting.length == 0 ||
      state->queue_looks++ % TOUCH_INTERVAL != 0)
    return;
  n = waiting_queue_peek(&self->waiting, TOUCHED_REQUESTS, waiters);
  while (n-- > 0) {
    const Waiter *w = &waiters[n];
    pool_touch(&self->pool, w->request,
               w->sequence != NULL ? sequence_length(w->sequence)
                                   : workload_request(self->workload, w->request)->prompt_tokens);
  }
}

gboolean
sglang_prefill(Scheduler *self, Step *step)
{
  SglangState *state = self->state;
  const SchedulerConfig *c = &self->config;
  guint32 mixed = c->mixed_chunk ? self->running.length : 0;
  Adder a = {
      .scheduler = self,
      .step = step,
      .total = mixed,
      .current = mixed,
      .input = (gint64)c->max_prefill_tokens - mixed,
      .chunk = (gint64)c->chunked_prefill_size - mixed,
      .chunks = c->chunked_prefill_size > 0,
  };

  /* With windows the engine tries at each decision. */
  if (self->running.length == 0 || sglang_has_windows(self))
    state->batch_is_full = FALSE;
  if ((state->batch_is_full || !sglang_waits(self)) && state->chunked == NULL)
    return FALSE;
  if (MIN(c->max_num_seqs - self->running.length, state->free_rows) == 0 &&
      state->chunked == NULL) {
    state->batch_is_full = TRUE;
    return FALSE;
  }
  touch_waiting(self);
  reserve_running(&a);
  if (state->chunked != NULL)
    add_chunked(&a, state->chunked);
  if (adder_add_returning(&a))
    add_waiting(&a);
  g_clear_pointer(&a.ends, g_array_unref);
  if (a.n == 0)
    return FALSE;
  step->sglang.mode = "extend";
  if (step->abort == NULL && run_prefills(&a) && mixed > 0)
    mix_decodes(&a);
  state->prefilled = self->prefilling.length;
  return TRUE;
}
