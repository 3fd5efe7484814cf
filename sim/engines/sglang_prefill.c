/* SGLang's admission: what a prefill step computes, and what it keeps free for those that run.
 *
 * Two offsets are held against what can be had: `total` has what is reserved to the end of each
 * request (a share of it for those that run), `current` only what this step takes. Both are tokens,
 * reserved page by page. The total is a sum of doubles in the order of the lists, as the engine
 * adds it up: a request more or less hangs on its last bit. Rules: sglang's
 * managers/schedule_policy.py (PrefillAdder).
 */
#include "sglang.h"

/* With ignore_eos: tokens that must be left for each request, at each end of one. */
#define IGNORE_EOS_RESERVE_TOKENS 1
/* The prompts of so many waiting requests are used, at every so many attempts to admit one. */
enum { TOUCHED_REQUESTS = 128, TOUCH_INTERVAL = 32 };

typedef enum { ADD_CONTINUE, ADD_NO_TOKEN, ADD_OTHER } AddResult;

/* Ends of requests, for ignore_eos: when, and what that frees. */
typedef struct {
  guint32 tokens_left, occupied;
} ReqEnd;

typedef struct {
  Scheduler *scheduler;
  Step *step;
  double total;    /* tokens */
  gint64 current;  /* tokens */
  gint64 input;    /* tokens of prompts that the step may still take */
  gint64 chunk;    /* the same of its chunk; meaningful where `chunks` */
  gboolean chunks; /* prompts may be cut */
  guint32 n;       /* sequences of this step's prefills */
  GArray *ends;    /* of ReqEnd, sorted; NULL until the first is needed */
} Adder;

static SglangState *
state_of(const Adder *a)
{
  return a->scheduler->state;
}

static gint64
paged(const Adder *a, gint64 tokens)
{
  gint64 page = a->scheduler->config.block_size;

  return (tokens + page - 1) / page * page;
}

static gint64
available_tokens(const Adder *a)
{
  return (gint64)sglang_available_blocks(a->scheduler) * a->scheduler->config.block_size;
}

static double
left(const Adder *a)
{
  return (double)available_tokens(a) - a->total;
}

static AddResult
budget_state(const Adder *a)
{
  if (left(a) <= 0 || available_tokens(a) - a->current <= 0)
    return ADD_NO_TOKEN;
  return a->input <= 0 || (a->chunks && a->chunk <= 0) ? ADD_OTHER : ADD_CONTINUE;
}

static void
reserve(Adder *a, gint64 tokens, gint64 new_tokens)
{
  gint64 extend = paged(a, tokens), page = a->scheduler->config.block_size;

  a->total += (double)(extend + page + new_tokens);
  a->current += extend + page;
  a->input -= extend;
  a->chunk -= extend;
}

static gint64
planned_outputs(const Sequence *sequence)
{
  return MIN(sequence->max_tokens, SGLANG_CLIP_TOKENS);
}

/* What it may still generate. */
static gint64
outputs_left(const Scheduler *self, const Sequence *sequence)
{
  gint64 left_tokens = (gint64)sequence->max_tokens - sglang_outputs(self, sequence);

  return CLAMP(left_tokens, 0, SGLANG_CLIP_TOKENS);
}

static void
reserve_running(Adder *a)
{
  const Scheduler *self = a->scheduler;
  double weight = self->config.ignore_eos ? 1 : state_of(a)->ratio, sum = 0;

  for (const Sequence *s = self->running.head; s != NULL; s = s->next)
    sum +=
        (double)MIN((gint64)s->max_tokens - sglang_outputs(self, s), SGLANG_CLIP_TOKENS) * weight;
  a->total += sum;
}

/* It is in the step, with `tokens` of its prompt after what it has. */
static void
take(Adder *a, Sequence *sequence, guint32 tokens)
{
  sequence->step_tokens = tokens;
  if (sequence->queue != &a->scheduler->prefilling)
    sequence_queue_push_tail(&a->scheduler->prefilling, sequence);
  a->n++;
}

/* The rest of a prompt, as much as there is room for; at least some, so that it gets on. */
static void
add_chunked(Adder *a, Sequence *sequence)
{
  guint32 computed = sequence->computed_tokens;
  gint64 wanted = sequence_goal_tokens(sequence, computed) - computed;
  gint64 room = (gint64)left(a);
  gboolean is_cut;

  if (a->chunks)
    room = MIN(room, a->chunk);
  if (room <= 0)
    room = a->chunk;
  is_cut = wanted > room;
  wanted = MIN(wanted, room);
  take(a, sequence, (guint32)wanted);
  reserve(a, wanted, is_cut ? 0 : planned_outputs(sequence));
  if (!is_cut)
    state_of(a)->chunked = NULL;
}

