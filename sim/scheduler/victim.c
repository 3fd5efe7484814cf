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

/* The first of `s` and those behind it in the queue, and of *first. */
static void
look_through(const Scheduler *self, const VictimQuery *query, Sequence *s, First *first)
{
  for (; s != NULL; s = s->next) {
    gint64 rank;
    if (s->ending)
      continue;
    rank = scheduler_rank(self, query, s);
    if (rank == VICTIM_NEVER)
      continue;
    if (first->sequence == NULL || rank > first->rank ||
        (rank == first->rank && s->request > first->sequence->request))
      *first = (First){s, rank};
  }
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

Sequence *
scheduler_first_victim(Scheduler *self, const Sequence *beneficiary, guint32 short_blocks)
{
  OverflowQuery eviction;
  VictimQuery query;
  First first = {0};

  if (scheduler_orders_victims(self))
    return first_in_order(self);
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
