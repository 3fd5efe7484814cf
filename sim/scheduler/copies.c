/* What becomes of sequences whose blocks are copied beside the steps (sim/swap_copies.h).
 *
 *     running ─preempted─▶ swapped, leaving ─copied out─▶ swapped
 *        ▲                                                  │ room for it
 *        ╰──joins── returning ◀─copied in─ returning, arriving ◀╯
 *
 * A sequence that leaves or arrives holds its blocks on both sides; the pool counts those that
 * leave as leaving_blocks. One that arrives with a gap computes it meanwhile. Layer by layer one
 * has arrived when its copy is so far ahead of the layers of a step that begins now that none of
 * them waits for it; where that step turns out to be shorter, they do (instance.c).
 */
#include "sim/layerwise.h"
#include "sim/scheduler.h"

gint64
scheduler_copy_ps(gpointer data, CopyDirection direction, guint32 blocks)
{
  const Scheduler *self = data;

  if (direction >= COPY_TO_DISK)
    return disk_copy_ps(&self->config.disk, direction, blocks);
  return self->config.cost != NULL ? cost_model_copy_ps(self->config.cost, direction, blocks) : 0;
}

static StepCopy
copy_of(const SwapJob *job, CopyDirection direction)
{
  return (StepCopy){.request = job->sequence->request,
                    .direction = direction,
                    .blocks = job->blocks,
                    .is_ahead = job->is_ahead,
                    .is_last = job->is_last,
                    .waited_ps = job->waited_ps};
}

static SwapJob *
begin(Scheduler *self, Step *step, CopyDirection direction, Sequence *sequence, guint32 blocks,
      gboolean is_ahead, gboolean waits)
{
  SwapJob *job = swap_copies_add(self->swap_copies, direction, sequence, blocks, self->now_ps);
  StepCopy copy;

  job->is_ahead = is_ahead;
  job->waits = waits;
  if (!waits) {
    copy = copy_of(job, direction);
    g_array_append_val(step->copies, copy);
  }
  return job;
}

void
scheduler_begin_copy(Scheduler *self, Step *step, CopyDirection direction, Sequence *sequence,
                     guint32 blocks)
{
  begin(self, step, direction, sequence, blocks, FALSE, FALSE);
}

void
scheduler_release_copy(Scheduler *self, Step *step, CopyDirection direction, SwapJob *job)
{
  StepCopy copy;

  job->waits = FALSE;
  job->waited_ps = direction == COPY_OUT ? self->now_ps - job->decided_ps : 0;
  copy = copy_of(job, direction);
  g_array_append_val(step->copies, copy);
}

void
scheduler_begin_copy_out(Scheduler *self, Step *step, Sequence *victim, guint32 blocks,
                         gboolean waits, gboolean is_last)
{
  begin(self, step, COPY_OUT, victim, blocks, FALSE, waits)->is_last = is_last;
}

void
scheduler_begin_copy_ahead(Scheduler *self, Step *step, Sequence *sequence, guint32 blocks)
{
  self->pool.host_free_blocks -= blocks;
  sequence->ahead_blocks += blocks;
  sequence->ahead_pending = blocks;
  sequence->result.swapped_out_blocks += blocks;
  begin(self, step, COPY_OUT, sequence, blocks, TRUE, FALSE);
}

/* Reads what is on the disk, for the copy in that follows. */
static void
read_through(Scheduler *self, Step *step, Sequence *sequence)
{
  if (sequence->disk_blocks == 0)
    return;
  sequence->from_disk_blocks = sequence->disk_blocks;
  sequence->reads_through = TRUE;
  scheduler_begin_copy(self, step, COPY_FROM_DISK, sequence, sequence->disk_blocks);
}

void
scheduler_begin_copy_in(Scheduler *self, Step *step, Sequence *sequence, guint32 blocks)
{
  sequence->arriving = TRUE;
  sequence->arrived_blocks = blocks;
  read_through(self, step, sequence);
  begin(self, step, COPY_IN, sequence, blocks, FALSE,
        sequence->from_disk_blocks > 0 ||
            swap_copies_first_waiting(self->swap_copies, COPY_IN) != NULL);
}

void
scheduler_join_arrived(Step *step, Sequence *sequence)
{
  const StepSwapIn record = {.request = sequence->request, .blocks = sequence->arrived_blocks};

  g_assert(!sequence->arriving);
  sequence_queue_remove(sequence);
  sequence->computes_front = FALSE;
  g_array_append_val(step->swapped_in, record);
}

void
scheduler_forget_ahead(Scheduler *self, Sequence *sequence)
{
  g_assert(sequence->ahead_pending == 0);
  self->pool.host_free_blocks += sequence->ahead_blocks;
  sequence->ahead_blocks = 0;
}

