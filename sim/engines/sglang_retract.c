/* SGLang's retraction: which sequences lose their place when a decode step finds no room.
 *
 * At least one goes, and as many as it takes for those that stay to find their blocks; the last
 * that is left gives up. By the engine's own order those with the fewest outputs go first, then the
 * longest prompts; a victim policy picks one after the other. Rules: sglang's
 * managers/schedule_batch.py.
 */
#include "sglang.h"

/* Steps that a retraction foresees for those that stay. */
#define RETRACT_DECODE_STEPS 20

/* Those that are retracted last come first; stable. */
static int
compare_stay(gconstpointer a, gconstpointer b, gpointer scheduler)
{
  const Sequence *x = *(Sequence *const *)a, *y = *(Sequence *const *)b;
  guint32 x_outputs = sglang_outputs(scheduler, x), y_outputs = sglang_outputs(scheduler, y);

  if (x_outputs != y_outputs)
    return x_outputs > y_outputs ? -1 : 1;
  return (x->result.prompt_tokens > y->result.prompt_tokens) -
         (x->result.prompt_tokens < y->result.prompt_tokens);
}

/* Drops the sequence's token in flight, if there is one. */
static void
lose_flying_token(Scheduler *self, Sequence *sequence)
{
  if (!sequence->in_flight)
    return;
  sequence->in_flight = sequence->ending = FALSE;
  sequence->generated_tokens--;
  self->unfinished_tokens--;
  self->lost_tokens++;
}

/* What is copied ends before the token in flight: that one is computed again. */
static void
lose_flying_kv(Step *step, Sequence *sequence)
{
  StepVictim *record = &g_array_index(step->victims, StepVictim, step->victims->len - 1);

  record->tokens_lost++;
  if (sequence->gap_end_tokens > 0)
    sequence->tail_end_tokens = sequence_length(sequence) - 1;
  else
    sequence->computed_tokens = sequence_length(sequence) - 1;
  sequence->was_preempted = TRUE; /* so what lands for it is dropped */
}

/* Retracts a sequence for `stays`; n_stay sequences stay and lack short_blocks. */
static void
retract(Scheduler *self, Step *step, Sequence *sequence, const Sequence *stays, guint32 n_stay,
        guint32 short_blocks)
{
  SglangState *state = self->state;
  gboolean flies = sequence->in_flight;

  lose_flying_token(self, sequence);
  if (scheduler_preempt(self, step, sequence, stays, short_blocks, TRUE)) {
    sequence_queue_push_tail(&self->swapped, sequence);
    if (flies)
      lose_flying_kv(step, sequence);
  } else {
    waiting_queue_push_tail(&self->waiting, sequence);
  }
  state->free_rows++;
  pool_evict(&self->pool, (n_stay * RETRACT_DECODE_STEPS + self->config.block_size - 1) /
                              self->config.block_size);
}

/* The last sequence finds no room: the engine drops it. */
static void
give_up(Scheduler *self, Step *step, Sequence *sequence)
{
  SglangState *state = self->state;

  lose_flying_token(self, sequence);
  sequence->was_preempted = TRUE; /* so what lands for it is dropped */
  state->free_rows++;
  scheduler_ignore(self, step->ignored, sequence,
                   "out of memory even after all other requests were retracted");
}

/* The ratio for those that stay: their output so far, and some steps more, of what they may
 * generate. */
static double
estimate_ratio(const Scheduler *self, Sequence *const *stay, guint32 n)
{
  guint64 outputs = 0, limits = 0;

  for (guint32 i = 0; i < n; i++) {
    outputs += sglang_outputs(self, stay[i]);
    limits += stay[i]->max_tokens;
  }
  return MIN(1, (double)(outputs + (guint64)RETRACT_DECODE_STEPS * n) / (double)(limits + 1));
}

/* The index in `order` of the sequence to retract next: the last, unless a victim policy ranks. */
static guint32
next_to_go(Scheduler *self, Sequence *const *order, guint32 n, const Sequence *in_need,
           guint32 short_blocks)
{
  const Sequence *victim = NULL;
  guint32 place = 0;

  if (self->config.victim->rank != NULL)
    victim = scheduler_first_victim(self, in_need, short_blocks);
  if (victim == NULL)
    return n - 1;
  while (order[place] != victim)
    place++;
  return place;
}

/* The first sequence that needs a block; in the engine's own order simply the first. */
static const Sequence *
first_in_need(const Scheduler *self, Sequence *const *order, guint32 n)
{
  guint32 i = 0;

  while (!self->config.victim->of_engine && i + 1 < n && !sglang_needs_block(self, order[i]))
    i++;
  return order[i];
}

/* Retracts one of the *n sequences in `order`. Of the `due` blocks that all need it returns those
 * that the others need. */
static guint32
retract_next(Scheduler *self, Step *step, Sequence **order, guint32 *n, guint32 due)
{
  const Sequence *in_need = first_in_need(self, order, *n);
  guint32 both = sglang_has_windows(self) ? sglang_window_blocks(self) : G_MAXUINT32;
  guint32 available = MIN(sglang_available_blocks(self), both);
  guint32 short_blocks = due > available ? due - available : 1;
  guint32 place = next_to_go(self, order, *n, in_need, short_blocks);
  Sequence *victim = order[place];

  due -= sglang_needs_block(self, victim);
  memmove(order + place, order + place + 1, (--*n - place) * sizeof *order);
  retract(self, step, victim, in_need != victim ? in_need : first_in_need(self, order, *n), *n,
          short_blocks);
  return due;
}

void
sglang_retract(Scheduler *self, Step *step)
{
  SglangState *state = self->state;
  guint32 n = self->running.length, due = 0, i = 0;
  g_autofree Sequence **order = g_new(Sequence *, n);

  for (Sequence *s = self->running.head; s != NULL; s = s->next)
    order[i++] = s;
  if (self->config.victim->of_engine)
    g_qsort_with_data(order, (gint)n, sizeof *order, compare_stay, self);
  scheduler_dissolve_clock(self, step);
  for (i = 0; i < n; i++)
    due += sglang_needs_block(self, order[i]);
  for (gboolean first = TRUE; n > 1 && (first || !sglang_free_blocks(self, step, due));
       first = FALSE)
    due = retract_next(self, step, order, &n, due);
  if (n == 1 && !sglang_free_blocks(self, step, due))
    give_up(self, step, order[--n]);
  for (i = 0; i < n; i++) {
    sequence_queue_remove(order[i]);
    sequence_queue_push_tail(&self->running, order[i]);
  }
  state->ratio = estimate_ratio(self, order, n);
}
