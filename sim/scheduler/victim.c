/* Who goes first, where the victim policy ranks what runs.
 *
 * Where all ranks move alike the members of the decode clock are kept in order, and only what runs
 * beside them is looked at. Where prices rise with the tokens that a victim has, the members are in
 * the order of these, and a part of the heap whose first member costs more than the cheapest so far
 * is passed over. Else the policy is asked of each running sequence. Either way it is asked at an
 * eviction: the decode clock keeps running.
 */
#include "sim/policies/price.h"
#include "sim/scheduler.h"

/* Members that are asked before it is taken that many cost the same. */
enum { ASKED_ONE_BY_ONE = 8 };

typedef struct {
  Sequence *sequence; /* NULL: nobody so far */
  gint64 rank;
} First;

static void
compare(First *first, Sequence *s, gint64 rank)
{
  if (rank == VICTIM_NEVER)
    return;
  if (first->sequence == NULL || rank > first->rank ||
      (rank == first->rank && s->request > first->sequence->request))
    *first = (First){s, rank};
}

/* The first of `s` and those behind it in the queue, and of *first. */
static void
look_through(const Scheduler *self, const VictimQuery *query, Sequence *s, First *first)
{
  for (; s != NULL; s = s->next)
    if (!s->ending)
      compare(first, s, scheduler_rank(self, query, s));
}

/* The first of the members in the heap from that place down, and of *first; at most *left of them
 * are asked. */
static void
look_down(const Scheduler *self, const VictimQuery *query, guint32 place, guint *left, First *first)
{
  Sequence *member;
  gint64 rank;

  if (place >= self->victims.count || *left == 0)
    return;
  (*left)--;
  member = self->victims.members[place].member;
  rank = scheduler_rank(self, query, member);
  if (first->sequence != NULL && rank < first->rank)
    return;
  compare(first, member, rank);
  look_down(self, query, 2 * place + 1, left, first);
  look_down(self, query, 2 * place + 2, left, first);
}

/* The newest member that stands before `limit` in the order; NULL: none does. */
static const RankedMember *
newest_before(const VictimOrder *order, const RankedMember *limit)
{
  const RankedMember *newest = NULL;

  for (guint32 i = 0; i < order->count; i++) {
    const RankedMember *m = &order->members[i];
    if ((limit == NULL || (gint64)(m->rank - limit->rank) > 0) &&
        (newest == NULL || m->member->request > newest->member->request))
      newest = m;
  }
  return newest;
}

/* Many cost the same, such as nothing where the host is what steps wait for. Whoever costs more
 * than the first of the order leaves only those before itself: so the newest of them is asked, and
 * the newest of those that are left. */
static void
find_newest_equal(const Scheduler *self, const VictimQuery *query, First *first)
{
  gint64 least = scheduler_rank(self, query, self->victims.members[0].member);
  const RankedMember *m = NULL;

  while ((m = newest_before(&self->victims, m)) != NULL)
    if (scheduler_rank(self, query, m->member) == least) {
      compare(first, m->member, least);
      return;
    }
}

/* The first of the members where the order bounds the ranks. */
static void
look_at_members(Scheduler *self, const VictimQuery *query, First *first)
{
  guint left = ASKED_ONE_BY_ONE;

  victim_order_first(&self->victims);
  look_down(self, query, 0, &left, first);
  if (left == 0)
    find_newest_equal(self, query, first);
}

/* Nobody who has work stands before a member: the rest is behind them. */
static Sequence *
first_in_order(Scheduler *self)
{
  const VictimQuery query = {.overflow = self->config.overflow,
                             .options = &self->config.victim_options};
  First first = {0};

  first.sequence = scheduler_first_member(self, &first.rank);
  look_through(self, &query, scheduler_first_loose(self), &first);
  return first.sequence;
}

/* What a return costs rises with the tokens that the victim has: then the order bounds the ranks. Of
 * groups one with more tokens may hold fewer blocks; and of one with copies ahead less is copied. */
static gboolean
find_prices_rise(const Scheduler *self)
{
  const SchedulerConfig *config = &self->config;
  guint64 tokens = MAX(config->max_num_batched_tokens, (guint64)self->running.length + 1);

  return config->overflow->price_rises && config->swap_ahead_blocks == 0 &&
         (self->pool.groups == NULL || !config->overflow->needs_host) &&
         (config->cost == NULL || cost_model_rises(config->cost, tokens));
}

static gboolean
prices_rise(Scheduler *self)
{
  if (!self->prices_asked)
    self->prices_rise = find_prices_rise(self);
  self->prices_asked = TRUE;
  return self->prices_rise;
}

Sequence *
scheduler_first_victim(Scheduler *self, const Sequence *beneficiary, guint32 short_blocks)
{
  OverflowQuery eviction;
  VictimQuery query;
  First first = {0};

  if (self->config.victim->moves_alike)
    return first_in_order(self);
  eviction = scheduler_overflow_query(self, NULL, beneficiary, short_blocks);
  if (self->config.victim->needs_decodes)
    eviction.decodes_ps = price_decodes_ps(&eviction);
  query = (VictimQuery){
      .overflow = self->config.overflow,
      .eviction = &eviction,
      .options = &self->config.victim_options,
  };
  if (!scheduler_orders_victims(self) || self->victims.count == 0 || !prices_rise(self)) {
    look_through(self, &query, self->running.head, &first);
    return first.sequence;
  }
  look_at_members(self, &query, &first);
  look_through(self, &query, scheduler_first_loose(self), &first);
  return first.sequence;
}
