#include "sequence.h"

void
sequence_queue_init(SequenceQueue *queue)
{
  queue->room = 16;
  queue->ring = g_new(Sequence *, queue->room);
  queue->head = queue->length = 0;
}

void
sequence_queue_clear(SequenceQueue *queue)
{
  g_clear_pointer(&queue->ring, g_free);
}

static Sequence **
slot(SequenceQueue *queue, guint32 index)
{
  return &queue->ring[(queue->head + index) & (queue->room - 1)];
}

static void
reserve(SequenceQueue *queue)
{
  Sequence **ring;

  if (queue->length < queue->room)
    return;
  ring = g_new(Sequence *, 2 * (gsize)queue->room);
  for (guint32 i = 0; i < queue->length; i++)
    ring[i] = *slot(queue, i);
  g_free(queue->ring);
  queue->ring = ring;
  queue->room *= 2;
  queue->head = 0;
}

void
sequence_queue_push_head(SequenceQueue *queue, Sequence *sequence)
{
  reserve(queue);
  queue->head = (queue->head - 1) & (queue->room - 1);
  queue->length++;
  *slot(queue, 0) = sequence;
}

void
sequence_queue_push_tail(SequenceQueue *queue, Sequence *sequence)
{
  reserve(queue);
  *slot(queue, queue->length++) = sequence;
}

Sequence *
sequence_queue_pop_head(SequenceQueue *queue)
{
  Sequence *sequence = sequence_queue_at(queue, 0);

  g_assert(queue->length > 0);
  queue->head = (queue->head + 1) & (queue->room - 1);
  queue->length--;
  return sequence;
}

Sequence *
sequence_queue_remove(SequenceQueue *queue, guint32 index)
{
  Sequence *sequence = sequence_queue_at(queue, index);

  g_assert(index < queue->length);
  for (guint32 i = index; i + 1 < queue->length; i++)
    *slot(queue, i) = *slot(queue, i + 1);
  queue->length--;
  return sequence;
}

void
sequence_queue_drop_ended(SequenceQueue *queue)
{
  guint32 kept = 0;

  for (guint32 i = 0; i < queue->length; i++) {
    Sequence *sequence = *slot(queue, i);
    if (!sequence->ended)
      *slot(queue, kept++) = sequence;
  }
  queue->length = kept;
}

void
sequence_queue_sort_by_arrival(SequenceQueue *queue)
{
  for (guint32 i = 1; i < queue->length; i++) {
    Sequence *sequence = *slot(queue, i);
    guint32 j = i;
    for (; j > 0 && (*slot(queue, j - 1))->request > sequence->request; j--)
      *slot(queue, j) = *slot(queue, j - 1);
    *slot(queue, j) = sequence;
  }
}
