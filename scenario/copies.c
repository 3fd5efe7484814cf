/* Copies of swapped blocks beside the steps: whether the scenario has them. */
#include "executors.h"
#include "live/executor_live.h"
#include "resolver.h"
#include "sim/executor_replay.h"

gboolean
resolver_copies(Resolver *r, GError **error)
{
  Scenario *s = r->scenario;
  const char *overflow = s->config.overflow->base.name;

  if (!r->settings->overlap_copies || s->executor == &executor_gpu)
    return TRUE;
  if (s->executor == &executor_replay)
    return resolver_refuse(error, "--overlap-copies: the executor replay knows steps' durations, "
                                  "and none of copies beside them; model and unit can");
  if (!(s->scheduler->features & SCHEDULER_OVERLAPS_COPIES))
    return resolver_refuse(error, "--overlap-copies: known for vllm-0.8 and later, not for %s",
                           s->scheduler->name);
  if (s->config.num_offload_blocks > 0)
    resolver_note(r, "--overlap-copies changes nothing: native offload copies beside the steps");
  else if (!s->config.overflow->needs_host)
    resolver_note(r, "--overlap-copies changes nothing: --overflow %s copies nothing", overflow);
  else
    s->config.overlap_copies = TRUE;
  return TRUE;
}
