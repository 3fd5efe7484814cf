/* TensorRT-LLM's own settings: its policies by name, in small letters with dashes. */
#include "resolver.h"

/* Its place among `names`; not typed: the first, and noted with where it is from. */
static gboolean
find_policy(const Resolver *r, const char *typed, const char *key, const char *const *names,
            guint *place, GError **error)
{
  g_autofree char *option = g_strdelimit(g_strdup(key), "_", '-');
  g_autofree char *known = g_strjoinv(", ", (char **)names);

  *place = 0;
  if (typed == NULL) {
    if (r->scenario->scheduler->features & SCHEDULER_HAS_CAPACITY_POLICY)
      resolver_origin(r, key, "%s", r->scenario->scheduler->name);
    return TRUE;
  }
  for (; names[*place] != NULL; (*place)++)
    if (g_str_equal(typed, names[*place]))
      return TRUE;
  return resolver_refuse(error, "--%s: found '%s', expected one of %s", option, typed, known);
}

gboolean
resolver_trtllm(Resolver *r, GError **error)
{
  const Settings *settings = r->settings;
  SchedulerConfig *c = &r->scenario->config;
  guint capacity, chunking;

  if (!find_policy(r, settings->capacity_policy, "capacity_policy", capacity_policy_names,
                   &capacity, error) ||
      !find_policy(r, settings->context_chunking_policy, "context_chunking_policy",
                   chunking_policy_names, &chunking, error))
    return FALSE;
  c->capacity_policy = (CapacityPolicy)capacity;
  c->chunking_policy = (ChunkingPolicy)chunking;
  return TRUE;
}
