#include "executors.h"
#include "live/executor_live.h"
#include "resolver.h"

/* From this version on a single engine heeds --prefill-schedule-interval. */
#define SINGLE_ENGINE_PACED 33

/* Refuses options of policies that are not chosen. */
static gboolean
check_policy_options(const Resolver *r, GError **error)
{
  const SchedulerConfig *c = &r->scenario->config;
  const Policy *const chosen[POLICY_KINDS] = {
      [POLICY_OVERFLOW] = &c->overflow->base,
      [POLICY_VICTIM] = &c->victim->base,
      [POLICY_ADMISSION] = &c->admission->base,
      [POLICY_ROUTER] = &r->scenario->router->base,
  };
  PolicyOptionPlace place;

  for (guint n = 0; policy_option_at(n, &place); n++) {
    const Policy *ours = chosen[place.kind - policy_kinds];
    if (resolver_given(r, place.option->name) && ours != place.policy)
      return resolver_refuse(error, "--%s: an option of --%s %s, and the policy is %s",
                             place.option->name, place.kind->option, place.policy->name,
                             ours->name);
  }
  return TRUE;
}

/* Refuses an option that needs a feature which the engine lacks. */
static gboolean
refuse_missing(const char *option, const SchedulerClass *class, guint32 feature, GError **error)
{
  const SchedulerClass *first = scheduler_class_first_with(feature);

  if (feature == SCHEDULER_HAS_PREFIX_CACHING && class->features & SCHEDULER_HAS_BLOCK_MANAGER)
    return resolver_refuse(error,
                           "--%s: the prefix cache of %s is not simulated, those from %s on are; "
                           "without the option no prefix is kept",
                           option, class->name, first->name);
  if (class->version > 0 && feature == SCHEDULER_HAS_OFFLOAD)
    return resolver_refuse(error, "--%s: the rules of native offload are known for %s, not for %s",
                           option, first->name, class->name);
  if (class->version > 0 && first != NULL)
    return resolver_refuse(error, "--%s: %s has no such thing; it came with %s", option,
                           class->name, first->name);
  return resolver_refuse(error, "--%s: the scheduler %s has no such thing", option, class->name);
}

/* An option that was not typed: says which command line it is of. */
static void
prefix_pasted(const Resolver *r, const char *option, GError **error)
{
  const char *origin = settings_origin(r->settings, option);

  if (origin != NULL && g_str_has_suffix(origin, "-args"))
    g_prefix_error(error, "%s: ", origin);
}

gboolean
resolver_offloads(const Resolver *r)
{
  return resolver_given(r, "kv-offloading-size") || resolver_given(r, "num-offload-blocks") ||
         r->scenario->config.overflow->needs_tier;
}

/* Refuses options of native offload without it. */
static gboolean
check_of_offload(const Resolver *r, GError **error)
{
  static const char *const of_offload[] = {"offload-prompt-only", "no-offload-prompt-only",
                                           "eviction-policy", "store-threshold"};

  for (guint i = 0; i < G_N_ELEMENTS(of_offload) && !resolver_offloads(r); i++)
    if (resolver_given(r, of_offload[i]))
      return resolver_refuse(error,
                             "--%s is of native offload, which --kv-offloading-size, "
                             "--num-offload-blocks or --overflow offload turns on",
                             of_offload[i]);
  return TRUE;
}

/* Notes choices that the engine itself does not have. */
static void
note_what_ifs(const Resolver *r)
{
  const SchedulerConfig *c = &r->scenario->config;

  if (c->victim->rank != NULL)
    resolver_note(r, "--victim %s is not the choice of %s; it is a what-if", c->victim->base.name,
                  r->scenario->scheduler->name);
  if (c->admission->admits != NULL)
    resolver_note(r, "--admission %s, beside the rules of %s, is a what-if",
                  c->admission->base.name, r->scenario->scheduler->name);
  if (resolver_given(r, "prefill-schedule-interval") &&
      r->scenario->scheduler->version < SINGLE_ENGINE_PACED)
    resolver_note(r,
                  "--prefill-schedule-interval changes nothing: before vllm-0.%u only engines "
                  "that share experts heed it",
                  SINGLE_ENGINE_PACED);
}

