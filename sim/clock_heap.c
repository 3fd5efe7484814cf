#include "clock_heap.h"

void
clock_heap_clear(ClockHeap *heap)
{
  g_clear_pointer(&heap->events, g_free);
  heap->count = heap->room = 0;
}

static inline gboolean
is_before(ClockEvent a, ClockEvent b)
{
  return a.ticks != b.ticks ? a.ticks < b.ticks
                            : a.sequence->joined_number < b.sequence->joined_number;
}

static inline void
place(ClockHeap *heap, guint32 index, ClockEvent event)
{
  heap->events[index] = event;
  event.sequence->heap_index[heap->place] = index;
}

/* Puts the event at `index`, which is free, or above it. */
static inline void
sift_up(ClockHeap *heap, guint32 index, ClockEvent event)
{
  while (index > 0) {
    const ClockEvent parent = heap->events[(index - 1) / 2];
    if (!is_before(event, parent))
      break;
    place(heap, index, parent);
    index = (index - 1) / 2;
  }
  place(heap, index, event);
}

/* Puts the event at `index`, which is free, or below it. */
static inline void
sift_down(ClockHeap *heap, guint32 index, ClockEvent event)
{
  for (guint32 child; (child = 2 * index + 1) < heap->count; index = child) {
    const ClockEvent *pair = &heap->events[child];
    if (child + 1 < heap->count && is_before(pair[1], pair[0])) {
      child++;
      pair++;
    }
    if (!is_before(*pair, event))
      break;
    place(heap, index, *pair);
  }
  place(heap, index, event);
}

void
clock_heap_push(ClockHeap *heap, ClockEvent event)
{
  if (heap->count == heap->room) {
    heap->room = MAX(64, 2 * heap->room);
    heap->events = g_renew(ClockEvent, heap->events, heap->room);
  }
  sift_up(heap, heap->count++, event);
}

void
clock_heap_remove(ClockHeap *heap, const Sequence *sequence)
{
  guint32 index = sequence->heap_index[heap->place];
  ClockEvent last = heap->events[--heap->count];

  if (index == heap->count)
    return;
  if (index > 0 && is_before(last, heap->events[(index - 1) / 2]))
    sift_up(heap, index, last);
  else
    sift_down(heap, index, last);
}

void
clock_heap_postpone(ClockHeap *heap, guint64 ticks)
{
  ClockEvent event = heap->events[0];

  event.ticks = ticks;
  sift_down(heap, 0, event);
}
