/* How often a step of plain decodes can be repeated, and what the repeats take from the pool.
 *
 * Between scheduling events contexts grow by one and nothing else changes. Which repeat needs how
 * many blocks follows from the room that each sequence has left in its last block, so the repeats
 * are bounded without stepping through them; the executor then runs as many as fit before the next
 * arrival.
 */
#include "scheduler.h"

#include <string.h>

/* More repeats than this in one step would only risk an overflow of the closed-form sums. */
#define REPEAT_MAX 65536

/* Steps until the first of the step's sequences is done, if all decode. */
static guint32
steps_to_completion(const Scheduler *self, const Step *step)
{
  guint32 longest = scheduler_longest_length(self);
  guint32 steps = REPEAT_MAX;

  for (guint i = 0; i < step->sequences->len; i++) {
    const Sequence *sequence = g_ptr_array_index(step->sequences, i);
    steps = MIN(steps, sequence->output_limit - sequence->generated_tokens);
    steps = MIN(steps, longest - sequence_length(sequence));
  }
  return steps;
}

/* Counts in step->growth how many sequences take a block at repeat 1, 2, … block_size: those
 * whose blocks have room for 0, 1, … tokens after this step. */
static void
count_growth(Step *step)
{
  memset(step->growth, 0, step->block_size * sizeof *step->growth);
  for (guint i = 0; i < step->sequences->len; i++) {
    const Sequence *sequence = g_ptr_array_index(step->sequences, i);
    step->growth[sequence->blocks * step->block_size - (sequence->computed_tokens + 1)]++;
  }
}

void
scheduler_set_repeat(Scheduler *self, Step *step, guint32 reserve_blocks)
{
  guint32 limit = steps_to_completion(self, step);
  guint32 batch = step->sequences->len;
  guint32 spare, repeat;

  if (limit <= 1 || self->pool.free_blocks < reserve_blocks)
    return;
  count_growth(step);
  spare = self->pool.free_blocks - reserve_blocks;
  /* Every block_size steps each sequence takes one block. */
  repeat = 1 + spare / batch * step->block_size;
  spare %= batch;
  for (guint32 i = 0; repeat < limit && step->growth[i] <= spare; i++, repeat++)
    spare -= step->growth[i];
  step->repeat = MIN(limit, repeat);
}

void
scheduler_grow_repeated(Scheduler *self, const Step *step, guint32 repeats)
{
  Pool *pool = &self->pool;

  for (guint i = 0; pool->cache == NULL && i < step->sequences->len; i++) {
    Sequence *sequence = g_ptr_array_index(step->sequences, i);
    pool_grow(pool, sequence, pool_blocks_for(pool, sequence->computed_tokens));
  }
  for (guint32 repeat = 1; pool->cache != NULL && repeat < repeats; repeat++) {
    for (guint i = 0; i < step->sequences->len; i++) {
      Sequence *sequence = g_ptr_array_index(step->sequences, i);
      guint32 tokens = sequence->computed_tokens - (repeats - 1) + repeat;
      if (tokens % step->block_size <= 1 || step->block_size == 1) {
        pool_grow(pool, sequence, pool_blocks_for(pool, tokens));
        pool_register(pool, sequence, tokens);
      }
    }
  }
}
