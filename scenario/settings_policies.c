#include "settings_policies.h"

#include "sim/policies/overflow.h"

static char **
all_names(const PolicyKind *kind)
{
  GPtrArray *names = g_ptr_array_new();
  const Policy *policy;

  for (guint i = 0; (policy = kind->entry(i)) != NULL; i++)
    g_ptr_array_add(names, g_strdup(policy->name));
  g_ptr_array_add(names, NULL);
  return (char **)g_ptr_array_free(names, FALSE);
}

char **
settings_policy_list(const PolicyKind *kind, const char *text, GError **error)
{
  g_auto(GStrv) names = NULL;

  if (g_str_equal(text, "all"))
    return all_names(kind);
  names = g_strsplit(text, ",", -1);
  for (guint i = 0; names[i] != NULL; i++)
    if (g_strv_contains((const char *const *)names + i + 1, names[i])) {
      g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                  "--%s: found %s twice, expected each policy once", kind->option, names[i]);
      return NULL;
    }
  return g_steal_pointer(&names);
}

void
settings_forget_others(Settings *settings, const PolicyKind *kind, const char *name,
                       const char *const *names)
{
  static const char *const of_offload[] = {"kv-offloading-size", "num-offload-blocks",
                                           "offload-prompt-only", "no-offload-prompt-only",
                                           "eviction-policy", "store-threshold",
                                           "unit-copy-steps"};
  PolicyOptionPlace place;

  for (guint n = 0; policy_option_at(n, &place); n++)
    if (place.kind == kind && !g_str_equal(place.policy->name, name) &&
        g_strv_contains(names, place.policy->name))
      settings_forget(settings, place.option->name);
  if (kind == &policy_kinds[POLICY_OVERFLOW] && !g_str_equal(name, overflow_offload.base.name) &&
      g_strv_contains(names, overflow_offload.base.name))
    for (guint i = 0; i < G_N_ELEMENTS(of_offload); i++)
      settings_forget(settings, of_offload[i]);
}
