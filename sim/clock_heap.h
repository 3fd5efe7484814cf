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

void clock_heap_clear(ClockHeap *heap);
void clock_heap_push(ClockHeap *heap, ClockEvent event);
void clock_heap_remove(ClockHeap *heap, const Sequence *sequence);
/* Puts the first event off to a later tick. */
void clock_heap_postpone(ClockHeap *heap, guint64 ticks);
