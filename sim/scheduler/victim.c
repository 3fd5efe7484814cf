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

/* Members that are looked at before it is taken that many cost the same. */
enum { LOOKED_AT_ONE_BY_ONE = 8 };

/* Tokens and blocks that a victim's price rises with. */
typedef struct {
  guint32 tokens, blocks;
} Size;

typedef struct {
  Sequence *sequence; /* NULL: nobody so far */
  gint64 rank;
  Size size;
  gboolean knows_dear;
  Size dear; /* of one that ranks lower than the first: so does whoever is no smaller */
} First;

static gboolean
is_no_smaller(Size a, Size b)
{
  return a.tokens >= b.tokens && a.blocks >= b.blocks;
}

static void
note_dear(First *first, Size size)
{
  if (!first->knows_dear || is_no_smaller(first->dear, size))
    first->dear = size;
  first->knows_dear = TRUE;
}

static void
compare(First *first, Sequence *s, gint64 rank, Size size)
{
  if (rank == VICTIM_NEVER)
    return;
  if (first->sequence != NULL && rank != first->rank)
    note_dear(first, rank > first->rank ? first->size : size);
  if (first->sequence == NULL || rank > first->rank ||
      (rank == first->rank && s->request > first->sequence->request)) {
    first->sequence = s;
    first->rank = rank;
    first->size = size;
  }
}

/* The rank of the sequence now; and it is compared. */
static gint64
ask(const Scheduler *self, const VictimQuery *query, Sequence *s, First *first)
{
  const VictimCandidate candidate = scheduler_victim_candidate(self, s);
  const VictimPolicy *policy = self->config.victim;
  gint64 rank = policy->rank(policy, query, &candidate);

  compare(first, s, rank, (Size){candidate.computed_tokens, candidate.blocks});
  return rank;
}

/* The first of `s` and those behind it in the queue, and of *first. */
static void
look_through(const Scheduler *self, const VictimQuery *query, Sequence *s, First *first)
{
  for (; s != NULL; s = s->next)
    if (!s->ending)
      ask(self, query, s, first);
}

static Size
size_of(const Scheduler *self, const Sequence *s)
{
  const VictimCandidate candidate = scheduler_victim_candidate(self, s);

  return (Size){candidate.computed_tokens, candidate.blocks};
}

/* Where prices rise nobody else goes first who is no smaller than one that is too dear, or, older,
 * than the first. */
static gboolean
is_too_dear(const First *first, Size size)
{
  return first->knows_dear && is_no_smaller(size, first->dear);
}

static gboolean
may_go_first(const First *first, const Sequence *s, Size size)
{
  return !is_too_dear(first, size) &&
         (first->sequence == NULL || s->request > first->sequence->request ||
          !is_no_smaller(size, first->size));
}

/* The first of those behind the members, the last of them first, and of *first. */
static void
look_at_loose(const Scheduler *self, const VictimQuery *query, First *first)
{
  for (Sequence *s = self->running.tail; s != NULL && !s->in_clock; s = s->previous)
    if (!s->ending && may_go_first(first, s, size_of(self, s)))
      ask(self, query, s, first);
}

/* The first of the members in the heap from that place down, and of *first; at most *left of them
 * are looked at. */
static void
look_down(const Scheduler *self, const VictimQuery *query, guint32 place, guint *left, First *first)
{
  Sequence *member;
  Size size;

  if (place >= self->victims.count || *left == 0)
    return;
  (*left)--;
  member = self->victims.members[place].member;
  size = size_of(self, member);
  if (is_too_dear(first, size) ||
      (may_go_first(first, member, size) && ask(self, query, member, first) < first->rank))
    return;
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
  gint64 least = ask(self, query, self->victims.members[0].member, first);
  const RankedMember *m = NULL;

  if (least < first->rank)
    return;
  while ((m = newest_before(&self->victims, m)) != NULL)
    if (ask(self, query, m->member, first) == least)
      return;
}

/* The first of the members where the order bounds the ranks. */
static void
look_at_members(Scheduler *self, const VictimQuery *query, First *first)
{
  guint left = LOOKED_AT_ONE_BY_ONE;

  if (self->victims.count == 0)
    return;
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

  return config->overflow->price_rises &&
         (self->swap_copies == NULL || config->overflow->price_rises_beside) &&
         config->swap_ahead_blocks == 0 &&
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
  if (!scheduler_orders_victims(self) || !prices_rise(self)) {
    look_through(self, &query, self->running.head, &first);
    return first.sequence;
  }
  look_at_loose(self, &query, &first);
  look_at_members(self, &query, &first);
  return first.sequence;
}
