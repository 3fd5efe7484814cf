#include "waiting.h"

#include "array.h"

typedef struct {
  guint32 next, end;
} Range;

void
waiting_queue_init(WaitingQueue *queue)
{
  *queue = (WaitingQueue){.untouched = g_array_new(FALSE, FALSE, sizeof(Range))};
}

void
waiting_queue_clear(WaitingQueue *queue)
{
  g_assert(queue->known.length == 0);
  g_clear_pointer(&queue->untouched, g_array_unref);
}

void
waiting_queue_add(WaitingQueue *queue, guint32 request)
{
  GArray *ranges = queue->untouched;
  Range *last = ranges->len > 0 ? &g_array_index(ranges, Range, ranges->len - 1) : NULL;

  queue->length++;
  if (last != NULL && last->end == request) {
    last->end++;
  } else {
    const Range range = {request, request + 1};
    ARRAY_PUSH(ranges, &queue->room, Range, range);
  }
}

guint32
waiting_queue_take_untouched(WaitingQueue *queue)
{
  Range *range = &g_array_index(queue->untouched, Range, queue->first);
  guint32 request = range->next++;

  queue->length--;
  if (range->next == range->end && ++queue->first == queue->untouched->len) {
    queue->untouched->len = 0;
    queue->first = 0;
  }
  return request;
}

void
waiting_queue_push_head(WaitingQueue *queue, Sequence *sequence)
{
  sequence_queue_push_head(&queue->known, sequence);
  queue->length++;
}

void
waiting_queue_push_known(WaitingQueue *queue, Sequence *sequence)
{
  sequence_queue_push_tail(&queue->known, sequence);
  queue->length++;
}

void
waiting_queue_remove(WaitingQueue *queue, Sequence *sequence)
{
  g_assert(sequence->queue == &queue->known);
  sequence_queue_remove(sequence);
  queue->length--;
}
