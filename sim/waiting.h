/* The waiting queue: `known` sequences, which the engine has looked at, then `untouched` requests,
 * among which are sequences that an engine sent back to the tail.
 *
 * An overloaded server has millions of requests waiting and only ever looks at the first. So a
 * request becomes a sequence when it comes to the head; before that it is an index in a range.
 */
#pragma once

#include "sequence.h"

typedef struct {
  SequenceQueue known;
  GArray *untouched; /* of Range (waiting.c): request indices, or one sequence, in order */
  guint room;        /* for array.h */
  guint32 first;     /* the first range that is not used up */
  guint32 length;    /* of known and untouched together */
} WaitingQueue;

void waiting_queue_init(WaitingQueue *queue);
void waiting_queue_clear(WaitingQueue *queue);

/* Appends a request, whose index is greater than any before. */
void waiting_queue_add(WaitingQueue *queue, guint32 request);
/* Takes out the first of the untouched and returns its request. *sequence: its sequence, if it was
 * sent back to the tail; NULL: it has none yet. */
guint32 waiting_queue_take_untouched(WaitingQueue *queue, Sequence **sequence);
/* Appends the sequence of that request to the known ones. */
static inline void
waiting_queue_push_known(WaitingQueue *queue, Sequence *sequence)
{
  sequence_queue_push_tail(&queue->known, sequence);
  queue->length++;
}
/* Puts a sequence behind `before`, which is known; NULL: at the head. */
static inline void
waiting_queue_insert_behind(WaitingQueue *queue, Sequence *before, Sequence *sequence)
{
  sequence_queue_insert_behind(&queue->known, before, sequence);
  queue->length++;
}
static inline void
waiting_queue_push_head(WaitingQueue *queue, Sequence *sequence)
{
  waiting_queue_insert_behind(queue, NULL, sequence);
}
/* Sends a sequence back behind all that wait. */
void waiting_queue_push_tail(WaitingQueue *queue, Sequence *sequence);
/* One that waits; sequence: NULL where the engine has not looked at it yet. */
typedef struct {
  guint32 request;
  const Sequence *sequence;
} Waiter;
/* Writes the first `n` that wait, or as many as there are; returns how many. */
guint32 waiting_queue_peek(const WaitingQueue *queue, guint32 n, Waiter *waiters);
/* Takes out a sequence, which must be known. */
static inline void
waiting_queue_remove(WaitingQueue *queue, Sequence *sequence)
{
  g_assert(sequence->queue == &queue->known);
  sequence_queue_remove(sequence);
  queue->length--;
}
