#include "overflow.h"

const OverflowPolicy *const overflow_policies[] = {
    &overflow_recompute,
    &overflow_swap,
    NULL,
};

const OverflowPolicy *
overflow_policy_find(const char *name)
{
  for (guint i = 0; overflow_policies[i] != NULL; i++)
    if (g_str_equal(overflow_policies[i]->name, name))
      return overflow_policies[i];
  return NULL;
}
