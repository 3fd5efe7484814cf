/* How swapped sequences return: a what-if that the engine lacks.
 *
 * They return in the order of the queue; the first that finds no room blocks those behind it, and
 * all admissions. Either their copies are part of the step in which they return. Or, with copies
 * beside the steps, they hold their blocks from the decision on and run in the first step after
 * their copy has ended: until then they are not preempted, and need no more blocks for that step. A
 * sequence with a gap (a front that was dropped) computes it while the blocks behind it are copied
 * in.
 */
#include "vllm.h"

/* The sequence runs again: it computes `tokens` in this step. */
static void
run_again(VllmDecision *d, Sequence *sequence, guint32 tokens)
{
  Scheduler *self = d->self;

  scheduler_register(self, sequence, tokens);
  sequence_queue_push_tail(&self->running, sequence);
  scheduler_add_entry(self, d->step, sequence, tokens,
                      sequence->stage == STAGE_DECODE ? ENTRY_DECODE_SWAPPED_IN
                                                      : ENTRY_PREFILL_SWAPPED_IN);
  d->budget -= tokens;
}

/* Adds a chunk of the gap of a sequence that arrives. It has the blocks for it. */
static void
compute_front(VllmDecision *d, Sequence *sequence)
{
  guint32 tokens;

  if (sequence->gap_end_tokens == 0)
    return;
  tokens = vllm_running_tokens(d, sequence, d->budget);
  if (tokens == 0)
    return;
  scheduler_register(d->self, sequence, tokens);
  scheduler_add_entry(d->self, d->step, sequence, tokens, scheduler_entry_kind(sequence));
  d->budget -= tokens;
  d->prefills = TRUE;
}

/* The blocks of a sequence that computes its gap have arrived. If its next tokens find no blocks,
 * it runs without work in this step. */
static void
join_behind_front(VllmDecision *d, Sequence *sequence)
{
  Scheduler *self = d->self;
  guint32 tokens = vllm_running_tokens(d, sequence, d->budget);

  if (tokens > 0 && d->owed_blocks == 0 && vllm_allocate(self, sequence, tokens))
    run_again(d, sequence, tokens);
  else
    sequence_queue_push_tail(&self->running, sequence);
}

void
vllm_join_returned(VllmDecision *d)
{
  Sequence *next;

  for (Sequence *s = d->self->returning.head; s != NULL && d->budget > 0; s = next) {
    gboolean computes_front = s->computes_front;
    next = s->next;
    if (s->arriving) {
      compute_front(d, s);
      continue;
    }
    scheduler_join_arrived(d->step, s);
    if (computes_front)
      join_behind_front(d, s);
    else
      run_again(d, s, MIN(s->step_tokens, d->budget));
  }
}

/* TRUE if the sequence, which lacks blocks, will lack them while the pool only shrinks. A hit that
 * is lost leaves a gap to compute first, and all that it then needs at once is what it comes back
 * with: `back` of the `need` blocks. What is found is as many blocks less, or free ones more. */
static gboolean
lacks_for_good(const Scheduler *self, const Sequence *sequence, const PoolPrefix *prefix,
               guint32 back, guint32 need, guint32 more)
{
  if (!prefix->found)
    return TRUE;
  if (sequence->disk_blocks > 0) /* a hit that is lost may have to be read from the disk */
    return FALSE;
  return sequence->gap_end_tokens == 0 ||
         (guint64)more + back > (guint64)need + scheduler_available_blocks(self, sequence);
}

gboolean
vllm_schedule_swapped(VllmDecision *d)
{
  Scheduler *self = d->self;
  gboolean beside = self->swap_copies != NULL;

  while (self->swapped.length > 0 && d->budget > 0 && vllm_may_run_more(self)) {
    Sequence *sequence = self->swapped.head;
    guint32 most = beside ? self->config.max_num_batched_tokens : d->budget;
    guint32 back, computed, tokens, need, more;
    PoolPrefix prefix;

    if (sequence->leaving_blocks > 0)
      return FALSE;
    back = scheduler_return_blocks(self, sequence);
    prefix = pool_find_returning(&self->pool, sequence, back + sequence->rest_blocks);
    if (!scheduler_read_ahead(self, d->step, sequence, prefix.blocks < back))
      return FALSE;
    computed = scheduler_return_tokens(self, sequence, prefix.blocks);
    tokens = vllm_wanted_tokens(d, sequence, computed, most);
    need = vllm_blocks_after(self, computed, tokens);
    need = MAX(need, back);
    more = pool_return_blocks(&self->pool, sequence, &prefix, need, computed + tokens);
    if (more > scheduler_available_blocks(self, sequence))
      return lacks_for_good(self, sequence, &prefix, back, need, more);
    scheduler_free_up(self, d->step, sequence, more);
    sequence_queue_pop_head(&self->swapped);
    scheduler_bring_back(self, d->step, sequence, &prefix, need, computed + tokens);
    if (sequence->arriving) {
      sequence->step_tokens = tokens;
      sequence_queue_push_tail(&self->returning, sequence);
      compute_front(d, sequence);
    } else {
      run_again(d, sequence, MIN(tokens, d->budget));
    }
  }
  return TRUE;
}
