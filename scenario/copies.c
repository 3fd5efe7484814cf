/* Copies of swapped blocks beside the steps: whether the scenario has them. */
#include "executors.h"
#include "live/executor_live.h"
#include "resolver.h"
#include "sim/executor_replay.h"

/* --swap-ahead, where copies are beside the steps. */
static gboolean
take_swap_ahead(Resolver *r, GError **error)
{
  Scenario *s = r->scenario;

  if (r->settings->swap_ahead == 0)
    return TRUE;
  if (!(s->scheduler->features & SCHEDULER_COPIES_AHEAD))
    return resolver_refuse(error,
                           "--swap-ahead: known for vllm-0.8 and later, not for %s: who goes next "
                           "there is known when the queues are sorted anew",
                           s->scheduler->name);
  if (s->config.victim->rank != NULL)
    return resolver_refuse(error,
                           "--swap-ahead: the engine's next victims are known, those of "
                           "--victim %s only when one is due",
                           s->config.victim->base.name);
  if (s->config.kv_groups.n_kinds > 0)
    return resolver_refuse(error,
                           "--swap-ahead: the pool of %s is shared by groups of layers, whose "
                           "blocks are given back before a sequence is evicted",
                           s->model->name);
  s->config.swap_ahead_blocks = (guint32)r->settings->swap_ahead;
  return TRUE;
}

/* An engine that takes all that runs as one batch: the GPU copies beside the layers of the step
 * that waits for it. */
static gboolean
overlap_within_steps(Resolver *r, GError **error)
{
  const Scenario *s = r->scenario;

  if (r->settings->swap_ahead > 0)
    return resolver_refuse(error, "--swap-ahead: known for vllm-0.8 and later, not for %s",
                           s->scheduler->name);
  resolver_note(r,
                "--overlap-copies under %s: each step's copies run beside its own layers, in a "
                "second stream, and not beside other steps",
                s->scheduler->name);
  return TRUE;
}

gboolean
resolver_copies(Resolver *r, GError **error)
{
  Scenario *s = r->scenario;
  const char *overflow = s->config.overflow->base.name;

  if (r->settings->swap_ahead > 0 && !r->settings->overlap_copies)
    return resolver_refuse(error, "--swap-ahead needs --overlap-copies: copies ahead are beside "
                                  "the steps");
  if (!r->settings->overlap_copies)
    return TRUE;
  if (s->executor == &executor_replay)
    return resolver_refuse(error,
                           "--overlap-copies: the executor replay knows steps' durations, "
                           "and none of copies beside them; model, unit, cpu and gpu can");
  if (s->executor == &executor_gpu && !(s->scheduler->features & SCHEDULER_OVERLAPS_COPIES))
    return overlap_within_steps(r, error);
  if (!(s->scheduler->features & SCHEDULER_OVERLAPS_COPIES))
    return resolver_refuse(error,
                           "--overlap-copies: known of vLLM, where a sequence that finds no block can "
                           "stand still; %s takes all that runs as one batch",
                           s->scheduler->name);
  if (s->config.num_offload_blocks > 0)
    resolver_note(r, "--overlap-copies changes nothing: native offload copies beside the steps");
  else if (!s->config.overflow->needs_host)
    resolver_note(r, "--overlap-copies changes nothing: --overflow %s copies nothing", overflow);
  else
    s->config.overlap_copies = TRUE;
  return !s->config.overlap_copies || take_swap_ahead(r, error);
}
