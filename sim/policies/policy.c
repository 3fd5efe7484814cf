#include "policy.h"

#include "admission.h"
#include "overflow.h"
#include "router.h"
#include "victim.h"

#include <string.h>

static const Policy *
overflow_entry(guint i)
{
  return overflow_policies[i] != NULL ? &overflow_policies[i]->base : NULL;
}

static const Policy *
victim_entry(guint i)
{
  return victim_policies[i] != NULL ? &victim_policies[i]->base : NULL;
}

static const Policy *
admission_entry(guint i)
{
  return admission_policies[i] != NULL ? &admission_policies[i]->base : NULL;
}

static const Policy *
router_entry(guint i)
{
  return router_policies[i] != NULL ? &router_policies[i]->base : NULL;
}

const PolicyKind policy_kinds[POLICY_KINDS] = {
    [POLICY_OVERFLOW] = {"overflow", "overflow", "what happens to a victim's KV", overflow_entry},
    [POLICY_VICTIM] = {"victim", "victims", "who is preempted", victim_entry},
    [POLICY_ADMISSION] = {"admission", "admission", "whether a waiting request may join what runs",
                          admission_entry},
    [POLICY_ROUTER] = {"router", "routers", "which of several engines gets a request",
                       router_entry},
};

const Policy *
policy_find(const PolicyKind *kind, const char *name)
{
  const Policy *policy;

  for (guint i = 0; (policy = kind->entry(i)) != NULL; i++)
    if (g_str_equal(policy->name, name))
      return policy;
  return NULL;
}

gboolean
policy_is_bound(const PolicyKind *kind, const char *name)
{
  const Policy *policy = policy_find(kind, name);

  return policy != NULL && policy->is_bound;
}

gboolean
policy_setting_is_bound(const char *option, const char *value)
{
  for (guint i = 0; i < POLICY_KINDS; i++)
    if (strcmp(policy_kinds[i].option, option) == 0)
      return policy_is_bound(&policy_kinds[i], value);
  return FALSE;
}

gboolean
policy_option_at(guint n, PolicyOptionPlace *place)
{
  for (guint k = 0; k < POLICY_KINDS; k++) {
    const Policy *policy;
    for (guint i = 0; (policy = policy_kinds[k].entry(i)) != NULL; i++)
      for (const PolicyOption *option = policy->options; option->name != NULL; option++)
        if (n-- == 0) {
          *place = (PolicyOptionPlace){&policy_kinds[k], policy, option};
          return TRUE;
        }
  }
  return FALSE;
}

PolicyValues
policy_fallbacks(const Policy *policy)
{
  PolicyValues values = {0};

  for (guint i = 0; policy->options[i].name != NULL; i++)
    values.of[i] = policy->options[i].fallback;
  return values;
}