/* It begins behind the prefix that the cache has, or, without one, behind what it kept. */
static void
admit(Adder *a, Sequence *sequence, guint32 prefix, gint64 tokens, gboolean is_cut, gint64 reserved)
{
  Scheduler *self = a->scheduler;
  SglangState *state = state_of(a);

  if (prefix > 0 && state->radix != NULL) {
    const StepHit hit = {.request = sequence->request, .tokens = prefix};
    g_array_append_val(a->step->hits, hit);
  }
  sequence->computed_tokens = prefix;
  sequence->blocks = prefix / self->config.block_size;
  sequence->radix_blocks = state->radix != NULL ? sequence->blocks : 0;
  if (is_cut)
    state->chunked = sequence;
  state->free_rows--;
  scheduler_take_kept(self, sequence);
  scheduler_take_waiting(self);
  take(a, sequence, (guint32)tokens);
  reserve(a, reserved, is_cut ? 0 : planned_outputs(sequence));
}

/* Ends of requests that generate all that they may ------------------------------------------ */

static void
add_end(Adder *a, const Sequence *sequence, gboolean in_order)
{
  guint32 outputs = sglang_outputs(a->scheduler, sequence);
  const ReqEnd end = {sequence->max_tokens - outputs, sequence->result.prompt_tokens + outputs};
  guint at = 0;

  if (sequence->max_tokens <= outputs)
    return;
  if (!in_order) {
    g_array_append_val(a->ends, end);
    return;
  }
  /* Behind none, it goes before the last: so the engine has it. */
  while (at + 1 < a->ends->len && end.tokens_left > g_array_index(a->ends, ReqEnd, at).tokens_left)
    at++;
  g_array_insert_val(a->ends, at, end);
}

static int
compare_ends(gconstpointer a, gconstpointer b)
{
  guint32 x = ((const ReqEnd *)a)->tokens_left, y = ((const ReqEnd *)b)->tokens_left;

  return (x > y) - (x < y);
}

static void
list_ends(Adder *a, const Sequence *candidate)
{
  Scheduler *self = a->scheduler;

  if (a->ends != NULL) {
    add_end(a, candidate, TRUE);
    return;
  }
  a->ends = g_array_new(FALSE, FALSE, sizeof(ReqEnd));
  add_end(a, candidate, FALSE);
  for (const Sequence *s = self->running.head; s != NULL; s = s->next)
    add_end(a, s, FALSE);
  for (const Sequence *s = self->prefilling.head; s != NULL; s = s->next)
    add_end(a, s, FALSE);
  g_array_sort(a->ends, compare_ends); /* stable */
}

/* TRUE if the pool lasts to the end of each of them. */
static gboolean
lasts_to_all_ends(const Adder *a, gint64 tokens)
{
  gint64 base = available_tokens(a) - a->current - tokens, freed = 0;

  for (guint i = 0; i < a->ends->len; i++) {
    const ReqEnd *end = &g_array_index(a->ends, ReqEnd, i);
    gint64 batch = a->ends->len - i;
    if (base + freed - (gint64)end->tokens_left * batch <= IGNORE_EOS_RESERVE_TOKENS * batch)
      return FALSE;
    freed += end->occupied;
  }
  return TRUE;
}

/* The admission policy, beside the engine's rule. `tokens` of the `extend` that it lacks are to be
 * computed now; the step has promised `current` to others. */
static gboolean
policy_admits(const Adder *a, const Sequence *sequence, gint64 tokens, gint64 extend)
{
  gint64 page = a->scheduler->config.block_size;

  return scheduler_admits(a->scheduler, sequence,
                          (guint32)(paged(a, a->current + tokens) / page),
                          (guint32)(paged(a, a->current + extend) / page), 0);
}

static AddResult
add_ignoring_eos(Adder *a, Sequence *sequence)
{
  gint64 kept = sequence->computed_tokens, fill = sequence_length(sequence) - kept;
  gint64 need = paged(a, fill) + a->scheduler->config.block_size;
  gboolean is_cut = a->chunks && fill > a->chunk;
  gint64 tokens;

  if ((double)(need + kept) > MIN((double)(available_tokens(a) - a->current), left(a)))
    return ADD_NO_TOKEN;
  list_ends(a, sequence);
  if (!lasts_to_all_ends(a, need + kept))
    return ADD_NO_TOKEN;
  if (is_cut && a->chunk == 0)
    return ADD_OTHER;
  tokens = is_cut ? a->chunk : fill;
  if (!policy_admits(a, sequence, tokens, fill))
    return ADD_NO_TOKEN;
  admit(a, sequence, (guint32)kept, tokens, is_cut, tokens);
  return budget_state(a);
}

