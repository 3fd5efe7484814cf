/* Copies of swapped blocks that run beside the steps: jobs on the device's link and on the disk's,
 * which have a queue each way.
 *
 * A job is decided in a step, submitted when that step begins, and over when a step or a wait ends
 * after it. What it reads and what it writes is held until then: a victim's blocks in the pool are
 * free, and a sequence that came back runs, when its copy has ended. Of one way the first decided
 * ends first. scheduler/copies.c says what becomes of the sequences.
 */
#pragma once

#include "copy_link.h"
#include "sequence.h"

typedef struct {
  Sequence *sequence;
  guint32 blocks;
  gint64 decided_ps;
  gint64 waited_ps;   /* for the disk: for room on the host, or for what it reads */
  gint64 end_ps;      /* G_MAXINT64: not submitted */
  gboolean waits;     /* and not to be, nor those behind it: for the disk */
  gboolean is_ahead;  /* out, ahead of need: the sequence runs on */
  gboolean is_last;   /* out: the blocks that its sequence gave up are free with it */
  gboolean is_orphan; /* its sequence ended: what is left of it is the job's own */
  gboolean is_over;   /* an executor that makes the copies said so: end_ps is no estimate */
} SwapJob;

typedef struct {
  GArray *ways[COPY_DIRECTIONS]; /* of SwapJob: those under way, the first decided first */
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

/* Returns the job, until the next one is added: neither ahead nor last. */
SwapJob *swap_copies_add(SwapCopies *copies, CopyDirection direction, Sequence *sequence,
                         guint32 blocks, gint64 now_ps);
/* The sequence's copies, whichever way, that are not submitted yet are not made. Returns how many
 * blocks of the host that were taken for them nobody will write. */
guint32 swap_copies_cancel(SwapCopies *copies, const Sequence *sequence);
/* A copy out of the sequence's is under way that does not wait. */
gboolean swap_copies_is_copied_out(const SwapCopies *copies, const Sequence *sequence);
/* The first job of that way that waits; NULL: none does. */
SwapJob *swap_copies_first_waiting(const SwapCopies *copies, CopyDirection direction);
/* The sequence's last copy out that is under way; NULL: there is none. */
SwapJob *swap_copies_find(const SwapCopies *copies, const Sequence *sequence);
/* What is not submitted is now, each way up to the first that waits. */
void swap_copies_submit(SwapCopies *copies, gint64 now_ps, CopyLink *link, CopyLink *disk_link,
                        CopyDuration duration, gpointer data);
/* A step from begin_ps to end_ps computes beside the copies of that way, which makes them take
 * (1 + slowdown) times as long meanwhile. */
void swap_copies_slow(SwapCopies *copies, CopyLink *link, CopyDirection direction, gint64 begin_ps,
                      gint64 end_ps, double slowdown);
/* An executor makes the copies: of those of a way that were submitted the first `ended` more are
 * over at at_ps, the others later than that. */
void swap_copies_tell_ended(SwapCopies *copies, CopyDirection direction, guint32 ended,
                            gint64 at_ps);
/* The next job of that way that is over by then, taken out. FALSE: there is none. */
gboolean swap_copies_take_ended(SwapCopies *copies, CopyDirection direction, gint64 by_ps,
                                SwapJob *job);
/* How long a way is busy from now_ps on, those included that are not submitted. */
gint64 swap_copies_busy_ps(const SwapCopies *copies, CopyDirection direction, gint64 now_ps,
                           CopyDuration duration, gpointer data);
/* When the next one ends that was submitted; G_MAXINT64 if there is none. */
gint64 swap_copies_next_end_ps(const SwapCopies *copies);
