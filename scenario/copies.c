/* Copies of swapped blocks beside the steps, or beside the layers of theirs: whether the scenario
 * has them. */
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

/* Stages of a step that copies layer by layer. Of a block of groups each page is of another layer.
 * Else layers with KV are taken to lie evenly, and those with more and with less of it to alternate;
 * each waits as if it came first of those up to the next. */
static guint32
copy_stages(const Scenario *s)
{
  return s->config.kv_groups.n_kinds > 0 ? s->config.kv_groups.group_layers
                                         : model_kv_rounds(s->model);
}

gboolean
resolver_layerwise(Resolver *r, GError **error)
{
  Scenario *s = r->scenario;
  const char *overflow = s->config.overflow->base.name;

  if (!r->settings->layerwise_copies)
    return TRUE;
  if (s->config.num_offload_blocks > 0)
    return resolver_refuse(error, "--layerwise-copies: vLLM's native offload reports whole jobs "
                                  "between steps, and no layer waits for a part of one");
  if (s->config.overlap_copies && !s->executor->needs_cost)
    return resolver_refuse(error,
                           "--layerwise-copies: with --overlap-copies the executor %s brings a "
                           "sequence's KV back as a whole before it runs; model does not",
                           s->executor->name);
  if (s->copy_path == COPY_PATH_PER_BLOCK)
    return resolver_refuse(error, "--layerwise-copies: --copy-path per-block copies all layers of a "
                                  "block as one piece; per-layer and batched do not");
  if (r->settings->pipeline_parallel_size > 1)
    return resolver_refuse(error, "--layerwise-copies: not simulated with "
                                  "--pipeline-parallel-size, where each stage has layers and a "
                                  "link of its own");
  if (!s->config.overflow->needs_host)
    resolver_note(r, "--layerwise-copies changes nothing: --overflow %s copies nothing", overflow);
  else
    s->copy_stages = copy_stages(s);
  return TRUE;
}