/* Refuses options that need features which the engine lacks. */
static gboolean
check_features(const Resolver *r, GError **error)
{
  static const struct {
    const char *option;
    guint32 feature;
  } needs[] = {
      {"block-manager", SCHEDULER_HAS_BLOCK_MANAGER},
      {"watermark", SCHEDULER_HAS_WATERMARK},
      {"scheduler-reserve-full-isl", SCHEDULER_HAS_RESERVE_FULL_ISL},
      {"no-scheduler-reserve-full-isl", SCHEDULER_HAS_RESERVE_FULL_ISL},
      {"max-num-active-seqs", SCHEDULER_HAS_ACTIVE_SEQS},
      {"prefill-schedule-interval", SCHEDULER_HAS_PREFILL_INTERVAL},
      {"enable-prefix-caching", SCHEDULER_HAS_PREFIX_CACHING},
      {"long-prefill-token-threshold", SCHEDULER_HAS_LONG_PREFILL},
      {"async-scheduling", SCHEDULER_HAS_ASYNC},
      {"capacity-policy", SCHEDULER_HAS_CAPACITY_POLICY},
      {"context-chunking-policy", SCHEDULER_HAS_CAPACITY_POLICY},
      {"free-gpu-memory-fraction", SCHEDULER_HAS_CAPACITY_POLICY},
      {"kv-offloading-size", SCHEDULER_HAS_OFFLOAD},
      {"num-offload-blocks", SCHEDULER_HAS_OFFLOAD},
      {"offload-prompt-only", SCHEDULER_HAS_OFFLOAD},
      {"no-offload-prompt-only", SCHEDULER_HAS_OFFLOAD},
      {"eviction-policy", SCHEDULER_HAS_OFFLOAD},
      {"store-threshold", SCHEDULER_HAS_OFFLOAD},
  };
  const Scenario *s = r->scenario;

  for (guint i = 0; i < G_N_ELEMENTS(needs); i++)
    if (resolver_given(r, needs[i].option) && !(s->scheduler->features & needs[i].feature)) {
      refuse_missing(needs[i].option, s->scheduler, needs[i].feature, error);
      prefix_pasted(r, needs[i].option, error);
      return FALSE;
    }
  if (s->scheduler->version == 0 && r->settings->offline)
    return resolver_refuse(error, "--offline: %s takes the same batches offline and in a server",
                           s->scheduler->name);
  if (resolver_given(r, "watermark") && r->settings->watermark >= 1)
    return resolver_refuse(error, "--watermark: found '1', expected less than 1");
  if (resolver_given(r, "gpu-memory-utilization") &&
      s->scheduler->features & SCHEDULER_HAS_CAPACITY_POLICY)
    return resolver_refuse(error,
                           "--gpu-memory-utilization: the scheduler %s has no such option; it has "
                           "--free-gpu-memory-fraction",
                           s->scheduler->name);
  if (resolver_given(r, "context-chunking-policy") && !r->settings->chunked_prefill)
    return resolver_refuse(error, "--context-chunking-policy is of --enable-chunked-prefill, "
                                  "without which no prompt is cut");
  if (s->config.overflow->needs_tier && !(s->scheduler->features & SCHEDULER_HAS_OFFLOAD))
    return refuse_missing("overflow offload", s->scheduler, SCHEDULER_HAS_OFFLOAD, error);
  return TRUE;
}

static gboolean
check_contradictions(const Resolver *r, GError **error)
{
  static const char *const contradictions[][2] = {
      {"num-gpu-blocks", "kv-memory"},
      {"num-gpu-blocks", "gpu-memory-utilization"},
      {"kv-memory", "gpu-memory-utilization"},
      {"max-total-tokens", "kv-memory"},
      {"max-total-tokens", "mem-fraction-static"},
      {"kv-memory", "mem-fraction-static"},
      {"num-gpu-blocks", "free-gpu-memory-fraction"},
      {"kv-memory", "free-gpu-memory-fraction"},
      {"swap-space", "num-cpu-blocks"},
      {"kv-offloading-disk", "num-disk-blocks"},
      {"enable-chunked-prefill", "no-enable-chunked-prefill"},
      {"enable-prefix-caching", "no-enable-prefix-caching"},
      {"async-scheduling", "no-async-scheduling"},
      {"enable-expert-parallel", "expert-parallel-size"},
      {"kv-offloading-size", "num-offload-blocks"},
      {"offload-prompt-only", "no-offload-prompt-only"},
      {"scheduler-reserve-full-isl", "no-scheduler-reserve-full-isl"},
  };

  for (guint i = 0; i < G_N_ELEMENTS(contradictions); i++)
    if (resolver_given(r, contradictions[i][0]) && resolver_given(r, contradictions[i][1]))
      return resolver_refuse(error, "--%s and --%s contradict each other: give one of them",
                             contradictions[i][0], contradictions[i][1]);
  return TRUE;
}

