/* Copies of swapped blocks that run beside the steps: jobs on the device's link and on the disk's,
 * each with a queue each way.
 *
 * A job is decided in a step, submitted when that step begins, and reported at the end of the first
 * step or wait after it has ended. Until then what it reads and writes is held: a victim's blocks
 * in the pool become free, and a sequence that came back runs, when the copy has ended. Jobs of one
 * way end in the order in which they were decided. scheduler/copies.c says what becomes of the
 * sequences.
 */
#pragma once

#include "copy_link.h"
#include "sequence.h"

typedef struct {
  Sequence *sequence;
  guint32 blocks;
  gint64 decided_ps;
  gint64 waited_ps;   /* for the disk: for room on the host, or until it was read */
  gint64 end_ps;      /* G_MAXINT64: not submitted */
  gboolean waits;     /* for the disk: neither it nor those behind it are submitted */
  gboolean is_ahead;  /* out, ahead of need: the sequence runs on */
  gboolean is_last;   /* out: with its end the blocks that its sequence gave up are free */
  gboolean is_orphan; /* its sequence ended; `sequence` is a copy that the job owns */
  gboolean is_over;   /* an executor that makes the copies said so: end_ps is no estimate */
} SwapJob;

typedef struct {
  GArray
      *ways[COPY_DIRECTIONS]; /* of SwapJob: by direction those under way, as they were decided */
} SwapCopies;

SwapCopies *swap_copies_new(void);
void swap_copies_free(SwapCopies *copies);

static inline gboolean
swap_copies_are_under_way(const SwapCopies *copies)
{
  return copies->ways[COPY_OUT]->len + copies->ways[COPY_IN]->len +
             copies->ways[COPY_TO_DISK]->len + copies->ways[COPY_FROM_DISK]->len >
         0;
}

/* Adds a job, neither ahead nor last; the pointer is valid until the next one is added. */
SwapJob *swap_copies_add(SwapCopies *copies, CopyDirection direction, Sequence *sequence,
                         guint32 blocks, gint64 now_ps);
/* Drops the sequence's jobs, whichever way, that are not submitted yet. Returns the host blocks
 * that were taken for them. */
guint32 swap_copies_cancel(SwapCopies *copies, const Sequence *sequence);
/* TRUE if a copy out of the sequence is under way and does not wait. */
gboolean swap_copies_is_copied_out(const SwapCopies *copies, const Sequence *sequence);
/* The first job of that way that waits; NULL: none does. */
SwapJob *swap_copies_first_waiting(const SwapCopies *copies, CopyDirection direction);
/* The sequence's last copy out that is under way; NULL: there is none. */
SwapJob *swap_copies_last_out(const SwapCopies *copies, const Sequence *sequence);
/* Submits what is not submitted yet, each way up to the first job that waits. data: for `duration`.
 */
void swap_copies_submit(SwapCopies *copies, gint64 now_ps, CopyLink *link, CopyLink *disk_link,
                        CopyDuration duration, gpointer data);
/* A step computes from begin_ps to end_ps beside the copies of that way, which take (1 + slowdown)
 * times as long meanwhile: moves their ends. */
void swap_copies_slow(SwapCopies *copies, CopyLink *link, CopyDirection direction, gint64 begin_ps,
                      gint64 end_ps, double slowdown);
/* For an executor that makes the copies: of the submitted jobs of a way the next `ended` are over
 * at at_ps, and the others end later. */
void swap_copies_tell_ended(SwapCopies *copies, CopyDirection direction, guint32 ended,
                            gint64 at_ps);
/* Takes out the next job of that way that is over at by_ps. FALSE: there is none. */
gboolean swap_copies_take_ended(SwapCopies *copies, CopyDirection direction, gint64 by_ps,
                                SwapJob *job);
/* How long a way is busy from now_ps on, with the jobs that are not submitted yet. */
gint64 swap_copies_busy_ps(const SwapCopies *copies, CopyDirection direction, gint64 now_ps,
                           CopyDuration duration, gpointer data);
/* When the next submitted job ends, those in ahead_ps before that; G_MAXINT64: there is none. */
gint64 swap_copies_next_end_ps(const SwapCopies *copies, gint64 ahead_ps);
/* When a copy that would end at end_ps does, where it is slowed between begin_ps and until_ps. */
gint64 swap_copies_slowed_end_ps(gint64 end_ps, gint64 begin_ps, gint64 until_ps, double slowdown);
