/* How devices share a scenario's work: how many engines there are, of how many devices, and which
 * devices share experts. Refuses what is not simulated. */
#include "assumptions.h"
#include "resolver.h"

#include <math.h>

#include "sim/units.h"

#define ROUTER_INTERVAL_LEAST_S 1e-6

/* Options for a single engine whose steps follow each other. */
static const char *const of_one[] = {"output", "decisions", "perfetto", "kv-offloading-size",
                                     "num-offload-blocks"};

static gboolean
check_pipeline(const Resolver *r, GError **error)
{
  static const guint32 others =
      SCHEDULER_HAS_BLOCK_MANAGER | SCHEDULER_IS_SGLANG | SCHEDULER_HAS_CAPACITY_POLICY;
  const Scenario *s = r->scenario;

  if (r->settings->pipeline_parallel_size == 1)
    return TRUE;
  if (s->scheduler->features & others)
    return resolver_refuse(error,
                           "--pipeline-parallel-size: pipelines are known of vLLM from 0.8 on, not "
                           "of %s",
                           s->scheduler->name);
  if (s->executor->create == NULL)
    return resolver_refuse(error, "--pipeline-parallel-size: the executor %s has one stage",
                           s->executor->name);
  if (resolver_given(r, "async-scheduling") && r->settings->async_scheduling)
    return resolver_refuse(error, "--async-scheduling: with --pipeline-parallel-size a step is "
                                  "decided while others run as it is");
  if (s->config.overflow->needs_tier || r->settings->overlap_copies)
    return resolver_refuse(error, "--pipeline-parallel-size: copies beside the steps are not "
                                  "simulated in several stages");
  for (guint i = 0; i < G_N_ELEMENTS(of_one); i++)
    if (resolver_given(r, of_one[i]))
      return resolver_refuse(error,
                             "--%s is of steps that follow each other: those of "
                             "--pipeline-parallel-size overlap; leave it out",
                             of_one[i]);
  return TRUE;
}

/* Refuses the name that another engine has for the option. */
static gboolean
check_experts(const Resolver *r, GError **error)
{
  const SchedulerClass *engine = r->scenario->scheduler;
  gboolean deals_by_size =
      resolver_is_sglang(r) || engine->features & SCHEDULER_HAS_CAPACITY_POLICY;

  if (resolver_given(r, "enable-expert-parallel") && resolver_is_sglang(r))
    return resolver_refuse(error,
                           "--enable-expert-parallel: the scheduler %s has no such option; it has "
                           "--expert-parallel-size",
                           engine->name);
  if (resolver_given(r, "expert-parallel-size") && !deals_by_size)
    return resolver_refuse(error,
                           "--expert-parallel-size: the scheduler %s deals experts out to all "
                           "devices or to none; it has --enable-expert-parallel",
                           engine->name);
  return TRUE;
}

/* SGLang's --enable-dp-attention: the devices of a tensor-parallel group make --dp-size groups,
 * each of which attends to requests of its own. */
static gboolean
check_dp_attention(const Resolver *r, GError **error)
{
  const Settings *settings = r->settings;

  if (!settings->enable_dp_attention)
    return TRUE;
  if (settings->data_parallel_size == 1)
    return resolver_refuse(error, "--enable-dp-attention has no effect with one group: "
                                  "--data-parallel-size says how many the devices make");
  if (settings->tensor_parallel_size % settings->data_parallel_size != 0)
    return resolver_refuse(error,
                           "--enable-dp-attention: %" G_GUINT64_FORMAT
                           " devices (--tensor-parallel-size) do not make %" G_GUINT64_FORMAT
                           " groups (--data-parallel-size) of as many",
                           settings->tensor_parallel_size, settings->data_parallel_size);
  return TRUE;
}

/* TRUE if no interval changes what the router chooses. */
static gboolean
looks_at_no_load(const Scenario *s)
{
  if (s->router->choose == NULL)
    return (s->scheduler->features & SCHEDULER_IS_SGLANG) != 0; /* in turn */
  return s->router->is_blind;
}

