#include "swap_copies.h"

static SwapJob *
job_at(const SwapCopies *copies, CopyDirection direction, guint i)
{
  return &g_array_index(copies->ways[direction], SwapJob, i);
}

SwapCopies *
swap_copies_new(void)
{
  SwapCopies *copies = g_new0(SwapCopies, 1);

  for (CopyDirection d = COPY_OUT; d < COPY_DIRECTIONS; d++)
    copies->ways[d] = g_array_new(FALSE, FALSE, sizeof(SwapJob));
  return copies;
}

void
swap_copies_free(SwapCopies *copies)
{
  if (copies == NULL)
    return;
  for (guint i = 0; i < copies->ways[COPY_OUT]->len; i++) {
    SwapJob *job = job_at(copies, COPY_OUT, i);
    if (job->is_orphan)
      sequence_free(job->sequence);
  }
  for (CopyDirection d = COPY_OUT; d < COPY_DIRECTIONS; d++)
    g_array_unref(copies->ways[d]);
  g_free(copies);
}

SwapJob *
swap_copies_add(SwapCopies *copies, CopyDirection direction, Sequence *sequence, guint32 blocks,
                gint64 now_ps)
{
  const SwapJob job = {
      .sequence = sequence, .blocks = blocks, .decided_ps = now_ps, .end_ps = G_MAXINT64};

  g_array_append_val(copies->ways[direction], job);
  return job_at(copies, direction, copies->ways[direction]->len - 1);
}

gboolean
swap_copies_is_copied_out(const SwapCopies *copies, const Sequence *sequence)
{
  for (guint i = 0; i < copies->ways[COPY_OUT]->len; i++) {
    const SwapJob *job = job_at(copies, COPY_OUT, i);
    if (job->sequence == sequence && !job->waits)
      return TRUE;
  }
  return FALSE;
}

SwapJob *
swap_copies_first_waiting(const SwapCopies *copies, CopyDirection direction)
{
  for (guint i = 0; i < copies->ways[direction]->len; i++)
    if (job_at(copies, direction, i)->waits)
      return job_at(copies, direction, i);
  return NULL;
}

SwapJob *
swap_copies_last_out(const SwapCopies *copies, const Sequence *sequence)
{
  for (guint i = copies->ways[COPY_OUT]->len; i-- > 0;)
    if (job_at(copies, COPY_OUT, i)->sequence == sequence)
      return job_at(copies, COPY_OUT, i);
  return NULL;
}

guint32
swap_copies_cancel(SwapCopies *copies, const Sequence *sequence)
{
  guint32 unused = 0;

  for (CopyDirection d = COPY_OUT; d < COPY_DIRECTIONS; d++)
    for (guint i = copies->ways[d]->len; i-- > 0;) {
      const SwapJob *job = job_at(copies, d, i);
      if (job->sequence != sequence || job->end_ps < G_MAXINT64)
        continue;
      unused += d == COPY_OUT && !job->waits ? job->blocks : 0;
      g_array_remove_index(copies->ways[d], i);
    }
  return unused;
}

void
swap_copies_submit(SwapCopies *copies, gint64 now_ps, CopyLink *link, CopyLink *disk_link,
                   CopyDuration duration, gpointer data)
{
  for (CopyDirection d = COPY_OUT; d < COPY_DIRECTIONS; d++) {
    guint first = copies->ways[d]->len;
    while (first > 0 && job_at(copies, d, first - 1)->end_ps == G_MAXINT64)
      first--;
    for (guint i = first; i < copies->ways[d]->len && !job_at(copies, d, i)->waits; i++) {
      SwapJob *job = job_at(copies, d, i);
      job->end_ps = d < COPY_TO_DISK
                        ? copy_link_submit(link, d, now_ps, duration(data, d, job->blocks))
                        : copy_link_submit(disk_link, (CopyDirection)(d - COPY_TO_DISK), now_ps,
                                           duration(data, d, job->blocks));
    }
  }
}

gint64
swap_copies_slowed_end_ps(gint64 end_ps, gint64 begin_ps, gint64 until_ps, double slowdown)
{
  gint64 alone_ps = end_ps - begin_ps, beside_ps = until_ps - begin_ps;
  gint64 done_ps = (gint64)((double)beside_ps / (1 + slowdown));

  if (alone_ps <= 0)
    return end_ps;
  if (alone_ps < done_ps)
    return begin_ps + (gint64)((double)alone_ps * (1 + slowdown));
  return end_ps + beside_ps - done_ps;
}

void
swap_copies_slow(SwapCopies *copies, CopyLink *link, CopyDirection direction, gint64 begin_ps,
                 gint64 end_ps, double slowdown)
{
  if (slowdown <= 0)
    return;
  for (guint i = 0; i < copies->ways[direction]->len; i++) {
    SwapJob *job = job_at(copies, direction, i);
    if (job->end_ps < G_MAXINT64)
      job->end_ps =
          swap_copies_slowed_end_ps(job->end_ps, begin_ps, end_ps, slowdown);
  }
  link->free_ps[direction] =
      swap_copies_slowed_end_ps(link->free_ps[direction], begin_ps, end_ps, slowdown);
}

void
swap_copies_tell_ended(SwapCopies *copies, CopyDirection direction, guint32 ended, gint64 at_ps)
{
  for (guint i = 0; i < copies->ways[direction]->len; i++) {
    SwapJob *job = job_at(copies, direction, i);
    if (job->is_over || job->end_ps == G_MAXINT64)
      continue;
    job->is_over = ended > 0;
    job->end_ps = job->is_over ? at_ps : MAX(job->end_ps, at_ps + 1);
    ended -= job->is_over ? 1 : 0;
  }
  g_assert(ended == 0);
}

gboolean
swap_copies_take_ended(SwapCopies *copies, CopyDirection direction, gint64 by_ps, SwapJob *job)
{
  if (copies->ways[direction]->len == 0 || job_at(copies, direction, 0)->end_ps > by_ps)
    return FALSE;
  *job = *job_at(copies, direction, 0);
  g_array_remove_index(copies->ways[direction], 0);
  return TRUE;
}

gint64
swap_copies_busy_ps(const SwapCopies *copies, CopyDirection direction, gint64 now_ps,
                    CopyDuration duration, gpointer data)
{
  gint64 busy_ps = 0;

  for (guint i = copies->ways[direction]->len; i-- > 0;) {
    const SwapJob *job = job_at(copies, direction, i);
    if (job->end_ps < G_MAXINT64)
      return busy_ps + MAX(0, job->end_ps - now_ps);
    busy_ps += duration(data, direction, job->blocks);
  }
  return busy_ps;
}

gint64
swap_copies_next_end_ps(const SwapCopies *copies, gint64 ahead_ps)
{
  gint64 next_ps = G_MAXINT64;

  for (CopyDirection d = COPY_OUT; d < COPY_DIRECTIONS; d++)
    if (copies->ways[d]->len > 0)
      next_ps = MIN(next_ps, job_at(copies, d, 0)->end_ps - (d == COPY_IN ? ahead_ps : 0));
  return next_ps;
}
