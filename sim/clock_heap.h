/* What will happen to members of the decode clock at a tick, the earliest first: a binary heap.
 *
 * Each heap has a place in its members (Sequence's heap_index), so that one that leaves is found.
 */
#pragma once

#include "sequence.h"

typedef struct {
  guint64 ticks; /* when it happens; of two at once, that of the smaller joined_number is first */
  Sequence *sequence;
} ClockEvent;

typedef struct {
  ClockEvent *events;
  guint32 count, room;
  guint place; /* in heap_index */
} ClockHeap;

/* Ticks from `now` on until the first event; G_MAXUINT64 where there is none. */
static inline guint64
clock_heap_ticks_to_first(const ClockHeap *heap, guint64 now)
{
  return heap->count > 0 ? heap->events[0].ticks - now : G_MAXUINT64;
}

void clock_heap_clear(ClockHeap *heap);
void clock_heap_push(ClockHeap *heap, ClockEvent event);
void clock_heap_remove(ClockHeap *heap, const Sequence *sequence);
/* Puts the first event off to a later tick. */
void clock_heap_postpone(ClockHeap *heap, guint64 ticks);