static gboolean
check_engines(const Resolver *r, GError **error)
{
  const Settings *settings = r->settings;
  const Scenario *s = r->scenario;

  const char *option = s->instances > 1 ? "instances" : "data-parallel-size";
  guint32 engines = scenario_engines(s);

  if (engines == 1 && resolver_given(r, "router"))
    return resolver_refuse(error, "--router chooses among engines, and there is one; "
                                  "--data-parallel-size or --instances says how many");
  if (settings->router_interval > 0 && settings->router_interval < ROUTER_INTERVAL_LEAST_S)
    return resolver_refuse(error, "--router-interval: found '%.15g', expected 0 or %g at least",
                           settings->router_interval, ROUTER_INTERVAL_LEAST_S);
  if (engines == 1 && settings->router_interval > 0)
    return resolver_refuse(error, "--router-interval: there is one engine, and no router");
  if (engines == 1)
    return TRUE;
  if (settings->router_interval > 0 && looks_at_no_load(s))
    return resolver_refuse(error, "--router-interval: the router %s looks at no load",
                           s->router->base.name);
  if (s->instances > 1 && s->router->choose == NULL)
    return resolver_refuse(error,
                           "--router %s: servers have no front end in common; without --router "
                           "each of --instances gets a request in its turn",
                           s->router->base.name);
  if (s->executor->create == NULL)
    return resolver_refuse(error, "--%s: the executor %s is one engine's", option,
                           s->executor->name);
  for (guint i = 0; i < G_N_ELEMENTS(of_one); i++)
    if (resolver_given(r, of_one[i]))
      return resolver_refuse(error,
                             "--%s is of one engine, and --%s is %u: leave it out, "
                             "or simulate one engine with its share of the load (--time-scale %u)",
                             of_one[i], option,
                             s->instances > 1 ? s->instances : s->data_parallel_size, engines);
  return TRUE;
}

gboolean
resolver_ranks(Resolver *r, GError **error)
{
  const Settings *settings = r->settings;
  Scenario *s = r->scenario;

  if (!check_experts(r, error) || !check_pipeline(r, error) || !check_dp_attention(r, error))
    return FALSE;
  s->instances = (guint32)settings->instances;
  s->router_interval_ps = llrint(settings->router_interval * (double)PS_PER_S);
  s->data_parallel_size = (guint32)settings->data_parallel_size;
  s->tensor_parallel_size = (guint32)settings->tensor_parallel_size;
  if (settings->enable_dp_attention)
    s->tensor_parallel_size /= s->data_parallel_size;
  s->sharing_engines =
      resolver_is_sglang(r) && !settings->enable_dp_attention ? 1 : s->data_parallel_size;
  return check_engines(r, error);
}

/* A group must fit into one node, whose devices are linked. */
static gboolean
check_node(const Resolver *r, GError **error)
{
  const Settings *settings = r->settings;
  const Scenario *s = r->scenario;
  guint64 stages = settings->pipeline_parallel_size, devices = s->tensor_parallel_size * stages;

  if (stages > 1 && devices > NODE_DEVICES)
    return resolver_refuse(error,
                           "--pipeline-parallel-size: %" G_GUINT64_FORMAT
                           " devices in a group, and "
                           "links between nodes are not modelled: at most %u",
                           devices, NODE_DEVICES);
  if (s->model == NULL || s->model->experts == 0 || s->sharing_engines == 1)
    return TRUE;
  devices *= s->sharing_engines;
  return devices <= NODE_DEVICES ||
         resolver_refuse(error,
                         "--data-parallel-size: %s's experts would be shared by %" G_GUINT64_FORMAT
                         " devices, and links between nodes are not modelled: at most %u",
                         s->model->name, devices, NODE_DEVICES);
}

gboolean
resolver_node(Resolver *r, GError **error)
{
  static const char *const of_experts[] = {"enable-expert-parallel", "expert-parallel-size",
                                           "enable-dp-attention"};
  const Settings *settings = r->settings;
  Scenario *s = r->scenario;

  for (guint i = 0; i < G_N_ELEMENTS(of_experts); i++)
    if (resolver_given(r, of_experts[i]) && s->model == NULL)
      return resolver_refuse(error, "--%s needs --model, whose experts it deals out",
                             of_experts[i]);
    else if (resolver_given(r, of_experts[i]) && s->model->experts == 0)
      return resolver_refuse(error, "--%s: %s has no experts", of_experts[i], s->model->name);
  if (settings->pipeline_parallel_size > 1 && s->model == NULL)
    return resolver_refuse(error, "--pipeline-parallel-size needs --model, whose layers it splits");
  if (settings->pipeline_parallel_size > 1 && settings->pipeline_parallel_size > s->model->layers)
    return resolver_refuse(error, "--pipeline-parallel-size: %s has %u layers", s->model->name,
                           s->model->layers);
  if (!check_node(r, error))
    return FALSE;
  s->expert_groups = (guint32)settings->expert_parallel_size;
  if (settings->enable_expert_parallel)
    s->expert_groups = s->tensor_parallel_size * s->sharing_engines;
  return TRUE;
}