/* Refuses options without effect under an executor that needs no costs, or computes nothing. */
static gboolean
check_costs_and_computes(const Resolver *r, GError **error)
{
  static const char *const costed[] = {"what-if",          "copy-path",     "host-memory",       "host",
                                       "layerwise-copies", "enforce-eager", "disable-cuda-graph"};
  static const char *const computed[] = {"load-format", "token-ids", "temperature",
                                         "top-k",       "top-p",     "output-token-ids"};
  const ExecutorClass *executor = r->scenario->executor;
  gboolean computes = executor_computes(executor);

  for (guint i = 0; i < G_N_ELEMENTS(costed); i++)
    if (resolver_given(r, costed[i]) && !executor->needs_cost && (i == 0 || !computes))
      return resolver_refuse(error, "--%s: the executor %s costs nothing that it could change",
                             costed[i], executor->name);
  for (guint i = 0; i < G_N_ELEMENTS(computed); i++)
    if (resolver_given(r, computed[i]) && !computes)
      return resolver_refuse(error, "--%s: the executor %s computes nothing; cpu and gpu do",
                             computed[i], executor->name);
  if (resolver_given(r, "unit-copy-steps") && executor != &executor_unit)
    return resolver_refuse(error, "--unit-copy-steps: the executor %s has times of its own",
                           executor->name);
  return TRUE;
}

/* Refuses what an executor that computes cannot carry out. */
static gboolean
check_computed(const Resolver *r, GError **error)
{
  const Scenario *s = r->scenario;

  if (!executor_computes(s->executor))
    return TRUE;
  if (s->config.overflow->only_modelled)
    return resolver_refuse(error, "--overflow %s: the executor %s cannot carry it out; model can",
                           s->config.overflow->base.name, s->executor->name);
  if (r->settings->tensor_parallel_size > 1)
    return resolver_refuse(error, "--tensor-parallel-size: the executor %s computes on one device",
                           s->executor->name);
  if (resolver_is_sglang(r) && !r->settings->disable_radix_cache)
    return resolver_refuse(error,
                           "--executor %s under %s: its radix cache counts pages and names none, "
                           "so there is nothing to compute in; give --disable-radix-cache",
                           s->executor->name, s->scheduler->name);
  if (s->executor == &executor_cpu &&
      (resolver_given(r, "copy-method") || resolver_given(r, "host-memory")))
    return resolver_refuse(error,
                           "--copy-method and --host-memory mean nothing to the executor cpu");
  return TRUE;
}

gboolean
resolver_check(const Resolver *r, GError **error)
{
  const Scenario *s = r->scenario;

  if (!resolver_check_engine_names(r, error) || !check_features(r, error) ||
      !check_contradictions(r, error) || !check_costs_and_computes(r, error))
    return FALSE;
  if (resolver_offloads(r) && !s->executor->needs_cost && s->executor != &executor_unit)
    return resolver_refuse(error,
                           "native offload: the executor %s cannot do it; model and unit can",
                           s->executor->name);
  if (!check_of_offload(r, error))
    return FALSE;
  if (!resolver_offloads(r) && !r->settings->overlap_copies && resolver_given(r, "unit-copy-steps"))
    return resolver_refuse(error, "--unit-copy-steps is of copies beside the steps: of native "
                                  "offload, or with --overlap-copies");
  if (!check_computed(r, error))
    return FALSE;
  if (resolver_given(r, "copy-block-us") &&
      (s->executor != &executor_cpu || !r->settings->overlap_copies))
    return resolver_refuse(error, "--copy-block-us is of the executor cpu's copies beside the "
                                  "steps, which --overlap-copies makes");
  if (resolver_given(r, "record-steps") && r->settings->output == NULL)
    return resolver_refuse(error, "--record-steps needs -o FILE.db, where the steps are kept");
  note_what_ifs(r);
  return check_policy_options(r, error);
}

gboolean
resolver_check_limits(const Resolver *r, GError **error)
{
  const Scenario *s = r->scenario;
  const SchedulerConfig *c = &s->config;

  if (c->max_num_active_seqs > c->max_num_seqs)
    return resolver_refuse(error,
                           "--max-num-active-seqs: found %u, expected at most max_num_seqs, %u",
                           c->max_num_active_seqs, c->max_num_seqs);
  if (c->prefill_schedule_interval > 1 && s->sharing_engines > 1 && s->model != NULL &&
      s->model->experts > 0)
    return resolver_refuse(error, "--prefill-schedule-interval: engines that share experts count "
                                  "steps together, which is not simulated");
  return TRUE;
}
