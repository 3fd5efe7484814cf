#include "clock_heap.h"

void
clock_heap_clear(ClockHeap *heap)
{
  g_clear_pointer(&heap->events, g_free);
  heap->count = heap->room = 0;
}

static gboolean
is_before(const ClockEvent *a, const ClockEvent *b)
{
  return a->ticks < b->ticks || (a->ticks == b->ticks && a->number < b->number);
}

static void
place(ClockHeap *heap, guint32 index, ClockEvent event)
{
  heap->events[index] = event;
  event.sequence->heap_index[heap->place] = index;
}

/* Puts it where it belongs above the free place `index`. */
static void
sift_up(ClockHeap *heap, guint32 index, ClockEvent event)
{
  while (index > 0 && is_before(&event, &heap->events[(index - 1) / 2])) {
    place(heap, index, heap->events[(index - 1) / 2]);
    index = (index - 1) / 2;
  }
  place(heap, index, event);
}

/* Or below it. */
static void
sift_down(ClockHeap *heap, guint32 index, ClockEvent event)
{
  for (;;) {
    guint32 child = 2 * index + 1;
    if (child >= heap->count)
      break;
    if (child + 1 < heap->count && is_before(&heap->events[child + 1], &heap->events[child]))
      child++;
    if (!is_before(&heap->events[child], &event))
      break;
    place(heap, index, heap->events[child]);
    index = child;
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
  if (index > 0 && is_before(&last, &heap->events[(index - 1) / 2]))
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
