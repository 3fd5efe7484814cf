/* The waiting queue: requests that the engine has looked at, then those that it has not, and, where
 * an engine sends sequences back to the end, these among the latter.
 *
 * An overloaded server has millions waiting of which it ever looks at the first. So a request
 * becomes a sequence only when it comes to the head; before that it is an index in a range.
 */
#pragma once

#include "sequence.h"

typedef struct {
  SequenceQueue known;
  GArray *untouched; /* of ranges of request indices, or a sequence each, in order */
  guint room;        /* for array.h */
  guint32 first;     /* of the ranges, the first that is not used up */
  guint32 length;    /* of both together */
} WaitingQueue;

void waiting_queue_init(WaitingQueue *queue);
void waiting_queue_clear(WaitingQueue *queue);

/* A request joins the tail: its index, greater than any before. */
void waiting_queue_add(WaitingQueue *queue, guint32 request);
/* Takes the first that is not known out. *sequence is one that went to
 * the tail; NULL: it is untouched, the request of the index that is returned. */
guint32 waiting_queue_take_untouched(WaitingQueue *queue, Sequence **sequence);
/* Puts a sequence of the first that was not known behind all that are. */
static inline void
waiting_queue_push_known(WaitingQueue *queue, Sequence *sequence)
{
  sequence_queue_push_tail(&queue->known, sequence);
  queue->length++;
}
/* Behind `before`, one of the known; NULL: to the head. */
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
/* A sequence that the engine knows goes behind all that wait. */
void waiting_queue_push_tail(WaitingQueue *queue, Sequence *sequence);
/* The requests of the first `n` that wait, fewer where there are fewer. Returns how many. */
guint32 waiting_queue_peek(const WaitingQueue *queue, guint32 n, guint32 *requests);
/* The sequence is one of the known. */
static inline void
waiting_queue_remove(WaitingQueue *queue, Sequence *sequence)
{
  g_assert(sequence->queue == &queue->known);
  sequence_queue_remove(sequence);
  queue->length--;
}
