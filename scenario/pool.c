/* The pools of a scenario: memory to blocks, on the GPU and on the host. */
#include "calib/cost/pool_size.h"
#include "typed.h"
#include "executors.h"
#include "resolver.h"

#define GIB (1024.0 * 1024 * 1024)
/* Prefix caching has a record of each block, 24 bytes; no card holds as many blocks. */
#define MAX_CACHED_BLOCKS (1u << 24)

/* Why a block of the pool is of all layers, as half a sentence; NULL: it is of a group of layers.
 */
static const char *
reason_for_one_group(const Resolver *r, KvGroups *groups)
{
  const Scenario *s = r->scenario;

  if (kv_groups_is_plain(groups))
    return "all layers keep all of it";
  if (!(s->scheduler->features & SCHEDULER_HAS_KV_GROUPS))
    return "this engine's groups are not known";
  if (r->settings->pipeline_parallel_size > 1)
    return "a pipeline's stages are taken to have layers of all groups alike";
  if (executor_computes(s->executor))
    return "the executor keeps real blocks of all layers";
  if (s->config.prefix_caching && resolver_offloads(r))
    return "native offload counts blocks of all layers";
  if (s->config.prefix_caching && !kv_groups_keep_states(groups))
    return "the prefix cache has states only between blocks of attention "
           "(--no-enable-prefix-caching counts groups)";
  return NULL;
}

/* Refuses limits with which vLLM caches no recurrent state: prefills are cut where states are kept,
 * and before 0.29 a step must be able to reach from one cut to the next. */
static gboolean
reaches_states(const Resolver *r, const KvGroups *groups, GError **error)
{
  const SchedulerConfig *c = &r->scenario->config;
  guint32 threshold = c->long_prefill_token_threshold, tokens = kv_groups_state_tokens(groups);
  guint32 step = MIN(c->max_num_batched_tokens, threshold > 0 ? threshold : G_MAXUINT32);

  if (tokens > 0 && !c->chunked_prefill)
    return resolver_refuse(
        error, "--no-enable-chunked-prefill: recurrent states are cached where prefills "
               "are cut; --no-enable-prefix-caching goes with it");
  if (step < tokens && r->scenario->scheduler->version < 29)
    return resolver_refuse(error,
                           "a prefill of at most %u tokens a step cannot reach the end of a block "
                           "of %u, where %s caches recurrent states: give it more by "
                           "--max-num-batched-tokens or --long-prefill-token-threshold, or "
                           "--no-enable-prefix-caching",
                           step, tokens, r->scenario->scheduler->name);
  return TRUE;
}

gboolean
resolver_kv_groups(Resolver *r, GError **error)
{
  Scenario *s = r->scenario;
  KvGroups groups;

  if (s->model == NULL ||
      !kv_groups_find(s->model, s->config.block_size, s->tensor_parallel_size, &groups))
    return TRUE;
  s->one_group_reason = reason_for_one_group(r, &groups);
  if (s->one_group_reason != NULL && groups.is_compressed)
    return resolver_refuse(error,
                           "%s keeps one entry for several tokens beside windows, which is counted "
                           "in the groups of vLLM from 0.10 on alone: %s",
                           s->model->name, s->one_group_reason);
  if (s->one_group_reason != NULL)
    return TRUE;
  kv_groups_use_kernels(&groups, s->model, s->config.block_size, s->scheduler->version,
                        device_compute_capability(s->device));
  s->config.kv_groups = groups;
  r->pool_bytes_per_block = groups.block_bytes;
  return reaches_states(r, &groups, error);
}

static gboolean
need_for_pool(const Resolver *r, const char *option, GError **error)
{
  if (!resolver_given(r, option) && (r->scenario->model == NULL || r->scenario->device == NULL))
    return resolver_refuse(
        error, "the KV pool has no size: give --num-gpu-blocks, or --model and --device");
  if (r->scenario->model == NULL)
    return resolver_refuse(error, "--%s needs --model, or give --num-gpu-blocks", option);
  if (r->scenario->device == NULL)
    return resolver_refuse(error, "--%s needs --device, or give --num-gpu-blocks", option);
  return TRUE;
}