/* The usual admission ----------------------------------------------------------------------- */

static AddResult
add_usual(Adder *a, Sequence *sequence)
{
  Scheduler *self = a->scheduler;
  SglangState *state = state_of(a);
  guint32 page = self->config.block_size, fill = sequence_length(sequence);
  guint32 kept = sequence->computed_tokens, prefix = kept;
  AddResult result = ADD_CONTINUE;
  RadixNode *node = NULL;
  gint64 extend, total, tokens;

  if (state->radix != NULL)
    prefix = radix_cache_match(state->radix, sequence->request, fill - 1, &node) * page;
  extend = fill - prefix;
  total = kept + extend + outputs_left(self, sequence) + page; /* kept ones count as available */
  if ((double)total >= left(a))
    return ADD_NO_TOKEN;
  if (node != NULL)
    radix_cache_lock(state->radix, node);
  if ((double)total >= left(a)) { /* what is locked cannot be evicted */
    radix_cache_unlock(state->radix, node);
    return ADD_NO_TOKEN;
  }
  tokens = a->chunks ? a->chunk / page * page : extend;
  if ((!a->chunks && paged(a, extend) >= a->input && a->n > 0) || (a->chunks && tokens <= 0))
    result = ADD_OTHER;
  else if (!policy_admits(a, sequence, MIN(tokens, extend), extend))
    result = ADD_NO_TOKEN;
  if (result != ADD_CONTINUE) {
    if (node != NULL)
      radix_cache_unlock(state->radix, node);
    return result;
  }
  sequence->radix_node = node;
  if (a->chunks && paged(a, extend) > a->chunk)
    admit(a, sequence, prefix, tokens, TRUE, tokens);
  else
    admit(a, sequence, prefix, extend, FALSE, extend);
  return budget_state(a);
}

/* The limit that the client sent, cut to what a sequence can be at all. */
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

/* Of those on the host ----------------------------------------------------------------------- */

/* What the tree has of it need not be copied back. */
static guint32
lock_cached(Scheduler *self, Sequence *sequence)
{
  SglangState *state = self->state;
  guint32 blocks;

  if (state->radix == NULL)
    return 0;
  blocks = radix_cache_match(state->radix, sequence->request,
                             sequence->gap_end_tokens > 0 ? sequence->tail_end_tokens
                                                          : sequence->computed_tokens,
                             &sequence->radix_node);
  radix_cache_lock(state->radix, sequence->radix_node);
  return blocks;
}

/* It takes its blocks. If there is a gap before those on the host, that is computed first, like a
 * prompt; else it runs. */
static void
bring_back(Adder *a, Sequence *sequence, guint32 hits)
{
  Scheduler *self = a->scheduler;
  guint32 back = scheduler_return_blocks(self, sequence), computed;
  gint64 tokens, page = self->config.block_size;

  sglang_evict(self, back - hits);
  sequence_queue_remove(sequence);
  scheduler_free_up(self, a->step, sequence, back - sequence->blocks - hits);
  scheduler_bring_back(self, a->step, sequence, hits, back, 0);
  state_of(a)->free_rows--;
  sequence->was_preempted = FALSE;
  a->total += (double)(planned_outputs(sequence) + page);
  computed = sequence->computed_tokens;
  if (sequence->gap_end_tokens == 0) {
    sequence_queue_push_tail(&self->running, sequence);
    return;
  }
  tokens = sequence->gap_end_tokens - computed;
  if (a->chunks && tokens > a->chunk) {
    state_of(a)->chunked = sequence;
    tokens = a->chunk;
  }
  take(a, sequence, (guint32)tokens);
  a->input -= paged(a, tokens);
  a->chunk -= paged(a, tokens);
}

/* Those on the host, in order of retraction, each if it could be admitted. FALSE: one could not, and
 * nobody else is. */
static gboolean
add_returning(Adder *a)
{
  Scheduler *self = a->scheduler;
  SglangState *state = state_of(a);

  while (self->swapped.length > 0) {
    Sequence *sequence = self->swapped.head;
    gint64 page = self->config.block_size, back = scheduler_return_blocks(self, sequence);
    guint32 hits;
    gboolean fits;
    if (self->running.length + a->n >= self->config.max_num_seqs || state->free_rows == 0) {
      state->batch_is_full = TRUE;
      return FALSE;
    }
    if (sequence->gap_end_tokens > 0 && budget_state(a) == ADD_OTHER)
      return FALSE;
    hits = lock_cached(self, sequence);
    fits = (double)((back - hits + 1) * page + outputs_left(self, sequence)) < left(a) &&
           policy_admits(a, sequence, (back - hits) * page, (back - hits) * page);
    if (!fits) {
      if (sequence->radix_node != NULL)
        radix_cache_unlock(state->radix, sequence->radix_node);
      sequence->radix_node = NULL;
      self->memory_bound = TRUE;
      state->batch_is_full = a->n > 0 || self->running.length > 0;
      return FALSE;
    }
    bring_back(a, sequence, hits);
  }
  return TRUE;
}

