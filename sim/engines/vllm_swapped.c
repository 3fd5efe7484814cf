/* How swapped sequences return: a what-if that the engine lacks.
 *
 * In the order of the queue; the first that finds no room blocks those behind it, and all
 * admissions. Copies are part of the step in which they return; or, beside the steps, they hold
 * their blocks from the decision on, and run in the first one after their copy has ended. Those
 * have their tokens without asking for more blocks, and are preempted by nobody before that.
 */
#include "vllm.h"

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

void
vllm_join_returned(VllmDecision *d)
{
  Scheduler *self = d->self;

  while (d->budget > 0 && self->returning.length > 0 && !self->returning.head->arriving) {
    Sequence *sequence = sequence_queue_pop_head(&self->returning);
    const StepSwapIn record = {.request = sequence->request, .blocks = sequence->arrived_blocks};
    g_array_append_val(d->step->swapped_in, record);
    run_again(d, sequence, MIN(sequence->step_tokens, d->budget));
  }
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
    need = MAX(vllm_blocks_after(self, computed, tokens), back);
    more = pool_return_blocks(&self->pool, sequence, &prefix, need, computed + tokens);
    /* A hit that is lost may leave a gap to compute first, and a chunk of it needs less. */
    if (more > scheduler_available_blocks(self, sequence))
      return !prefix.found || sequence->gap_end_tokens == 0;
    scheduler_free_up(self, d->step, sequence, more);
    sequence_queue_pop_head(&self->swapped);
    scheduler_bring_back(self, d->step, sequence, &prefix, need, computed + tokens);
    if (sequence->arriving) {
      sequence->step_tokens = tokens;
      sequence_queue_push_tail(&self->returning, sequence);
    } else {
      run_again(d, sequence, MIN(tokens, d->budget));
    }
  }
  return TRUE;
}
