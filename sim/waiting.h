/* The waiting queue: requests that the engine has looked at, then those that it has not.
 *
 * An overloaded server has millions waiting of which it ever looks at the first. So a request
 * becomes a sequence only when it comes to the head; before that it is an index in a range.
 */
#pragma once

#include "sequence.h"

typedef struct {
  SequenceQueue known;
  GArray *untouched; /* of ranges of request indices, in order of arrival */
  guint room;        /* for array.h */
  guint32 first;     /* of the ranges, the first that is not used up */
  guint32 length;    /* of both together */
} WaitingQueue;

void waiting_queue_init(WaitingQueue *queue);
/* What is in `known` must have been taken out. */
void waiting_queue_clear(WaitingQueue *queue);

/* A request joins the tail: its index, greater than any before. */
void waiting_queue_add(WaitingQueue *queue, guint32 request);
/* Takes the first untouched request out, of which there must be one. */
guint32 waiting_queue_take_untouched(WaitingQueue *queue);
/* Puts a sequence of an untouched request behind all that are known. */
void waiting_queue_push_known(WaitingQueue *queue, Sequence *sequence);
void waiting_queue_push_head(WaitingQueue *queue, Sequence *sequence);
/* The sequence is one of the known. */
void waiting_queue_remove(WaitingQueue *queue, Sequence *sequence);
