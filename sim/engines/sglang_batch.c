/* SGLang's blocks and its running batch, as both kinds of step take them. */
#include "sglang.h"

guint32
sglang_available_blocks(const Scheduler *self)
{
  return pool_unheld_blocks(&self->pool) + self->kept_blocks;
}

gboolean
sglang_free_blocks(Scheduler *self, Step *step, guint32 blocks)
{
  pool_evict(&self->pool, blocks);
  return scheduler_free_up(self, step, NULL, blocks) && pool_takeable_blocks(&self->pool) >= blocks;
}

gboolean
sglang_waits(const Scheduler *self)
{
  return self->waiting.length + self->swapped.length > 0;
}

EntryKind
sglang_kind(const Step *step, const Sequence *sequence)
{
  for (guint i = 0; i < step->swapped_in->len; i++)
    if (g_array_index(step->swapped_in, StepSwapIn, i).request == sequence->request)
      return sequence->stage == STAGE_DECODE ? ENTRY_DECODE_SWAPPED_IN : ENTRY_PREFILL_SWAPPED_IN;
  return scheduler_entry_kind(sequence);
}

guint32
sglang_outputs(const Scheduler *self, const Sequence *sequence)
{
  if (sequence->in_clock)
    return sequence->generated_tokens +
           (guint32)(self->clock.ticks - sequence->joined_ticks - self->tick_in_flight);
  return sequence->generated_tokens - (sequence->in_flight ? 1 : 0);
}

Sequence *
sglang_next_eos_in_flight(const Scheduler *self, guint *i)
{
  while (*i < self->ended_in_flight->len) {
    Sequence *sequence = g_ptr_array_index(self->ended_in_flight, (*i)++);
    if (sequence->queue == &self->running && sequence->ending)
      return sequence;
  }
  return NULL;
}

gboolean
sglang_drop_ending(Scheduler *self)
{
  GPtrArray *ended = self->ended_in_flight;
  gboolean any = FALSE;

  for (guint i = 0; i < ended->len; i++) {
    Sequence *sequence = g_ptr_array_index(ended, i);
    if (sequence->queue == &self->running && sequence->ending &&
        sequence->generated_tokens >= sequence->max_tokens) {
      sequence_queue_remove(sequence);
      any = TRUE;
    }
  }
  return any;
}

gboolean
sglang_needs_block(const Scheduler *self, const Sequence *sequence)
{
  return sequence->computed_tokens == sequence->blocks * self->config.block_size;
}

void
sglang_add_decode(Scheduler *self, Step *step, Sequence *sequence)
{
  if (sglang_needs_block(self, sequence))
    pool_grow(&self->pool, sequence, sequence->blocks + 1);
  sequence->has_decoded = TRUE;
  scheduler_add_entry(self, step, sequence, 1, sglang_kind(step, sequence));
  if (sequence->ending) { /* by EOS, which is not known yet: only the KV of the last token stays */
    StepEntry *entry = &g_array_index(step->entries, StepEntry, step->entries->len - 1);
    entry->samples = 0;
    sequence->computed_tokens++;
    step->sequences->pdata[step->sequences->len - 1] = NULL;
  }
}
