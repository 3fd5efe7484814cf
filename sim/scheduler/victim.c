/* Who goes first, where the victim policy ranks what runs. It is asked of each running sequence at
 * an eviction: the decode clock keeps running, and nothing is kept up to date between evictions.
 */
#include "sim/policies/price.h"
#include "sim/scheduler.h"

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

Sequence *
scheduler_first_victim(const Scheduler *self, const Sequence *beneficiary, guint32 short_blocks)
{
  const VictimPolicy *policy = self->config.victim;
  OverflowQuery eviction = scheduler_overflow_query(self, NULL, beneficiary, short_blocks);
  const VictimQuery query = {
      .overflow = self->config.overflow,
      .eviction = &eviction,
      .options = &self->config.victim_options,
  };
  Sequence *first = NULL;
  gint64 highest = VICTIM_NEVER;

  if (policy->needs_decodes)
    eviction.decodes_ps = price_decodes_ps(&eviction);
  for (Sequence *s = self->running.head; s != NULL; s = s->next) {
    const VictimCandidate candidate = candidate_of(self, s);
    gint64 rank;
    if (s->ending)
      continue;
    rank = policy->rank(policy, &query, &candidate);
    if (rank == VICTIM_NEVER)
      continue;
    if (first == NULL || rank > highest || (rank == highest && s->request > first->request)) {
      first = s;
      highest = rank;
    }
  }
  return first;
}