/* A copy of the sequence with what the job still reads and writes; the original serves another
 * request soon. */
static Sequence *
make_orphan(Scheduler *self, Sequence *sequence)
{
  Sequence *orphan = g_new(Sequence, 1);

  *orphan = (Sequence){
      .request = sequence->request,
      .blocks = sequence->blocks,
      .leaving_blocks = sequence->leaving_blocks,
      .host_blocks = sequence->host_blocks + sequence->ahead_blocks,
      .owed_blocks = sequence->owed_blocks,
      .registered_blocks = sequence->registered_blocks,
      .block_ids = g_steal_pointer(&sequence->block_ids),
      .block_ids_room = sequence->block_ids_room,
  };
  sequence->blocks = sequence->leaving_blocks = sequence->host_blocks = sequence->ahead_blocks = 0;
  sequence->owed_blocks = 0;
  sequence->registered_blocks = sequence->block_ids_room = 0;
  if (orphan->leaving_blocks == 0)
    pool_begin_swap_out(&self->pool, orphan, 0, orphan->blocks);
  return orphan;
}

/* Takes back the room on the disk for copies that have not begun. */
static void
leave_disk(Scheduler *self, Sequence *sequence)
{
  g_assert(sequence->disk_blocks == 0);
  self->pool.host_writing_blocks -= sequence->to_disk_blocks;
  self->pool.disk_free_blocks += sequence->to_disk_blocks;
  sequence->to_disk_blocks = 0;
}

void
scheduler_leave_copies(Scheduler *self, Sequence *sequence)
{
  guint32 unused = swap_copies_cancel(self->swap_copies, sequence);
  SwapJob *job;

  sequence->host_blocks -= unused;
  self->pool.host_free_blocks += unused;
  leave_disk(self, sequence);
  job = swap_copies_last_out(self->swap_copies, sequence);
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

static void
end_disk_copy(Scheduler *self, CopyDirection direction, Sequence *sequence)
{
  Pool *pool = &self->pool;
  guint32 read = sequence->from_disk_blocks, written = sequence->to_disk_blocks;

  if (direction == COPY_TO_DISK) {
    sequence->to_disk_blocks = 0;
    sequence->host_blocks -= written;
    sequence->disk_blocks += written;
    pool->host_writing_blocks -= written;
    pool->host_free_blocks += written;
    return;
  }
  sequence->disk_blocks -= read;
  pool->disk_free_blocks += read;
  sequence->host_blocks += sequence->reads_through ? 0 : read;
  sequence->from_disk_blocks = 0;
  sequence->reads_through = FALSE;
}

static void
end_copy(Scheduler *self, CopyDirection direction, const SwapJob *job)
{
  if (direction == COPY_OUT) {
    end_copy_out(self, job);
  } else if (direction == COPY_IN) {
    job->sequence->arriving = FALSE;
    pool_release_host(&self->pool, job->sequence);
  } else {
    end_disk_copy(self, direction, job->sequence);
  }
}

gint64
scheduler_layers_ahead_ps(Scheduler *self)
{
  DecodeContexts decodes;

  if (self->config.cost == NULL || self->config.cost->copy_stages == 0 ||
      self->swap_copies->ways[COPY_IN]->len == 0)
    return 0;
  decodes = scheduler_running_decodes(self);
  return layerwise_ahead_ps(self->config.cost, &decodes);
}

gboolean
scheduler_end_copies(Scheduler *self, gint64 by_ps)
{
  SwapJob job;
  gint64 ahead_ps;
  guint before;

  if (self->swap_copies == NULL || !swap_copies_are_under_way(self->swap_copies))
    return FALSE;
  before = self->copied->len;
  ahead_ps = scheduler_layers_ahead_ps(self);
  for (CopyDirection d = COPY_OUT; d < COPY_DIRECTIONS; d++)
    while (
        swap_copies_take_ended(self->swap_copies, d, by_ps + (d == COPY_IN ? ahead_ps : 0), &job)) {
      StepCopy copy;
      if (d == COPY_IN)
        self->last_layers_ps = MAX(self->last_layers_ps, job.end_ps);
      if (d == COPY_FROM_DISK)
        job.waited_ps = job.end_ps - job.decided_ps;
      copy = copy_of(&job, d);
      g_array_append_val(self->copied, copy);
      end_copy(self, d, &job);
    }
  return self->copied->len > before;
}

void
scheduler_tell_copied(Scheduler *self, Step *step)
{
  if (self->copied->len > 0)
    g_array_append_vals(step->copied, self->copied->data, self->copied->len);
}

void
scheduler_forget_copied(Scheduler *self, const Step *step)
{
  if (step->copied->len > 0)
    g_array_remove_range(self->copied, 0, step->copied->len);
}
