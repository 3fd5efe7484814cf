#include "victim_order.h"

#include "heap.h"

void
victim_order_clear(VictimOrder *order)
{
  g_clear_pointer(&order->members, g_free);
  order->count = order->ordered = order->room = 0;
}

static inline gboolean
goes_before(const VictimOrder *order G_GNUC_UNUSED, RankedMember a, RankedMember b)
{
  gint64 higher = (gint64)(a.rank - b.rank);

  return higher != 0 ? higher > 0 : a.member->request > b.member->request;
}

static inline void
place(VictimOrder *order, guint32 index, RankedMember member)
{
  order->members[index] = member;
  member.member->victim_place = index;
}

HEAP_DEFINE(ordered, VictimOrder, RankedMember, goes_before, place);

void
victim_order_add(VictimOrder *order, Sequence *member, guint64 rank)
{
  if (order->count == order->room) {
    order->room = MAX(64, 2 * order->room);
    order->members = g_renew(RankedMember, order->members, order->room);
  }
  place(order, order->count++, (RankedMember){rank, member});
}

void
victim_order_remove(VictimOrder *order, const Sequence *member)
{
  guint32 index = member->victim_place;

  if (index < order->ordered) {
    RankedMember last = order->members[--order->ordered];
    if (index < order->ordered)
      ordered_put(order, order->members, order->ordered, index, last);
    index = order->ordered;
  }
  if (index != --order->count)
    place(order, index, order->members[order->count]);
}

/* The heap is made anew when somebody asks: those that miss a tick are many. */
void
victim_order_move(VictimOrder *order, const Sequence *member, guint64 by)
{
  order->members[member->victim_place].rank += by;
  order->ordered = 0;
}

RankedMember
victim_order_first(VictimOrder *order)
{
  g_assert(order->count > 0);
  while (order->ordered < order->count) {
    guint32 index = order->ordered++;
    ordered_up(order, order->members, index, order->members[index]);
  }
  return order->members[0];
}
