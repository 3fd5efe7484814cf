/* Makes a scenario's cost model: its configuration follows from the engine and the settings. */
#include "resolver.h"

#include <math.h>

#include "calib/cost/profile_remarks.h"
#include "calib/profile_host.h"
#include "calib/cost/roofline.h"
#include "config_json.h"
#include "executors.h"
#include "resolve.h"
#include "sim/pipeline.h"

void
resolver_note_doubts(const Resolver *r)
{
  g_auto(GStrv) doubts = resolve_device_doubts(r->settings->device, r->scenario->device);

  for (char **text = doubts; *text != NULL; text++)
    resolver_doubt(r, "--device: %s: %s", r->settings->device, *text);
}

static FrontEnd
front_end_of(const HostCost *host, double factor)
{
  return (FrontEnd){llround(host->api_request_ps * factor), llround(host->api_token_ps * factor)};
}

/* vLLM since 0.11.1 has a stream for experts that every token passes, in steps of up to 256 tokens
 * (VLLM_SHARED_EXPERTS_STREAM_TOKEN_THRESHOLD); TensorRT-LLM one in steps that it captures; SGLang
 * has them in the routed ones' kernel (determine_num_fused_shared_experts). */
static SharedExperts
shared_experts_of(const SchedulerClass *engine, guint64 captured_tokens)
{
  if (engine->features & SCHEDULER_IS_SGLANG)
    return (SharedExperts){SHARED_WITHIN, G_MAXUINT64};
  if (engine->features & SCHEDULER_HAS_CAPACITY_POLICY)
    return (SharedExperts){SHARED_BESIDE, captured_tokens};
  if (engine->version >= 12)
    return (SharedExperts){SHARED_BESIDE, 256};
  return (SharedExperts){SHARED_AFTER, 0};
}

/* Whether the engine sums over its devices without symmetric memory: vLLM has taken that since 0.11
 * (pull request 24111), SGLang by --enable-torch-symm-mem alone. TensorRT-LLM's kernels are others.
 */
static gboolean
has_own_sums(const SchedulerClass *engine)
{
  gboolean is_old_vllm = (engine->version > 0 && engine->version < 11) ||
                         (engine->features & SCHEDULER_HAS_BLOCK_MANAGER) != 0;

  return is_old_vllm || (engine->features & SCHEDULER_IS_SGLANG) != 0;
}

/* Whether nothing is captured, which goes before a mode of graphs, as in vLLM. */
static gboolean
resolve_eager(Resolver *r, GError **error)
{
  Scenario *s = r->scenario;

  s->eager = r->settings->enforce_eager || r->settings->disable_cuda_graph;
  if (s->eager && (r->settings->of_own_executor || executor_computes(s->executor)))
    return resolver_refuse(error, "--%s: the executor %s is no server",
                           r->settings->enforce_eager ? "enforce-eager" : "disable-cuda-graph",
                           s->executor->name);
  if (s->eager && r->settings->cudagraph_mode != NULL)
    resolver_note(r, "--cudagraph-mode changes nothing: with --enforce-eager nothing is captured");
  return TRUE;
}

/* Whether graphs are captured in pieces: as typed, or as the engine's version does. Before 0.11
 * vLLM does so unless it is told otherwise (pull requests 14437, 25444). */
static gboolean
resolve_graphs(Resolver *r, GError **error)
{
  Scenario *s = r->scenario;
  const char *mode = r->settings->cudagraph_mode;
  gboolean has_modes = (s->scheduler->features & SCHEDULER_HAS_GRAPH_MODES) != 0;

  if (!resolve_eager(r, error))
    return FALSE;
  s->graphs_in_pieces = mode != NULL ? g_str_equal(mode, "piecewise")
                                     : has_modes && !s->eager && !r->settings->of_own_executor &&
                                           !(s->scheduler->features & SCHEDULER_WHOLE_GRAPHS);
  if (mode == NULL)
    return TRUE;
  if (!s->graphs_in_pieces && !g_str_equal(mode, "full-and-piecewise"))
    return resolver_refuse(error,
                           "--cudagraph-mode: found '%s', expected full-and-piecewise or "
                           "piecewise",
                           mode);
  if (r->settings->of_own_executor)
    return resolver_refuse(error, "--cudagraph-mode: the executor %s is no server",
                           s->executor->name);
  if (!has_modes)
    return resolver_refuse(error,
                           "--cudagraph-mode: the scheduler %s has no such option; vllm has "
                           "it from 0.8 on",
                           s->scheduler->name);
  s->graphs_in_pieces &= !s->eager;
  return TRUE;
}

