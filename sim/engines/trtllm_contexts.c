/* TensorRT-LLM's contexts: which start, what they find, and how they share a step's tokens.
 *
 * A context starts with the blocks of all of its prompt. Blocks that are in the reuse tree cost
 * none of the step's tokens, and those that others hold no capacity either. A context whose first
 * new block another one is computing is passed over: it will find that block. Without chunked
 * prefill a context runs whole, or the decision ends. With it, where not all fit what those that
 * generate leave of the step, each gets whole blocks of it: first come, first served, or a block
 * each in turn (equal progress).
 */
#include "trtllm.h"

void
trtllm_note_coming(TrtllmDecision *d)
{
  Scheduler *self = d->self;

  if (!self->pool.class->names_blocks || self->config.capacity_policy == CAPACITY_STATIC_BATCH)
    return;
  for (Sequence *s = scheduler_first_loose(self); s != NULL; s = s->next) {
    PoolPrefix prefix;
    if (trtllm_generates(s) || s->ending)
      continue;
    prefix = pool_find(&self->pool, s, sequence_length(s) - 1);
    if (prefix.next_key != 0)
      g_array_append_val(d->state->coming, prefix.next_key);
  }
}

/* TRUE if another context computes the block of the key; else notes that this one will. */
static gboolean
is_coming(TrtllmDecision *d, guint64 key)
{
  GArray *coming = d->state->coming;

  if (key == 0 || d->self->config.capacity_policy == CAPACITY_STATIC_BATCH)
    return FALSE;
  for (guint i = 0; i < coming->len; i++)
    if (g_array_index(coming, guint64, i) == key)
      return TRUE;
  g_array_append_val(coming, key);
  return FALSE;
}

/* Tokens that are left for contexts. */
static guint32 *
tokens_left(TrtllmDecision *d)
{
  return d->self->config.chunked_prefill ? &d->chunk_tokens : &d->tokens;
}

/* Tokens that a context with `rest` to compute gets of `left`. */
static guint32
chunk_of(const Scheduler *self, guint32 rest, guint32 left)
{
  guint32 unit = self->config.block_size;

  if (rest <= left)
    return rest;
  return self->config.chunked_prefill ? left / unit * unit : 0;
}

/* The same while others' turns are to come: in equal progress a first block. */
static guint32
first_tokens(TrtllmDecision *d, guint32 rest)
{
  const SchedulerConfig *config = &d->self->config;
  gboolean in_turn = config->chunked_prefill && config->chunking_policy == CHUNKING_EQUAL_PROGRESS;

  return chunk_of(d->self, in_turn ? MIN(rest, config->block_size) : rest, *tokens_left(d));
}

/* Adds a context to the decision. */
static void
add_context(TrtllmDecision *d, const TrtllmContext *context)
{
  *tokens_left(d) -= context->tokens;
  g_array_append_vals(d->state->contexts, context, 1);
}

gboolean
trtllm_go_on(TrtllmDecision *d, Sequence *sequence)
{
  guint32 computed = sequence->computed_tokens;
  TrtllmContext context = {
      .sequence = sequence,
      .rest = sequence_goal_tokens(sequence, computed) - computed,
      .kind = scheduler_entry_kind(sequence),
  };

  if (trtllm_generates(sequence)) {
    if (d->tokens == 0)
      return FALSE;
    d->tokens--;
    scheduler_add_entry(d->self, d->step, sequence, 1, context.kind);
    return TRUE;
  }
  context.tokens = first_tokens(d, context.rest);
  add_context(d, &context);
  return TRUE;
}

/* What a waiting sequence finds and needs. */
typedef struct {
  PoolPrefix prefix;
  gboolean copied;  /* it has blocks on the host */
  guint32 computed; /* tokens that it has when it starts, */
  guint32 rest;     /* and those that it has to compute then */
  guint32 blocks;   /* that it holds then; */
  guint32 more;     /* of these the ones that it takes from the free blocks */
} Start;

static Start
find_start(Scheduler *self, Sequence *sequence)
{
  Start start = {.copied = sequence->queue == &self->swapped, .blocks = sequence->blocks};
  Pool *pool = &self->pool;
  guint32 goal;

  if (start.copied) {
    start.blocks = scheduler_return_blocks(self, sequence);
    start.prefix = pool_find_returning(pool, sequence, start.blocks + sequence->rest_blocks);
    start.computed = scheduler_return_tokens(self, sequence, start.prefix.blocks);
  } else {
    start.prefix = pool_find(pool, sequence, sequence_length(sequence) - 1);
    start.computed = start.prefix.tokens;
  }
  goal = sequence_goal_tokens(sequence, start.computed);
  start.rest = goal - start.computed;
  start.blocks = MAX(start.blocks, pool_blocks_for(pool, goal));
  start.more = pool_return_blocks(pool, sequence, &start.prefix, start.blocks, goal);
  return start;
}

/* TRUE if the sequence fits, by the capacity policy. */
static gboolean
has_capacity(TrtllmDecision *d, Sequence *sequence, Start *start)
{
  Scheduler *self = d->self;
  guint paused;

  if (trtllm_guarantees(self)) {
    d->unpromised_blocks -=
        (gint64)trtllm_blocks_at_end(self, sequence) - start->blocks + start->more;
    return d->unpromised_blocks >= 0;
  }
  do { /* who is paused may have held what it was to share */
    paused = d->step->victims->len;
    if (!trtllm_find_room(d, sequence, start->more))
      return FALSE;
    *start = find_start(self, sequence);
  } while (d->step->victims->len > paused);
  return TRUE;
}

