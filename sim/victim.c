#include "victim.h"

const VictimPolicy *const victim_policies[] = {
    &victim_newest,
    NULL,
};

guint32
victim_policy_pick(const VictimPolicy *self, const SequenceQueue *queue, guint32 first)
{
  guint32 index;

  g_assert(first < queue->length);
  index = self->pick(self, queue, first);
  g_assert(index >= first && index < queue->length);
  return index;
}