/* --kv-memory, a share of the card's nominal memory or an amount, on each device. */
static gboolean
kv_memory_blocks(const Resolver *r, guint32 *blocks, GError **error)
{
  const char *text = r->settings->kv_memory;
  double fraction;
  guint64 bytes;

  if (!need_for_pool(r, "kv-memory", error))
    return FALSE;
  if (typed_percent(text, &fraction)) {
    if (fraction <= 0 || fraction > 1)
      return resolver_refuse(
          error, "--kv-memory: found '%s', expected more than 0%% and at most 100%%", text);
    bytes = (guint64)(fraction * r->scenario->device->nominal_memory_bytes);
  } else if (!typed_bytes(text, "--kv-memory", 1, &bytes, error)) {
    return FALSE;
  }
  if (bytes > r->scenario->device->memory_bytes)
    return resolver_refuse(error, "--kv-memory: %s is more than the %.1f GiB of %s", text,
                           r->scenario->device->memory_bytes / GIB, r->scenario->device->name);
  *blocks = resolver_pool_blocks(r, (double)bytes);
  if (*blocks == 0)
    return resolver_refuse(error,
                           "--kv-memory: found '%s', expected at least the %" G_GUINT64_FORMAT
                           " bytes of a block, such as 4GiB, or a share of the card, such as 12%%",
                           text, r->pool_bytes_per_block);
  return TRUE;
}

/* Under TensorRT-LLM: a share of what all else leaves free, of all of the memory. */
static void
take_fraction(const Resolver *r, PoolSize *pool)
{
  Scenario *s = r->scenario;

  if ((s->scheduler->features & SCHEDULER_HAS_CAPACITY_POLICY) == 0)
    return;
  s->free_gpu_memory_fraction = r->settings->free_gpu_memory_fraction;
  pool->kv_bytes = (guint64)((double)pool->kv_bytes * s->free_gpu_memory_fraction);
  pool->num_gpu_blocks = pool_blocks(pool->kv_bytes, pool->block_bytes);
  if (!resolver_given(r, "free-gpu-memory-fraction"))
    resolver_origin(r, "free_gpu_memory_fraction", "%s", s->scheduler->name);
}

static gboolean
utilization_blocks(const Resolver *r, guint32 *blocks, GError **error)
{
  gboolean takes_free = (r->scenario->scheduler->features & SCHEDULER_HAS_CAPACITY_POLICY) != 0;
  const PoolSizeRequest request = {
      .server =
          {
              .device = r->scenario->device,
              .model = r->scenario->model,
              .version = r->scenario->scheduler->version,
              .tensor_parallel_size = r->scenario->tensor_parallel_size,
              .max_num_batched_tokens = r->scenario->config.max_num_batched_tokens,
              .max_num_seqs = r->scenario->config.max_num_seqs,
              .data_parallel_size = r->scenario->sharing_engines,
              .pipeline_parallel_size = (guint32)r->settings->pipeline_parallel_size,
              .expert_groups = r->scenario->expert_groups,
              .eager = r->settings->enforce_eager,
          },
      .utilization = takes_free ? 1 : r->scenario->gpu_memory_utilization,
      .block_size = r->scenario->config.block_size,
  };
  PoolSize pool;

  if (!need_for_pool(r, resolver_is_sglang(r) ? "mem-fraction-static" : "gpu-memory-utilization",
                     error))
    return FALSE;
  if (resolver_is_sglang(r))
    return resolver_sglang_pool(r, blocks, error);
  if (!pool_size_find(&request, &pool, error))
    return FALSE;
  take_fraction(r, &pool);
  *blocks = r->scenario->config.kv_groups.n_kinds > 0
                ? pool_blocks(pool.kv_bytes, r->pool_bytes_per_block)
                : pool.num_gpu_blocks;
  resolver_origin(r, "num_gpu_blocks",
                  "%s%.2f GiB less weights %.2f, activation %.2f, not PyTorch's %.2f, graphs %.2f",
                  takes_free ? "a share of " : "", (double)pool.usable_bytes / GIB,
                  (double)pool.weight_bytes / GIB, (double)pool.server.activation_bytes / GIB,
                  (double)pool.server.non_torch_bytes / GIB, (double)pool.server.graph_bytes / GIB);
  if (!takes_free && !resolver_given(r, "gpu-memory-utilization"))
    resolver_origin(r, "gpu_memory_utilization", "%s", r->scenario->scheduler->name);
  return TRUE;
}

