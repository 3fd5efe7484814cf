#include "victim.h"

const VictimPolicy *const victim_policies[] = {
    VICTIM_POLICIES(POLICY_ENTRY) NULL,
};

Sequence *
victim_policy_pick(const VictimPolicy *self, const SequenceQueue *queue, Sequence *first)
{
  Sequence *victim;

  g_assert(first->queue == queue);
  victim = self->pick(self, queue, first);
  g_assert(victim->queue == queue);
  return victim;
}