/* Whether graphs in pieces cost extra host time: the host's piece_ps a layer. Measured host time
 * has it already. If the price is missing, that is an error with --cudagraph-mode and otherwise an
 * assumption (scenario_assume_host()). */
static gboolean
price_pieces(const Resolver *r, HostScheduler scheduler, gboolean *is_priced, GError **error)
{
  const Scenario *s = r->scenario;
  gboolean has_price = s->host->costs[scheduler].piece_ps > 0, is_own;

  g_free(host_time_source(s->profile, s->host, scheduler, &is_own));
  *is_priced = s->graphs_in_pieces && !is_own && has_price;
  if (!s->graphs_in_pieces || r->settings->cudagraph_mode == NULL)
    return TRUE;
  if (is_own)
    return resolver_refuse(error,
                           "--cudagraph-mode piecewise: the profile has the host's time as it "
                           "was measured; measure a server that runs so");
  if (!has_price)
    return resolver_refuse(error,
                           "--cudagraph-mode piecewise: the file of the host %s has no "
                           "piece_us (calib/hosts/unknown.ini has one)",
                           s->host->name);
  return TRUE;
}

/* --enforce-eager: the host's time of launching each kernel, or what a profile has of steps that
 * are no captured graph. */
static gboolean
price_eager(const Resolver *r, RooflineConfig *config, GError **error)
{
  const Scenario *s = r->scenario;
  const HostCost *cost = &s->host->costs[config->scheduler];
  const char *option = r->settings->enforce_eager ? "enforce-eager" : "disable-cuda-graph";
  gboolean is_own;

  if (!s->eager)
    return TRUE;
  g_free(host_time_source(s->profile, s->host, config->scheduler, &is_own));
  config->captured = CAPTURED_NOTHING;
  config->launched_steps = !is_own;
  if (is_own)
    return profile_has_eager_host(s->profile, config->scheduler) ||
           resolver_refuse(error,
                           "--%s: the profile has the host's time of captured graphs alone; "
                           "measure steps that are none (doc/profiles.md)",
                           option);
  return (cost->launch_ps > 0 && cost->latent_launch_ps > 0) ||
         resolver_refuse(
             error,
             "--%s: the file of the host %s has no %s under %s (calib/hosts/unknown.ini "
             "has one)",
             option, s->host->name, cost->launch_ps > 0 ? "latent_launch_us" : "launch_us",
             host_scheduler_name(config->scheduler));
}

/* --disable-piecewise-cuda-graph: the host's time of launching prompts' kernels. */
static gboolean
price_launches(Resolver *r, RooflineConfig *config, GError **error)
{
  Scenario *s = r->scenario;
  gboolean is_own;

  s->launched_prompts = config->launched_prompts = r->settings->disable_piecewise_cuda_graph;
  if (!config->launched_prompts)
    return TRUE;
  g_free(host_time_source(s->profile, s->host, config->scheduler, &is_own));
  if (is_own)
    return resolver_refuse(error, "--disable-piecewise-cuda-graph: the profile has the host's time "
                                  "as it was measured; measure a server that runs so");
  return s->host->costs[config->scheduler].latent_launch_ps > 0 ||
         resolver_refuse(error,
                         "--disable-piecewise-cuda-graph: the file of the host %s has no "
                         "latent_launch_us (calib/hosts/unknown.ini has one)",
                         s->host->name);
}

