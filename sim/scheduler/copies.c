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

static StepCopy
copy_of(const SwapJob *job, CopyDirection direction)
{
  return (StepCopy){.request = job->sequence->request,
                    .direction = direction,
                    .blocks = job->blocks,
                    .is_ahead = job->is_ahead};
}

static SwapJob *
begin(Scheduler *self, Step *step, CopyDirection direction, Sequence *sequence, guint32 blocks,
      gboolean is_ahead)
{
  SwapJob *job = swap_copies_add(self->swap_copies, direction, sequence, blocks);
  StepCopy copy;

  job->is_ahead = is_ahead;
  copy = copy_of(job, direction);
  g_array_append_val(step->copies, copy);
  return job;
}

void
scheduler_begin_copy_out(Scheduler *self, Step *step, Sequence *victim, guint32 blocks)
{
  begin(self, step, COPY_OUT, victim, blocks, FALSE)->is_last = TRUE;
}

void
scheduler_begin_copy_ahead(Scheduler *self, Step *step, Sequence *sequence, guint32 blocks)
{
  self->pool.host_free_blocks -= blocks;
  sequence->ahead_blocks += blocks;
  sequence->ahead_pending = blocks;
  sequence->result.swapped_out_blocks += blocks;
  begin(self, step, COPY_OUT, sequence, blocks, TRUE);
}

void
scheduler_begin_copy_in(Scheduler *self, Step *step, Sequence *sequence, guint32 blocks)
{
  sequence->arriving = TRUE;
  sequence->arrived_blocks = blocks;
  begin(self, step, COPY_IN, sequence, blocks, FALSE);
}

void
scheduler_forget_ahead(Scheduler *self, Sequence *sequence)
{
  g_assert(sequence->ahead_pending == 0);
  self->pool.host_free_blocks += sequence->ahead_blocks;
  sequence->ahead_blocks = 0;
}

/* What the job reads and writes of the sequence, which will be used for another request. */
static Sequence *
make_orphan(Scheduler *self, Sequence *sequence)
{
  Sequence *orphan = g_new(Sequence, 1);

  *orphan = (Sequence){
      .request = sequence->request,
      .blocks = sequence->blocks,
      .leaving_blocks = sequence->leaving_blocks,
      .host_blocks = sequence->host_blocks + sequence->ahead_blocks,
      .registered_blocks = sequence->registered_blocks,
      .block_ids = g_steal_pointer(&sequence->block_ids),
      .block_ids_room = sequence->block_ids_room,
  };
  sequence->blocks = sequence->leaving_blocks = sequence->host_blocks = sequence->ahead_blocks = 0;
  sequence->registered_blocks = sequence->block_ids_room = 0;
  if (orphan->leaving_blocks == 0)
    pool_begin_swap_out(&self->pool, orphan, 0, orphan->blocks);
  return orphan;
}

void
scheduler_leave_copies(Scheduler *self, Sequence *sequence)
{
  SwapJob *job;

  swap_copies_cancel(self->swap_copies, sequence);
  job = swap_copies_find(self->swap_copies, sequence);
  if (job != NULL) {
    job->sequence = make_orphan(self, sequence);
    job->is_last = job->is_orphan = TRUE;
    return;
  }
  if (sequence->leaving_blocks > 0)
    pool_end_swap_out(&self->pool, sequence);
  scheduler_forget_ahead(self, sequence);
}

static void
end_copy_out(Scheduler *self, const SwapJob *job)
{
  Sequence *sequence = job->sequence;

  if (job->is_ahead)
    sequence->ahead_pending = 0;
  if (job->is_last)
    pool_end_swap_out(&self->pool, sequence);
  if (job->is_orphan) {
    pool_release_host(&self->pool, sequence);
    pool_forget(&self->pool, sequence);
    sequence_free(sequence);
  }
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
    const StepCopy copy = copy_of(&job, COPY_OUT);
    g_array_append_val(self->copied, copy);
    end_copy_out(self, &job);
  }
  while (swap_copies_take_ended(self->swap_copies, COPY_IN, by_ps, &job)) {
    const StepCopy copy = copy_of(&job, COPY_IN);
    g_array_append_val(self->copied, copy);
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
