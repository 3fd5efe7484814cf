#include "victim.h"

const VictimPolicy *const victim_policies[] = {
    &victim_newest,
    NULL,
};

const VictimPolicy *
victim_policy_find(const char *name)
{
  for (guint i = 0; victim_policies[i] != NULL; i++)
    if (g_str_equal(victim_policies[i]->name, name))
      return victim_policies[i];
  return NULL;
}

guint32
victim_policy_pick(const VictimPolicy *self, const SequenceQueue *queue, guint32 first)
{
  guint32 index;

  g_assert(first < queue->length);
  index = self->pick(self, queue, first);
  g_assert(index >= first && index < queue->length);
  return index;
}
