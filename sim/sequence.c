#include "sequence.h"

#include <stddef.h>
#include <string.h>

/* What lies between two offsets, cleared. */
static inline void
clear(Sequence *sequence, gsize from, gsize to)
{
  memset((char *)sequence + from, 0, to - from);
}

/* Cleared part by part: as a whole it would be a string instruction, which is slow to start. */
void
sequence_init(Sequence *sequence, guint32 index, const Request *request)
{
  clear(sequence, 0, offsetof(Sequence, result));
  sequence->result = request_result_untouched(index, request);
  clear(sequence, offsetof(Sequence, host_blocks), offsetof(Sequence, in_clock));
  clear(sequence, offsetof(Sequence, in_clock), offsetof(Sequence, radix_node));
  clear(sequence, offsetof(Sequence, radix_node), sizeof *sequence);
  sequence->request = index;
  sequence->output_limit = request->output_tokens;
  sequence->max_tokens = request_max_tokens(request);
  sequence->preempted_at_ps = -1;
}

void
sequence_free(Sequence *sequence)
{
  g_free(sequence->block_ids);
  g_free(sequence->prefix_keys);
  g_free(sequence);
}

void
sequence_queue_insert_behind(SequenceQueue *queue, Sequence *before, Sequence *sequence)
{
  Sequence *after = before != NULL ? before->next : queue->head;

  g_assert(sequence->queue == NULL);
  sequence->queue = queue;
  sequence->previous = before;
  sequence->next = after;
  *(before != NULL ? &before->next : &queue->head) = sequence;
  *(after != NULL ? &after->previous : &queue->tail) = sequence;
  queue->length++;
}

void
sequence_queue_push_head(SequenceQueue *queue, Sequence *sequence)
{
  sequence_queue_insert_behind(queue, NULL, sequence);
}

void
sequence_queue_push_tail(SequenceQueue *queue, Sequence *sequence)
{
  sequence_queue_insert_behind(queue, queue->tail, sequence);
}

void
sequence_queue_remove(Sequence *sequence)
{
  SequenceQueue *queue = sequence->queue;

  *(sequence->previous != NULL ? &sequence->previous->next : &queue->head) = sequence->next;
  *(sequence->next != NULL ? &sequence->next->previous : &queue->tail) = sequence->previous;
  sequence->previous = sequence->next = NULL;
  sequence->queue = NULL;
  queue->length--;
}

Sequence *
sequence_queue_pop_head(SequenceQueue *queue)
{
  Sequence *sequence = queue->head;

  g_assert(sequence != NULL);
  sequence_queue_remove(sequence);
  return sequence;
}

void
sequence_queue_sort_by_arrival(SequenceQueue *queue)
{
  Sequence *next;

  for (Sequence *sequence = queue->head; sequence != NULL; sequence = next) {
    Sequence *before = sequence->previous;
    next = sequence->next;
    if (before == NULL || before->request < sequence->request)
      continue;
    while (before != NULL && before->request > sequence->request)
      before = before->previous;
    sequence_queue_remove(sequence);
    sequence_queue_insert_behind(queue, before, sequence);
  }
}
