/* A disk behind the host: where swapped blocks go on to when the host is full.
 *
 *     running ─▶ leaving ─copy out─▶ on the host ─copy to the disk─▶ on the disk
 *        ▲   waits for room there ╱     │     ▲                         │
 *        ╰────────copy in─────────────╯     ╰──copy from the disk───╯
 *
 * A victim that finds no room on the host is copied out all the same: its copy waits, and holds its
 * blocks in the pool, until those that return last have gone on to the disk. Where newer victims
 * return first these are the least recently used ones. One with more blocks than the host goes in
 * pieces of half of it. The next to return is read back as soon as the host has room; if it has
 * none when the pool has some, the copy in follows the read past the host's pool. A block is
 * counted where it was until its copy has ended, and has its place reserved where it goes.
 */
#include "sim/scheduler.h"

/* Gives up copies ahead, but for the victim's, until so many host blocks are free. FALSE: they are
 * not.
 */
static gboolean
make_host_room(Scheduler *self, const Sequence *victim, guint32 blocks)
{
  if (self->config.swap_ahead_blocks == 0)
    return blocks <= self->pool.host_free_blocks;
  for (Sequence *s = self->running.head; s != NULL && self->pool.host_free_blocks < blocks;
       s = s->next)
    if (s != victim && s->ahead_pending == 0)
      scheduler_forget_ahead(self, s);
  return blocks <= self->pool.host_free_blocks;
}

guint32
scheduler_host_room(const Scheduler *self)
{
  const Pool *pool = &self->pool;
  guint64 room =
      (guint64)pool->host_free_blocks + pool->host_writing_blocks + pool->disk_free_blocks;

  if (self->config.num_disk_blocks == 0 || pool->host_total_blocks == 0)
    return pool->host_free_blocks;
  return (guint32)MIN(room - MIN(room, pool->host_owed_blocks), G_MAXUINT32);
}

gboolean
scheduler_find_host_room(Scheduler *self, const Sequence *victim, guint32 blocks)
{
  if (self->pool.host_owed_blocks == 0 && make_host_room(self, victim, blocks))
    return TRUE;
  return self->config.num_disk_blocks > 0 && blocks <= scheduler_host_room(self);
}

/* Gives the victim room on the host. FALSE: it waits for it. */
static gboolean
take_host(Scheduler *self, Sequence *victim, guint32 blocks)
{
  Pool *pool = &self->pool;

  if (pool->host_owed_blocks == 0 && blocks <= pool->host_free_blocks) {
    pool_take_host(pool, victim, blocks);
    return TRUE;
  }
  victim->host_blocks += blocks;
  victim->owed_blocks += blocks;
  pool->host_owed_blocks += blocks;
  return FALSE;
}

void
scheduler_copy_out(Scheduler *self, Step *step, Sequence *victim, guint32 blocks)
{
  guint32 host = self->pool.host_total_blocks, most = blocks <= host ? blocks : MAX(1, host / 2);

  for (guint32 left = blocks; left > 0; left -= MIN(left, most)) {
    guint32 piece = MIN(left, most);
    gboolean has_room = take_host(self, victim, piece);
    scheduler_begin_copy_out(self, step, victim, piece, !has_room, piece == left);
  }
}

/* Begins to copy the sequence's last host blocks on to the disk. */
static void
write_to_disk(Scheduler *self, Step *step, Sequence *sequence, guint32 blocks)
{
  sequence->to_disk_blocks = blocks;
  self->pool.host_writing_blocks += blocks;
  self->pool.disk_free_blocks -= blocks;
  scheduler_begin_copy(self, step, COPY_TO_DISK, sequence, blocks);
}

/* Blocks of a swapped sequence that are on the host and may go on to the disk. */
static guint32
landed_blocks(const Scheduler *self, const Sequence *sequence)
{
  gboolean copying =
      sequence->leaving_blocks > 0 &&
      (sequence->owed_blocks == 0 || swap_copies_is_copied_out(self->swap_copies, sequence));

  if (copying || sequence->copies_are_free ||
      sequence->to_disk_blocks + sequence->from_disk_blocks > 0)
    return 0;
  return sequence->host_blocks - sequence->owed_blocks;
}

/* Sends on to the disk as many blocks as victims wait for, of the sequences that return last. */
static void
make_room(Scheduler *self, Step *step)
{
  const Pool *pool = &self->pool;

  for (Sequence *s = self->swapped.tail; s != NULL && pool->disk_free_blocks > 0; s = s->previous) {
    guint64 coming = (guint64)pool->host_free_blocks + pool->host_writing_blocks;
    guint32 blocks;
    if (coming >= pool->host_owed_blocks)
      return;
    blocks = landed_blocks(self, s);
    blocks = MIN(blocks, pool->disk_free_blocks);
    if (blocks > 0)
      write_to_disk(self, step, s, (guint32)MIN(blocks, pool->host_owed_blocks - coming));
  }
}

/* Begins copies out that waited for room, the first decided first. */
static void
release_copies_out(Scheduler *self, Step *step)
{
  SwapJob *job;

  while ((job = swap_copies_first_waiting(self->swap_copies, COPY_OUT)) != NULL) {
    if (!make_host_room(self, job->sequence, job->blocks))
      return;
    self->pool.host_free_blocks -= job->blocks;
    self->pool.host_owed_blocks -= job->blocks;
    job->sequence->owed_blocks -= job->blocks;
    scheduler_release_copy(self, step, COPY_OUT, job);
  }
}

/* Begins copies in whose blocks have been read. */
static void
release_copies_in(Scheduler *self, Step *step)
{
  SwapJob *job;

  while ((job = swap_copies_first_waiting(self->swap_copies, COPY_IN)) != NULL &&
         job->sequence->from_disk_blocks == 0)
    scheduler_release_copy(self, step, COPY_IN, job);
}

void
scheduler_move_to_disk(Scheduler *self, Step *step)
{
  if (self->swap_copies == NULL || self->config.num_disk_blocks == 0)
    return;
  release_copies_out(self, step);
  make_room(self, step);
  release_copies_in(self, step);
}

gboolean
scheduler_read_ahead(Scheduler *self, Step *step, Sequence *sequence, gboolean is_needed)
{
  guint32 blocks = sequence->disk_blocks;

  if (sequence->to_disk_blocks + sequence->from_disk_blocks > 0)
    return FALSE;
  if (blocks == 0 || !is_needed || self->pool.host_owed_blocks > 0 ||
      !make_host_room(self, sequence, blocks))
    return TRUE;
  self->pool.host_free_blocks -= blocks;
  sequence->from_disk_blocks = blocks;
  scheduler_begin_copy(self, step, COPY_FROM_DISK, sequence, blocks);
  return FALSE;
}
