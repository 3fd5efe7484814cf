/* The members of the decode clock in the order in which a victim policy takes them: a binary heap.
 *
 * Where all ranks move alike with each tick (VictimPolicy.moves_alike) the order of two members
 * stays as it was when the later of them joined. So a member is ranked once, when it joins, and the
 * rank is taken back to tick 0; nothing is touched from tick to tick. A member that joins stands
 * behind the heap until somebody asks: where nothing overflows, joining and leaving take a few
 * instructions.
 *
 *     members   | a heap: `ordered` of them | joined since somebody asked |
 *                                                                   count
 *
 * Ranks are modulo 2^64 (a rank moves by 2^32 a tick, and ticks are many): two are compared by
 * their difference, which has to fit a gint64.
 */
#pragma once

#include "sequence.h"

typedef struct {
  guint64 rank; /* at tick 0; the highest goes first, of equals the newest request */
  Sequence *member;
} RankedMember;

typedef struct {
  RankedMember *members;
  guint32 count, room;
  guint32 ordered; /* the first so many are a heap */
} VictimOrder;

void victim_order_clear(VictimOrder *order);
/* rank: at tick 0. */
void victim_order_add(VictimOrder *order, Sequence *member, guint64 rank);
void victim_order_remove(VictimOrder *order, const Sequence *member);
/* The member's rank at tick 0 is another. */
void victim_order_move(VictimOrder *order, const Sequence *member, guint64 by);
/* The member that goes first; there must be one. */
RankedMember victim_order_first(VictimOrder *order);