gboolean
resolver_cost(Resolver *r, GError **error)
{
  const Settings *settings = r->settings;
  Scenario *s = r->scenario;
  gboolean engine_has_swap = (s->scheduler->features & SCHEDULER_HAS_SWAP) != 0;
  RooflineConfig config = {
      .device = s->device,
      .host = s->host,
      .model = s->model,
      .block_size = s->config.block_size,
      .block_bytes = s->config.kv_groups.block_bytes,
      .block_tensors = s->config.kv_groups.block_tensors,
      .tensor_parallel_size = s->tensor_parallel_size,
      .data_parallel_size = s->sharing_engines,
      .pipeline_parallel_size = (guint32)settings->pipeline_parallel_size,
      .expert_groups = s->expert_groups,
      .asynchronous =
          s->config.async_scheduling || (s->scheduler->features & SCHEDULER_HIDES_HOST) != 0,
      /* vLLM v1 captures graphs up to twice the batch, and no more than 512 tokens. */
      .captured = CAPTURED_STEPS,
      .captured_tokens = MIN(512, 2 * MIN(s->config.max_num_seqs, 256)),
  };
  const char *path = or_default(settings->copy_path, engine_has_swap ? "per-layer" : "batched");
  const char *memory = or_default(settings->host_memory, "pinned");

  if (!resolve_graphs(r, error))
    return FALSE;
  if (settings->of_own_executor || (s->scheduler->features & SCHEDULER_HAS_BLOCK_MANAGER) != 0) {
    config.captured = CAPTURED_DECODES;
    config.captured_tokens = 256;
  }
  if (settings->pipeline_parallel_size > 1) {
    guint32 stages = (guint32)settings->pipeline_parallel_size;
    config.block_bytes = r->pool_bytes_per_block;
    config.block_tensors =
        MAX(1, model_kv_tensors(s->model) * pipeline_most_layers(s->model->layers, stages) /
                   s->model->layers);
  }
  config.own_sums = has_own_sums(s->scheduler);
  config.shared_experts = shared_experts_of(s->scheduler, s->eager ? 0 : config.captured_tokens);
  config.greedy = settings->of_own_executor && settings->temperature == 0;
  config.captures_head = settings->of_own_executor;
  if (!copy_path_from_name(path, &config.copy_path))
    return resolver_refuse(
        error, "--copy-path: found '%s', expected per-layer, per-block or batched", path);
  if (!host_memory_from_name(memory, &config.host_memory))
    return resolver_refuse(error, "--host-memory: found '%s', expected pinned or pageable", memory);
  s->copy_path = config.copy_path;
  s->host_memory = config.host_memory;
  if (!resolver_layerwise(r, error))
    return FALSE;
  config.copy_stages = s->copy_stages;
  if (!s->executor->needs_cost)
    return TRUE;
  if (!host_scheduler_from_name(or_default(s->scheduler->costs_as, s->scheduler->name),
                                &config.scheduler))
    return resolver_refuse(error, "no host costs are known for the scheduler %s",
                           s->scheduler->name);
  if (!price_pieces(r, config.scheduler, &config.in_pieces, error) ||
      !price_launches(r, &config, error) || !price_eager(r, &config, error))
    return FALSE;
  if (s->graphs_in_pieces && settings->cudagraph_mode == NULL)
    resolver_origin(r, "cudagraph_mode", "%s", s->scheduler->name);
  if (!what_if_parse(settings->what_if, &config.what_if, error))
    return FALSE;
  if (!settings->of_own_executor)
    s->front_end = front_end_of(&s->host->costs[config.scheduler], config.what_if.front_end_time);
  s->settings = scenario_config(s, settings, &config);
  if (r->without_cost)
    return TRUE;
  s->cost = resolve_cost_model(s->profile, &config, error);
  s->config.cost = s->cost;
  return s->cost != NULL;
}
