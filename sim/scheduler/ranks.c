/* How a victim policy ranks a running sequence, and the order in which it, or the policy that
 * bounds it, takes the members of the decode clock.
 */
#include "sim/scheduler.h"

VictimCandidate
scheduler_victim_candidate(const Scheduler *self, const Sequence *sequence)
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
rank_by(const Scheduler *self, const VictimPolicy *policy, const VictimQuery *query,
        const Sequence *sequence)
{
  const VictimCandidate candidate = scheduler_victim_candidate(self, sequence);

  return policy->rank(policy, query, &candidate);
}

/* How far all ranks have moved since tick 0, modulo 2^64. */
static guint64
moved_since_start(const Scheduler *self)
{
  return (guint64)self->ordered_by->rank_per_token * self->clock.ticks;
}

void
scheduler_put_in_order(Scheduler *self, Sequence *member)
{
  const VictimQuery query = {.overflow = self->config.overflow,
                             .options = &self->config.victim_options};

  victim_order_add(&self->victims, member,
                   (guint64)rank_by(self, self->ordered_by, &query, member) -
                       moved_since_start(self));
}

Sequence *
scheduler_first_member(Scheduler *self, gint64 *rank)
{
  RankedMember first;

  if (self->victims.count == 0)
    return NULL;
  first = victim_order_first(&self->victims);
  *rank = (gint64)(first.rank + moved_since_start(self));
  return first.member;
}