/* A pool whose size was given may be more than the weights leave of the memory. */
static void
note_weights_and_pool(const Resolver *r)
{
  const Scenario *s = r->scenario;
  double weights, pool;

  if (s->model == NULL || s->device == NULL || s->executor->bare_scheduler)
    return;
  weights = (double)(model_weight_bytes(s->model) / s->tensor_parallel_size /
                     r->settings->pipeline_parallel_size);
  if (s->data_parallel_size > 1)
    weights = (double)model_rank_bytes_shared(s->model, s->tensor_parallel_size,
                                              s->tensor_parallel_size * s->sharing_engines,
                                              s->expert_groups);
  pool = resolver_pool_bytes(r);
  if (weights + pool > s->device->memory_bytes)
    resolver_note(
        r,
        "a server would not start: weights of %.1f GiB and a KV pool of %.1f GiB are more than the "
        "%.1f GiB of %s",
        weights / GIB, pool / GIB, s->device->memory_bytes / GIB, s->device->name);
}

gboolean
resolver_gpu_pool(Resolver *r, GError **error)
{
  SchedulerConfig *c = &r->scenario->config;
  guint32 hidden = r->scenario->scheduler->hidden_blocks;

  if (resolver_given(r, "num-gpu-blocks"))
    c->num_gpu_blocks = (guint32)r->settings->num_gpu_blocks;
  else if (resolver_given(r, "max-total-tokens"))
    c->num_gpu_blocks = (guint32)(r->settings->max_total_tokens / c->block_size);
  else if (resolver_given(r, "kv-memory") ? !kv_memory_blocks(r, &c->num_gpu_blocks, error)
                                          : !utilization_blocks(r, &c->num_gpu_blocks, error))
    return FALSE;
  if (c->num_gpu_blocks <= hidden)
    return resolver_refuse(
        error, "the KV pool has %u block%s, of which %s keeps %u for itself: give it more",
        c->num_gpu_blocks, c->num_gpu_blocks == 1 ? "" : "s", r->scenario->scheduler->name, hidden);
  if (!resolver_window_pool(r, error))
    return FALSE;
  note_weights_and_pool(r);
  if (c->prefix_caching && c->num_gpu_blocks > MAX_CACHED_BLOCKS &&
      !resolver_given(r, "enable-prefix-caching")) {
    c->prefix_caching = FALSE;
    resolver_origin(r, "enable_prefix_caching", "off: it keeps track of at most %u blocks",
                    MAX_CACHED_BLOCKS);
  }
  if (c->prefix_caching && c->num_gpu_blocks > MAX_CACHED_BLOCKS)
    return resolver_refuse(
        error,
        "the KV pool has %u blocks, prefix caching keeps track of at most %u: give "
        "it fewer, or larger ones",
        c->num_gpu_blocks, MAX_CACHED_BLOCKS);
  return TRUE;
}

/* The host's cache by its size in bytes: --kv-offloading-size, which is of all ranks together
 * (CacheConfig.kv_offloading_size), or else --swap-space, of each. */
static gboolean
size_tier(Resolver *r, GError **error)
{
  const Settings *settings = r->settings;
  gboolean as_swap = settings->kv_offloading_size == NULL && settings->swap_space != NULL;
  const char *text = as_swap ? settings->swap_space : settings->kv_offloading_size;
  guint64 bytes = (guint64)(4 * GIB), block_bytes = r->pool_bytes_per_block;

  if (r->scenario->model == NULL)
    return resolver_refuse(error, "native offload needs --num-offload-blocks, or --model to size "
                                  "the host's cache");
  if (text != NULL && !typed_bytes(text, as_swap ? "--swap-space" : "--kv-offloading-size",
                                   (guint64)GIB, &bytes, error))
    return FALSE;
  if (text != NULL && !as_swap)
    block_bytes *= r->scenario->tensor_parallel_size;
  r->scenario->config.num_offload_blocks = pool_blocks(bytes, block_bytes);
  if (r->scenario->config.num_offload_blocks == 0)
    return resolver_refuse(error,
                           "native offload: the host's cache has %" G_GUINT64_FORMAT
                           " bytes, expected at least a block's %" G_GUINT64_FORMAT,
                           bytes, block_bytes);
  return TRUE;
}

