/* Events of the decode clock's members, ordered by tick: a binary heap.
 *
 * A member has at most one event in each heap and keeps its index there (Sequence.heap_index), so
 * that the event of a member that leaves is found at once.
 */
#pragma once

#include "sequence.h"

typedef struct {
  guint64 ticks; /* when it happens; of equals, the member that joined earlier comes first */
  Sequence *sequence;
} ClockEvent;

typedef struct {
  ClockEvent *events; /* [count], the earliest at 0 */
  guint32 count, room;
  guint place; /* which element of Sequence.heap_index is this heap's */
} ClockHeap;

/* Ticks from `now` on until the first event; G_MAXUINT64 where there is none. */
static inline guint64
clock_heap_ticks_to_first(const ClockHeap *heap, guint64 now)
{
  return heap->count > 0 ? heap->events[0].ticks - now : G_MAXUINT64;
}

void clock_heap_clear(ClockHeap *heap);
void clock_heap_push(ClockHeap *heap, ClockEvent event);
/* Takes the member's event out; it must have one. */
void clock_heap_remove(ClockHeap *heap, const Sequence *sequence);
/* Moves the first event to a later tick. */
void clock_heap_postpone(ClockHeap *heap, guint64 ticks);
/* Moves the member's event to the tick behind its own. */
void clock_heap_delay(ClockHeap *heap, const Sequence *sequence);