/* Puts the sequence behind the running ones that arrived before it. */
static void
join_running(TrtllmDecision *d, Sequence *sequence)
{
  Scheduler *self = d->self;
  Sequence *before = self->running.tail;

  for (; trtllm_keeps_order(self) && before != NULL && before->request > sequence->request;
       before = before->previous)
    if (before->in_clock) /* members must stand before all others */
      scheduler_dissolve_clock(self, d->step);
  sequence_queue_insert_behind(&self->running, before, sequence);
}

/* Starts the sequence: it takes its blocks, which are available, and runs. */
static void
begin_context(TrtllmDecision *d, Sequence *sequence, const Start *start, guint32 tokens)
{
  Scheduler *self = d->self;
  TrtllmContext context = {.sequence = sequence,
                           .rest = start->rest,
                           .tokens = tokens,
                           .kind = scheduler_entry_kind(sequence)};

  d->state->promised_blocks += trtllm_blocks_at_end(self, sequence);
  scheduler_free_up(self, d->step, sequence, start->more);
  if (start->copied) {
    context.kind = trtllm_generates(sequence) ? ENTRY_DECODE_SWAPPED_IN : ENTRY_PREFILL_SWAPPED_IN;
    sequence_queue_remove(sequence);
    scheduler_bring_back(self, d->step, sequence, &start->prefix, start->blocks, 0);
  } else {
    waiting_queue_remove(&self->waiting, sequence);
    scheduler_take_kept(self, sequence);
    if (start->prefix.found) {
      const StepHit hit = {.request = sequence->request, .tokens = start->prefix.tokens};
      g_array_append_val(d->step->hits, hit);
    }
    pool_share(&self->pool, sequence, &start->prefix);
    sequence->computed_tokens = start->computed;
    pool_grow(&self->pool, sequence, start->blocks);
  }
  join_running(d, sequence);
  add_context(d, &context);
}

/* The sequence fits, but gets no tokens in this step. */
static void
pass_over(TrtllmDecision *d, const Start *start)
{
  d->passed++;
  if (!trtllm_guarantees(d->self))
    d->spoken_blocks += start->more;
}

/* The next turn is of the one that waits behind `sequence`. */
static void
move_behind(TrtllmDecision *d, const Sequence *sequence)
{
  if (sequence == d->swapped)
    d->swapped = sequence->next;
  else
    d->waiting = scheduler_waiting_after(d->self, sequence);
}

/* Asks the admission policy; a refusal closes the decision for waiting ones. */
static gboolean
is_admitted(TrtllmDecision *d, const Sequence *sequence, const Start *start)
{
  Scheduler *self = d->self;
  guint32 whole = pool_blocks_for(&self->pool, sequence_length(sequence));

  d->closed = !scheduler_admits(self, sequence, start->blocks - sequence->blocks,
                                MAX(whole, start->blocks) - sequence->blocks, 0);
  return !d->closed;
}

gboolean
trtllm_try(TrtllmDecision *d)
{
  Scheduler *self = d->self;
  Sequence *sequence = trtllm_first_waiting(d);
  gboolean may_pause = trtllm_may_pause(self, sequence);
  guint32 tokens;
  Start start;

  d->closed = self->running.length + d->passed >= self->config.max_num_seqs || *tokens_left(d) == 0;
  if (d->closed)
    return TRUE;
  start = find_start(self, sequence);
  if (!start.copied && is_coming(d, start.prefix.next_key)) {
    move_behind(d, sequence);
    d->passed++;
    return TRUE;
  }
  if (may_pause && !is_admitted(d, sequence, &start)) /* before anybody is paused for it */
    return TRUE;
  if (!has_capacity(d, sequence, &start)) {
    self->memory_bound = TRUE;
    return FALSE;
  }
  move_behind(d, sequence);
  tokens = first_tokens(d, start.rest);
  if (tokens == 0) {
    if (self->config.chunked_prefill)
      pass_over(d, &start);
    return self->config.chunked_prefill;
  }
  if (!may_pause && !is_admitted(d, sequence, &start))
    return TRUE;
  begin_context(d, sequence, &start, tokens);
  return TRUE;
}

static void
serve_first_come(const TrtllmDecision *d, TrtllmContext *contexts, guint n)
{
  guint32 left = d->tokens;

  for (guint i = 0; i < n; i++) {
    contexts[i].tokens = chunk_of(d->self, contexts[i].rest, left);
    left -= contexts[i].tokens;
  }
}

static void
progress_equally(const TrtllmDecision *d, TrtllmContext *contexts, guint n)
{
  guint32 left = d->tokens, unit = d->self->config.block_size, before;

  for (guint i = 0; i < n; i++)
    contexts[i].tokens = 0;
  do {
    before = left;
    for (guint i = 0; i < n; i++) {
      guint32 more = MIN(contexts[i].rest - contexts[i].tokens, unit);
      if (more > left)
        continue;
      contexts[i].tokens += more;
      left -= more;
    }
  } while (left < before);
}

void
trtllm_run_contexts(TrtllmDecision *d)
{
  const SchedulerConfig *config = &d->self->config;
  GArray *array = d->state->contexts;
  TrtllmContext *contexts = (TrtllmContext *)(gpointer)array->data;
  guint64 all = 0;

  for (guint i = 0; i < array->len; i++)
    all += contexts[i].rest;
  if (config->chunked_prefill && config->chunking_policy == CHUNKING_EQUAL_PROGRESS &&
      all > d->tokens)
    progress_equally(d, contexts, array->len);
  else if (config->chunked_prefill)
    serve_first_come(d, contexts, array->len);
  for (guint i = 0; i < array->len; i++)
    if (contexts[i].tokens > 0)
      scheduler_add_entry(d->self, d->step, contexts[i].sequence, contexts[i].tokens,
                          contexts[i].kind);
}