static void
add_waiting(Adder *a)
{
  Scheduler *self = a->scheduler;
  SglangState *state = state_of(a);
  guint32 rows = state->free_rows + a->n, slots = self->config.max_num_seqs - self->running.length;
  AddResult result = budget_state(a);

  if (result == ADD_OTHER)
    return;
  result = ADD_CONTINUE;
  while (result == ADD_CONTINUE && self->waiting.length > 0) {
    Sequence *sequence = scheduler_waiting_head(self);
    if (a->n >= MIN(slots, rows))
      state->batch_is_full = TRUE;
    if (state->batch_is_full)
      return;
    clip_max_tokens(self, sequence);
    result = self->config.ignore_eos && state->radix == NULL ? add_ignoring_eos(a, sequence)
                                                             : add_usual(a, sequence);
  }
  if (result == ADD_NO_TOKEN) {
    self->memory_bound = TRUE;
    state->batch_is_full = a->n > 0 || self->running.length > 0;
  }
}

/* The step ---------------------------------------------------------------------------------- */

/* Takes the blocks, and lists who gets them. FALSE if they are not there, and the engine dies. */
static gboolean
run_prefills(Adder *a)
{
  Scheduler *self = a->scheduler;
  guint32 page = self->config.block_size;
  guint64 tokens = 0;

  for (const Sequence *s = self->prefilling.head; s != NULL; s = s->next)
    tokens += s->step_tokens + (page > 1 ? page : 0);
  sglang_evict(self, (guint32)((tokens + page - 1) / page));
  for (Sequence *s = self->prefilling.head; s != NULL; s = s->next) {
    guint32 blocks = MAX(
        pool_blocks_for(&self->pool, (guint64)s->computed_tokens + s->step_tokens), s->blocks);
    if (!scheduler_free_up(self, a->step, s, blocks - s->blocks) ||
        !pool_grow(&self->pool, s, blocks)) {
      a->step->abort = "Prefill out of memory";
      return FALSE;
    }
    scheduler_add_entry(self, a->step, s, s->step_tokens, sglang_kind(a->step, s));
  }
  return TRUE;
}

/* Mixed chunks: those that run decode behind the prefills, if there are blocks for all of them. */
static void
mix_decodes(Adder *a)
{
  Scheduler *self = a->scheduler;
  guint32 due = 0;

  if (sglang_drop_ending(self))
    state_of(a)->batch_is_full = FALSE;
  scheduler_dissolve_clock(self, a->step);
  for (const Sequence *s = self->running.head; s != NULL; s = s->next)
    due += sglang_needs_block(self, s);
  if (self->running.length == 0 || !sglang_free_blocks(self, a->step, due))
    return;
  a->step->sglang.mode = "mixed";
  while (self->running.length > 0) {
    Sequence *sequence = sequence_queue_pop_head(&self->running);
    sequence_queue_push_tail(&self->prefilling, sequence);
    sglang_add_decode(self, a->step, sequence);
  }
}

/* The prompts of those that wait are used now and then, the head's last, and so are not the least
 * recently used. */
static void
touch_waiting(Scheduler *self)
{
  SglangState *state = self->state;
  guint32 requests[TOUCHED_REQUESTS], n;
  RadixNode *node;

  if (state->radix == NULL || self->waiting.length == 0 ||
      state->queue_looks++ % TOUCH_INTERVAL != 0)
    return;
  n = waiting_queue_peek(&self->waiting, TOUCHED_REQUESTS, requests);
  while (n-- > 0)
    radix_cache_match(state->radix, requests[n],
                      workload_request(self->workload, requests[n])->prompt_tokens, &node);
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

  if (self->running.length == 0)
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
  if (add_returning(&a))
    add_waiting(&a);
  g_clear_pointer(&a.ends, g_array_unref);
  if (a.n == 0)
    return FALSE;
  step->sglang.mode = "extend";
  if (run_prefills(&a) && mixed > 0)
    mix_decodes(&a);
  state->prefilled = self->prefilling.length;
  return TRUE;
}
