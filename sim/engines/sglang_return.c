/* How retracted requests with blocks on the host come back: a what-if under SGLang, by the rules of
 * its decode servers. They come before all that wait, and decode at once; a gap before their blocks
 * is computed first, like a prompt.
 */
#include "sglang_adder.h"

/* Finds what is still in the pool of it, which need not be copied back. */
static PoolPrefix
find_cached(Scheduler *self, Sequence *sequence)
{
  return pool_find(&self->pool, sequence,
                   sequence->gap_end_tokens > 0 ? sequence->tail_end_tokens
                                                : sequence->computed_tokens);
}

/* The sequence takes its blocks and runs, or computes its gap first. */
static void
bring_back(Adder *a, Sequence *sequence, const PoolPrefix *prefix)
{
  Scheduler *self = a->scheduler;
  guint32 back = scheduler_return_blocks(self, sequence), computed;
  gint64 tokens, page = self->config.block_size;

  pool_evict_both(&self->pool, back - prefix->blocks,
                  back - MAX(sequence->window_gone, prefix->blocks));
  sequence_queue_remove(sequence);
  scheduler_free_up(self, a->step, sequence, back - sequence->blocks - prefix->blocks);
  scheduler_bring_back(self, a->step, sequence, prefix, back, 0);
  adder_state(a)->free_rows--;
  sequence->was_preempted = FALSE;
  a->total += (double)(sglang_planned_outputs(sequence) + page);
  a->window += page;
  computed = sequence->computed_tokens;
  if (sequence->gap_end_tokens == 0) {
    sequence_queue_push_tail(&self->running, sequence);
    return;
  }
  tokens = sequence->gap_end_tokens - computed;
  if (a->chunks && tokens > a->chunk) {
    adder_state(a)->chunked = sequence;
    tokens = a->chunk;
  }
  adder_take(a, sequence, (guint32)tokens);
  a->input -= adder_paged(a, tokens);
  a->chunk -= adder_paged(a, tokens);
}

/* TRUE if there is no window pool, or the sequence finds its last window's blocks there, and it and
 * all that run one each for their next tokens, so that none is retracted at once. */
static gboolean
finds_window(const Adder *a, const Sequence *sequence, guint32 back, const PoolPrefix *prefix)
{
  gint64 more =
      (gint64)back - MAX(sequence->window_gone, prefix->blocks) + 1 + a->scheduler->running.length;

  return !sglang_has_windows(a->scheduler) ||
         more * a->scheduler->config.block_size < adder_window_left(a);
}

gboolean
adder_add_returning(Adder *a)
{
  Scheduler *self = a->scheduler;
  SglangState *state = adder_state(a);

  while (self->swapped.length > 0) {
    Sequence *sequence = self->swapped.head;
    gint64 page = self->config.block_size, back = scheduler_return_blocks(self, sequence);
    PoolPrefix prefix;
    gint64 more;
    gboolean fits;
    if (self->running.length + a->n >= self->config.max_num_seqs || state->free_rows == 0) {
      state->batch_is_full = TRUE;
      return FALSE;
    }
    if (sequence->gap_end_tokens > 0 && adder_budget(a) == ADD_OTHER)
      return FALSE;
    prefix = find_cached(self, sequence);
    pool_begin_window(&self->pool, sequence, sequence->computed_tokens);
    more = back - prefix.blocks;
    fits = finds_window(a, sequence, (guint32)back, &prefix) &&
           (double)((more + 1) * page + sglang_outputs_left(self, sequence)) < adder_left(a) &&
           adder_policy_admits(a, sequence, more * page, more * page);
    if (!fits) {
      pool_let_go(&self->pool, &prefix);
      self->memory_bound = TRUE;
      state->batch_is_full = a->n > 0 || self->running.length > 0;
      return FALSE;
    }
    bring_back(a, sequence, &prefix);
  }
  return TRUE;
}
