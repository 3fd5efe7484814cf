/* What becomes of sequences whose blocks are copied beside the steps (sim/swap_copies.h).
 *
 *     running ─preempted─▶ swapped, leaving ─copied out─▶ swapped
 *        ▲                                                  │ room for it
 *        ╰──joins── returning ◀─copied in─ returning, arriving ◀╯
 *
 * One that leaves holds its blocks on both sides, and one that arrives does; the pool counts the
 * first ones as leaving_blocks.
 */
#include "sim/scheduler.h"

static void
note_ended(Scheduler *self, CopyDirection direction, const SwapJob *job)
{
  const StepCopy copy = {
      .request = job->sequence->request, .direction = direction, .blocks = job->blocks};

  g_array_append_val(self->copied, copy);
}

static void
note_begun(Step *step, CopyDirection direction, const Sequence *sequence, guint32 blocks)
{
  const StepCopy copy = {
      .request = sequence->request, .direction = direction, .blocks = blocks};

  g_array_append_val(step->copies, copy);
}

void
scheduler_begin_copy_out(Scheduler *self, Step *step, Sequence *victim)
{
  swap_copies_add(self->swap_copies, COPY_OUT, victim, victim->host_blocks);
  note_begun(step, COPY_OUT, victim, victim->host_blocks);
}

void
scheduler_begin_copy_in(Scheduler *self, Step *step, Sequence *sequence, guint32 blocks)
{
  sequence->arriving = TRUE;
  sequence->arrived_blocks = blocks;
  swap_copies_add(self->swap_copies, COPY_IN, sequence, blocks);
  note_begun(step, COPY_IN, sequence, blocks);
}

void
scheduler_cancel_copy_out(Scheduler *self, Sequence *sequence)
{
  swap_copies_cancel(self->swap_copies, sequence);
  pool_end_swap_out(&self->pool, sequence);
}

gboolean
scheduler_end_copies(Scheduler *self, gint64 by_ps)
{
  SwapJob job;
  guint before;

  if (self->swap_copies == NULL)
    return FALSE;
  before = self->copied->len;
  while (swap_copies_take_ended(self->swap_copies, COPY_OUT, by_ps, &job)) {
    note_ended(self, COPY_OUT, &job);
    pool_end_swap_out(&self->pool, job.sequence);
  }
  while (swap_copies_take_ended(self->swap_copies, COPY_IN, by_ps, &job)) {
    note_ended(self, COPY_IN, &job);
    job.sequence->arriving = FALSE;
    pool_release_host(&self->pool, job.sequence);
  }
  return self->copied->len > before;
}

void
scheduler_tell_copied(Scheduler *self, Step *step)
{
  g_array_append_vals(step->copied, self->copied->data, self->copied->len);
}

void
scheduler_forget_copied(Scheduler *self, const Step *step)
{
  if (step->copied->len > 0)
    g_array_remove_range(self->copied, 0, step->copied->len);
}
