#include "clock_heap.h"

#include "heap.h"

void
clock_heap_clear(ClockHeap *heap)
{
  g_clear_pointer(&heap->events, g_free);
  heap->count = heap->room = 0;
}

static inline gboolean
is_before(const ClockHeap *heap G_GNUC_UNUSED, ClockEvent a, ClockEvent b)
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

HEAP_DEFINE(events, ClockHeap, ClockEvent, is_before, place);

void
clock_heap_push(ClockHeap *heap, ClockEvent event)
{
  if (heap->count == heap->room) {
    heap->room = MAX(64, 2 * heap->room);
    heap->events = g_renew(ClockEvent, heap->events, heap->room);
  }
  events_up(heap, heap->events, heap->count++, event);
}

void
clock_heap_remove(ClockHeap *heap, const Sequence *sequence)
{
  guint32 index = sequence->heap_index[heap->place];
  ClockEvent last = heap->events[--heap->count];

  if (index < heap->count)
    events_put(heap, heap->events, heap->count, index, last);
}

void
clock_heap_postpone(ClockHeap *heap, guint64 ticks)
{
  ClockEvent event = heap->events[0];

  event.ticks = ticks;
  events_down(heap, heap->events, heap->count, 0, event);
}

void
clock_heap_delay(ClockHeap *heap, const Sequence *sequence)
{
  guint32 index = sequence->heap_index[heap->place];
  ClockEvent event = heap->events[index];

  event.ticks++;
  events_down(heap, heap->events, heap->count, index, event);
}
