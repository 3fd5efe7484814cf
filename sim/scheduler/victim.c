/* Who goes first, where the victim policy ranks what runs.
 *
 * Where all ranks move alike the members of the decode clock are kept in order, and only what runs
 * beside them is looked at. Where prices rise with the tokens that a victim has, the members are in
 * the order of these, and a part of the heap whose first member costs more than the cheapest so far
 * is passed over; who has no less of what prices rise with than one that is too dear is not asked,
 * which is all where they rise with more than tokens, or where what rises is what a price is at
 * least. Else the policy is asked of each running sequence. Either way it is asked at an eviction:
 * the decode clock keeps running.
 */
#include "sim/policies/price.h"
#include "sim/scheduler.h"

/* Members that are looked at before it is taken that many cost the same. */
enum { LOOKED_AT_ONE_BY_ONE = 8 };

enum { DEAR_KEPT = 4 };

typedef struct {
  Sequence *sequence; /* NULL: nobody so far */
  gint64 rank;
  PriceSize size;
  gboolean bounded; /* what rises is not the price: those count that the policy rules out */
  guint n_dear;     /* sizes of those that rank lower than the first: so does whoever has no less */
  PriceSize dear[DEAR_KEPT];
} First;

static void
note_dear(First *first, PriceSize size)
{
  for (guint i = 0; i < MIN(first->n_dear, DEAR_KEPT); i++)
    if (price_size_is_no_less(first->dear[i], size)) {
      first->dear[i] = size;
      return;
    }
  first->dear[first->n_dear++ % DEAR_KEPT] = size;
}

static void
compare(First *first, Sequence *s, gint64 rank, PriceSize size)
{
  if (rank == VICTIM_NEVER)
    return;
  if (first->sequence != NULL && rank != first->rank &&
      (rank == VICTIM_RULED_OUT || !first->bounded))
    note_dear(first, rank > first->rank ? first->size : size);
  if (first->sequence == NULL || rank > first->rank ||
      (rank == first->rank && s->request > first->sequence->request)) {
    first->sequence = s;
    first->rank = rank;
    first->size = size;
  }
}

static PriceSize
size_of(const VictimQuery *query, const VictimCandidate *candidate)
{
  if (query->overflow->price_size != NULL && query->eviction != NULL)
    return query->overflow->price_size(query->eviction, candidate->computed_tokens,
                                       candidate->blocks);
  return (PriceSize){.first = candidate->computed_tokens, .second = candidate->blocks};
}

/* The rank of the sequence now; and it is compared. */
static gint64
ask(const Scheduler *self, VictimQuery *query, Sequence *s, First *first)
{
  const VictimCandidate candidate = scheduler_victim_candidate(self, s);
  const VictimPolicy *policy = self->config.victim;
  PriceSize size = size_of(query, &candidate);
  gint64 rank;

  query->first_rank = first->sequence != NULL ? first->rank : VICTIM_NEVER;
  rank = policy->rank(policy, query, &candidate);
  compare(first, s, rank, size);
  return rank;
}

/* The first of `s` and those behind it in the queue, and of *first. */
static void
look_through(const Scheduler *self, VictimQuery *query, Sequence *s, First *first)
{
  for (; s != NULL; s = s->next)
    if (!s->ending)
      ask(self, query, s, first);
}

static gboolean
is_too_dear(const First *first, PriceSize size)
{
  for (guint i = 0; i < MIN(first->n_dear, DEAR_KEPT); i++)
    if (price_size_is_no_less(size, first->dear[i]))
      return TRUE;
  return FALSE;
}

/* Where prices rise nobody goes first who has no less than one that is too dear, or, older, than
 * the first. */
static gboolean
may_go_first(const First *first, const Sequence *s, PriceSize size)
{
  return !is_too_dear(first, size) &&
         (first->sequence == NULL || first->bounded || s->request > first->sequence->request ||
          !price_size_is_no_less(size, first->size));
}

