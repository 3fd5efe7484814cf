#include "victim_order.h"

void
victim_order_clear(VictimOrder *order)
{
  g_clear_pointer(&order->members, g_free);
  order->count = order->ordered = order->room = 0;
}

static inline gboolean
goes_before(RankedMember a, RankedMember b)
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

/* Puts the member at `index` of the heap, which is free, or above it. */
static void
sift_up(VictimOrder *order, guint32 index, RankedMember member)
{
  for (guint32 parent; index > 0; index = parent) {
    parent = (index - 1) / 2;
    if (!goes_before(member, order->members[parent]))
      break;
    place(order, index, order->members[parent]);
  }
  place(order, index, member);
}

/* Puts the member at `index` of the heap, which is free, or below it. */
static void
sift_down(VictimOrder *order, guint32 index, RankedMember member)
{
  for (guint32 child; (child = 2 * index + 1) < order->ordered; index = child) {
    const RankedMember *pair = &order->members[child];
    if (child + 1 < order->ordered && goes_before(pair[1], pair[0]))
      child++;
    if (!goes_before(order->members[child], member))
      break;
    place(order, index, order->members[child]);
  }
  place(order, index, member);
}

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
    if (index < order->ordered) {
      if (index > 0 && goes_before(last, order->members[(index - 1) / 2]))
        sift_up(order, index, last);
      else
        sift_down(order, index, last);
    }
    index = order->ordered;
  }
  if (index != --order->count)
    place(order, index, order->members[order->count]);
}

RankedMember
victim_order_first(VictimOrder *order)
{
  g_assert(order->count > 0);
  while (order->ordered < order->count) {
    guint32 index = order->ordered++;
    sift_up(order, index, order->members[index]);
  }
  return order->members[0];
}
