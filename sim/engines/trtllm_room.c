/* TensorRT-LLM's capacity: what requests hold at their ends, and who is paused for whom. */
#include "trtllm.h"

guint64
trtllm_blocks_at_end(const Scheduler *self, const Sequence *sequence)
{
  guint64 prompt = sequence->result.prompt_tokens;
  guint64 longest = MIN(prompt + sequence->max_tokens, self->config.max_model_len);

  return pool_blocks_for(&self->pool, MAX(longest, prompt));
}

/* The one that a paused sequence waits behind: before all that arrived later. */
static Sequence *
place_of(const Scheduler *self, const SequenceQueue *queue, const Sequence *paused)
{
  Sequence *before = NULL;

  for (Sequence *s = queue->head;
       trtllm_keeps_order(self) && s != NULL && s->request < paused->request; s = s->next)
    before = s;
  return before;
}

/* Gives back the victim's blocks without tokens, before anything is planned for the others. */
static void
give_empty(Scheduler *self, Sequence *victim)
{
  guint32 filled = pool_blocks_for(&self->pool, victim->computed_tokens);

  if (victim->in_clock || victim->gap_end_tokens > 0)
    return;
  pool_commit(&self->pool, victim, victim->computed_tokens);
  pool_give_last(&self->pool, victim, victim->blocks - MIN(filled, victim->blocks));
}

void
trtllm_pause(TrtllmDecision *d, Sequence *victim, const Sequence *beneficiary, guint32 short_blocks)
{
  Scheduler *self = d->self;

  self->memory_bound = TRUE;
  d->state->promised_blocks -= trtllm_blocks_at_end(self, victim);
  if (trtllm_keeps_order(self))
    d->end = victim->request;
  else
    d->closed = TRUE;
  give_empty(self, victim);
  if (scheduler_preempt(self, d->step, victim, beneficiary, short_blocks, TRUE))
    sequence_queue_insert_behind(&self->swapped, place_of(self, &self->swapped, victim), victim);
  else
    waiting_queue_insert_behind(&self->waiting, place_of(self, &self->waiting.known, victim),
                                victim);
}

gboolean
trtllm_find_room(TrtllmDecision *d, Sequence *sequence, guint32 blocks)
{
  Scheduler *self = d->self;

  while (!scheduler_free_up(self, d->step, sequence, blocks + d->spoken_blocks)) {
    Sequence *victim = self->running.tail;
    gboolean started = sequence->queue == &self->running;
    if (trtllm_guarantees(self) || (!started && !trtllm_may_pause(self, sequence)))
      return FALSE;
    trtllm_pause(d, victim, sequence, blocks + d->spoken_blocks - self->pool.free_blocks);
    if (victim == sequence)
      return FALSE;
  }
  return TRUE;
}
