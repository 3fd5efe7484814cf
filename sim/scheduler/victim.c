/* Who goes first, where the victim policy ranks what runs.
 *
 * Where all ranks move alike the members of the decode clock are kept in order, and only what runs
 * beside them is looked at; else the policy is asked of each running sequence. Either way it is
 * asked at an eviction: the decode clock keeps running.
 */
#include "sim/policies/price.h"
#include "sim/scheduler.h"

typedef struct {
  Sequence *sequence; /* NULL: nobody so far */
  gint64 rank;
} First;

static VictimCandidate
candidate_of(const Scheduler *self, const Sequence *sequence)
{
  guint32 ticks = sequence->in_clock ? (guint32)(self->clock.ticks - sequence->joined_ticks) : 0;

  return (VictimCandidate){
      .sequence = sequence,
      .computed_tokens = sequence->computed_tokens + ticks,
      .generated_tokens = sequence->generated_tokens + ticks,
      .blocks = sequence->in_clock ? decode_clock_blocks(&self->clock, sequence) : sequence->blocks,
  };
}

static gint64
rank_of(const Scheduler *self, const VictimQuery *query, const Sequence *sequence)
{
  const VictimPolicy *policy = self->config.victim;
  const VictimCandidate candidate = candidate_of(self, sequence);

  return policy->rank(policy, query, &candidate);
}

/* What a rank of now was at tick 0, modulo 2^64; and back. */
static guint64
moved_since_start(const Scheduler *self)
{
  return (guint64)self->config.victim->rank_per_token * self->clock.ticks;
}

void
scheduler_order_victim(Scheduler *self, Sequence *member)
{
  const VictimQuery query = {.overflow = self->config.overflow,
                             .options = &self->config.victim_options};

  if (scheduler_orders_victims(self))
    victim_order_add(&self->victims, member,
                     (guint64)rank_of(self, &query, member) - moved_since_start(self));
}

/* The first of `s` and those behind it in the queue, and of *first. */
static void
look_through(const Scheduler *self, const VictimQuery *query, Sequence *s, First *first)
{
  for (; s != NULL; s = s->next) {
    gint64 rank;
    if (s->ending)
      continue;
    rank = rank_of(self, query, s);
    if (rank == VICTIM_NEVER)
      continue;
    if (first->sequence == NULL || rank > first->rank ||
        (rank == first->rank && s->request > first->sequence->request))
      *first = (First){s, rank};
  }
}

/* Nobody who has work stands before a member: the rest is behind them. */
static First
first_in_order(Scheduler *self)
{
  const VictimQuery query = {.overflow = self->config.overflow,
                             .options = &self->config.victim_options};
  First first = {0};

  if (self->victims.count > 0) {
    const RankedMember member = victim_order_first(&self->victims);
    first = (First){member.member, (gint64)(member.rank + moved_since_start(self))};
  }
  look_through(self, &query, scheduler_first_loose(self), &first);
  return first;
}

Sequence *
scheduler_first_victim(Scheduler *self, const Sequence *beneficiary, guint32 short_blocks)
{
  OverflowQuery eviction;
  VictimQuery query;
  First first = {0};

  if (scheduler_orders_victims(self))
    return first_in_order(self).sequence;
  eviction = scheduler_overflow_query(self, NULL, beneficiary, short_blocks);
  if (self->config.victim->needs_decodes)
    eviction.decodes_ps = price_decodes_ps(&eviction);
  query = (VictimQuery){
      .overflow = self->config.overflow,
      .eviction = &eviction,
      .options = &self->config.victim_options,
  };
  look_through(self, &query, self->running.head, &first);
  return first.sequence;
}
