/* Pool sizes; called by the command line before a run. The number of blocks decides more of a
 * result than any cost, so each run reports how it was computed. */
#include "pool_size.h"

#include "sim/kv_groups.h"
#include "sim/pipeline.h"

/* Starts of 0.20.0 and 0.21.0 with the same memory (vLLM issue 43308, pull request 40694). */
#define FIRST_LOGGED_REQUESTS 21

G_DEFINE_QUARK(spillway - pool - size - error, pool_size_error)

guint64
pool_block_bytes(const Model *model, guint32 block_size, guint32 tensor_parallel_size)
{
  guint64 bytes = 0;
  KvGroups layout;

  if (!kv_groups_find(model, block_size, tensor_parallel_size, &layout))
    return model_rank_kv_bytes(model, tensor_parallel_size) * block_size;
  if (layout.n_kinds == 1)
    return layout.block_bytes;
  for (guint i = 0; i < layout.n_kinds; i++)
    if (layout.kinds[i].block_tokens > 0 &&
        !(layout.is_compressed && layout.kinds[i].kind == KV_WINDOW))
      bytes +=
          layout.kinds[i].groups * layout.block_bytes * block_size / layout.kinds[i].block_tokens;
  return bytes;
}

guint64
pool_stage_block_bytes(const Model *model, guint32 block_size, guint32 tensor_parallel_size,
                       guint32 stages)
{
  return pool_block_bytes(model, block_size, tensor_parallel_size) *
         pipeline_most_layers(model->layers, stages) / model->layers;
}

guint64
pool_logged_tokens(const PoolSizeRequest *request, const PoolLogTerms *terms, guint64 kv_bytes)
{
  const ServerSetup *server = &request->server;
  double capability = device_compute_capability(server->device);
  guint64 blocks;
  KvGroups layout;

  if (!kv_groups_find(server->model, request->block_size, server->tensor_parallel_size, &layout))
    return 0;
  if (terms->caches_states && kv_groups_keep_states(&layout))
    kv_groups_use_kernels(&layout, server->model, request->block_size, server->version, capability);
  blocks = kv_bytes / layout.block_bytes;
  if (server->version < FIRST_LOGGED_REQUESTS)
    return kv_groups_tokens(&layout, blocks);
  return blocks * terms->max_model_len /
         kv_groups_planned_blocks(&layout, terms->max_model_len, server->max_num_batched_tokens);
}

guint32
pool_blocks(guint64 bytes, guint64 block_bytes)
{
  return (guint32)MIN(bytes / block_bytes, G_MAXUINT32);
}

static double
gib(guint64 bytes)
{
  return (double)bytes / (double)(1 << 30);
}

static gboolean
refuse(const PoolSizeRequest *request, const PoolSize *pool, GError **error)
{
  const ServerSetup *server = &request->server;

  g_set_error(
      error, POOL_SIZE_ERROR, POOL_SIZE_ERROR_MEMORY,
      "%s does not fit on %u x %s: each needs %.1f GiB for weights, %.1f GiB for activations, "
      "%.1f GiB for libraries and CUDA graphs and %.3f GiB for one KV block of %u tokens, and may "
      "use %.0f%% of %.1f GiB; use more devices (--tensor-parallel-size), fewer "
      "--max-num-batched-tokens or --max-num-seqs, %sor a smaller model",
      server->model->name, server->tensor_parallel_size, server->device->name,
      gib(pool->weight_bytes), gib(pool->server.activation_bytes),
      gib(pool->server.non_torch_bytes + pool->server.graph_bytes), gib(pool->block_bytes),
      request->block_size, 100 * request->utilization, gib((guint64)server->device->memory_bytes),
      request->utilization < 1 ? "more --gpu-memory-utilization, " : "");
  return FALSE;
}

/* The sum on a rank of one stage. */
static PoolSize
stage_pool(const PoolSizeRequest *request, const ServerMemory *memory, const ModelStage *stage)
{
  const ServerSetup *server = &request->server;
  const Model *model = server->model;
  const ExpertPadding padding = server_expert_padding(server->device, server->version);
  guint32 tp = server->tensor_parallel_size, ranks = server_expert_ranks(server);
  guint32 groups = MAX(1, server->expert_groups);
  PoolSize pool = {
      .usable_bytes = (guint64)(server->device->memory_bytes * request->utilization),
      .weight_bytes = model_stage_bytes(model, tp, ranks, groups, stage) +
                      model_stage_padding_bytes(model, ranks, groups, stage, &padding),
      .server = *memory,
      .block_bytes =
          pool_block_bytes(model, request->block_size, tp) * stage->layers / model->layers,
  };
  guint64 taken =
      pool.weight_bytes + memory->activation_bytes + memory->non_torch_bytes + memory->graph_bytes;

  if (taken < pool.usable_bytes)
    pool.kv_bytes = pool.usable_bytes - taken;
  pool.num_gpu_blocks = pool_blocks(pool.kv_bytes, pool.block_bytes);
  return pool;
}

gboolean
pool_size_find(const PoolSizeRequest *request, PoolSize *pool, GError **error)
{
  const ServerSetup *server = &request->server;
  const ServerMemory memory = server_memory_find(server);
  guint32 stages = MAX(1, server->pipeline_parallel_size);

  for (guint32 i = 0; i < stages; i++) {
    const ModelStage stage = {pipeline_stage_layers(server->model->layers, stages, i), i == 0,
                              i + 1 == stages};
    PoolSize one = stage_pool(request, &memory, &stage);
    if (i == 0 || one.num_gpu_blocks < pool->num_gpu_blocks)
      *pool = one;
  }
  return pool->num_gpu_blocks > 0 || refuse(request, pool, error);
}