/* Where prices rise: the first of those that run, the last of them first, and of *first; members of
 * the clock only where they are to be looked at one by one. */
static void
look_back(const Scheduler *self, VictimQuery *query, gboolean members, First *first)
{
  for (Sequence *s = self->running.tail; s != NULL && (members || !s->in_clock); s = s->previous) {
    const VictimCandidate candidate = scheduler_victim_candidate(self, s);
    if (!s->ending && s != first->sequence && may_go_first(first, s, size_of(query, &candidate)))
      ask(self, query, s, first);
  }
}

/* Where what rises is what prices are at least: as many are ruled out if the member with the fewest
 * tokens is asked before the others. */
static void
look_at_all(Scheduler *self, VictimQuery *query, First *first)
{
  if (first->bounded && self->victims.count > 0)
    ask(self, query, victim_order_first(&self->victims).member, first);
  look_back(self, query, TRUE, first);
}

/* The first of the members in the heap from that place down, and of *first; at most *left of them
 * are looked at. */
static void
look_down(const Scheduler *self, VictimQuery *query, guint32 place, guint *left, First *first)
{
  VictimCandidate candidate;
  Sequence *member;
  PriceSize size;

  if (place >= self->victims.count || *left == 0)
    return;
  (*left)--;
  member = self->victims.members[place].member;
  candidate = scheduler_victim_candidate(self, member);
  size = size_of(query, &candidate);
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
find_newest_equal(const Scheduler *self, VictimQuery *query, First *first)
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
look_at_members(Scheduler *self, VictimQuery *query, First *first)
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
  VictimQuery query = {.overflow = self->config.overflow, .options = &self->config.victim_options};
  First first = {0};

  first.sequence = scheduler_first_member(self, &first.rank);
  look_through(self, &query, scheduler_first_loose(self), &first);
  return first.sequence;
}

/* Copies beside the steps: what a price is at least rises, though not the price. */
static gboolean
only_bounds_rise(const Scheduler *self)
{
  return self->swap_copies != NULL && !self->config.overflow->price_rises_beside;
}

/* What a return costs rises with the victim's size, or what it costs at least. Of one with copies
 * ahead less is copied. */
static gboolean
find_prices_rise(Scheduler *self)
{
  const SchedulerConfig *config = &self->config;
  const OverflowPolicy *overflow = config->overflow;
  guint64 tokens = MAX(config->max_num_batched_tokens, (guint64)self->running.length + 1);

  if ((!overflow->price_rises && overflow->price_size == NULL) ||
      (only_bounds_rise(self) && overflow->price_ps == NULL) || config->swap_ahead_blocks > 0)
    return FALSE;
  self->cost_rises = config->cost == NULL || cost_model_rises(config->cost, tokens);
  return self->cost_rises;
}

static gboolean
prices_rise(Scheduler *self)
{
  if (!self->prices_asked)
    self->prices_rise = find_prices_rise(self);
  self->prices_asked = TRUE;
  return self->prices_rise;
}

/* Where prices rise: with tokens alone, so that the order bounds the ranks. Of groups one with more
 * tokens may hold fewer blocks, which is what copies cost by. */
static gboolean
order_bounds(const Scheduler *self)
{
  const OverflowPolicy *overflow = self->config.overflow;

  return overflow->price_size == NULL && (self->pool.groups == NULL || !overflow->needs_host);
}

Sequence *
scheduler_first_victim(Scheduler *self, const Sequence *beneficiary, guint32 short_blocks)
{
  OverflowQuery eviction;
  VictimQuery query;
  First first = {0};

  if (self->config.victim->moves_alike)
    return first_in_order(self);
  scheduler_note_decodes(self);
  eviction = scheduler_overflow_query(self, beneficiary, short_blocks);
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
  first.bounded = only_bounds_rise(self);
  if (first.bounded || !order_bounds(self)) {
    look_at_all(self, &query, &first);
  } else {
    look_back(self, &query, FALSE, &first);
    look_at_members(self, &query, &first);
  }
  return first.sequence;
}