static gboolean
find_eviction_policy(Resolver *r, GError **error)
{
  const char *name = r->settings->eviction_policy;

  for (guint i = 0; name != NULL && tier_policy_names[i] != NULL; i++)
    if (g_str_equal(name, tier_policy_names[i])) {
      r->scenario->config.offload_policy = (TierPolicy)i;
      return TRUE;
    }
  return name == NULL ||
         resolver_refuse(error, "--eviction-policy: found '%s', expected lru or arc", name);
}

gboolean
resolver_tier(Resolver *r, GError **error)
{
  SchedulerConfig *c = &r->scenario->config;

  if (!resolver_offloads(r))
    return TRUE;
  c->offload_prompt_only = r->settings->offload_prompt_only;
  c->offload_store_threshold = (guint32)r->settings->store_threshold;
  if (!find_eviction_policy(r, error))
    return FALSE;
  c->num_offload_blocks = (guint32)r->settings->num_offload_blocks;
  if (c->num_offload_blocks == 0 && !size_tier(r, error))
    return FALSE;
  if (!c->prefix_caching)
    return resolver_refuse(error, "native offload extends prefix caching: give "
                                  "--enable-prefix-caching");
  if (c->overflow != &overflow_recompute && !c->overflow->needs_tier)
    return resolver_refuse(error,
                           "native offload and --overflow %s do not go together: the engine "
                           "recomputes, and loads what the host has",
                           c->overflow->base.name);
  if (!r->scenario->executor->bare_scheduler)
    resolver_note(r, "copies of native offload run beside the steps, and slow them by their share "
                     "of the memory's bandwidth, where no profile's table `beside` says more: "
                     "modelled, not measured");
  return TRUE;
}

gboolean
resolver_host_pool(Resolver *r, GError **error)
{
  Scenario *s = r->scenario;
  gboolean swaps = s->config.overflow->needs_host;
  gboolean engine_has_host = (s->scheduler->features & SCHEDULER_HAS_SWAP) != 0;
  guint64 bytes = (guint64)(4 * GIB);

  if (resolver_given(r, "swap-space") &&
      !typed_bytes(r->settings->swap_space, "--swap-space", (guint64)GIB, &bytes, error))
    return FALSE;
  if (resolver_given(r, "num-cpu-blocks")) {
    s->config.num_cpu_blocks = (guint32)r->settings->num_cpu_blocks;
  } else if (resolver_given(r, "swap-space") && s->model == NULL) {
    return resolver_refuse(error, "--swap-space needs --model; or give --num-cpu-blocks");
  } else if (s->model != NULL && (swaps || engine_has_host)) {
    s->config.num_cpu_blocks = pool_blocks(bytes, r->pool_bytes_per_block);
  } else if (swaps) {
    return resolver_refuse(
        error, "--overflow %s needs --num-cpu-blocks, or --model to size the host's pool",
        s->config.overflow->base.name);
  }
  if (s->config.overflow->keeps_blocks && s->config.prefix_caching)
    resolver_note(r,
                  "with prefix caching --overflow %s keeps nothing in place: the cache keeps of a "
                  "victim what it can, as under recompute",
                  s->config.overflow->base.name);
  if (s->config.overflow->of_no_engine)
    resolver_note(r, "no engine does what --overflow %s does; it is a what-if",
                  s->config.overflow->base.name);
  else if (swaps && !engine_has_host)
    resolver_note(r, "%s does not swap; swapping under it is a what-if", s->scheduler->name);
  return TRUE;
}
