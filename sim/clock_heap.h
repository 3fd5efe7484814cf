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

void clock_heap_clear(ClockHeap *heap);
void clock_heap_push(ClockHeap *heap, ClockEvent event);
/* Takes the member's event out; it must have one. */
void clock_heap_remove(ClockHeap *heap, const Sequence *sequence);
/* Moves the first event to a later tick. */
void clock_heap_postpone(ClockHeap *heap, guint64 ticks);
