#include "waiting.h"

#include "array.h"

typedef struct {
  guint32 next, end;  /* requests, from `next` to below `end` */
  Sequence *sequence; /* of a range of one request, which was sent back; else NULL */
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
  if (last != NULL && last->end == request && last->sequence == NULL) {
    last->end++;
  } else {
    const Range range = {request, request + 1, NULL};
    ARRAY_PUSH(ranges, &queue->room, Range, range);
  }
}

guint32
waiting_queue_take_untouched(WaitingQueue *queue, Sequence **sequence)
{
  Range *range = &g_array_index(queue->untouched, Range, queue->first);
  guint32 request;

  g_assert(queue->first < queue->untouched->len);
  request = range->next++;
  *sequence = range->sequence;
  queue->length--;
  if (range->next == range->end && ++queue->first == queue->untouched->len) {
    queue->untouched->len = 0;
    queue->first = 0;
  }
  return request;
}

void
waiting_queue_push_tail(WaitingQueue *queue, Sequence *sequence)
{
  const Range range = {sequence->request, sequence->request + 1, sequence};

  g_assert(sequence->queue == NULL);
  ARRAY_PUSH(queue->untouched, &queue->room, Range, range);
  queue->length++;
}

guint32
waiting_queue_peek(const WaitingQueue *queue, guint32 n, Waiter *waiters)
{
  guint32 count = 0;

  for (Sequence *s = queue->known.head; s != NULL && count < n; s = s->next)
    waiters[count++] = (Waiter){s->request, s};
  for (guint32 i = queue->first; i < queue->untouched->len && count < n; i++) {
    const Range *range = &g_array_index(queue->untouched, Range, i);
    for (guint32 request = range->next; request < range->end && count < n; request++)
      waiters[count++] = (Waiter){request, range->sequence};
  }
  return count;
}
