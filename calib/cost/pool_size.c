/* Pool sizes; called by the command line before a run. The block count decides more of a result
 * than any cost does, so runs report what it was made of. */
#include "pool_size.h"

G_DEFINE_QUARK(spillway - pool - size - error, pool_size_error)

guint64
pool_block_bytes(const Model *model, guint32 block_size, guint32 tensor_parallel_size)
{
  return model_rank_kv_bytes(model, tensor_parallel_size) * block_size;
}

guint32
pool_blocks(guint64 bytes, guint64 block_bytes)
{
  return (guint32)MIN(bytes / block_bytes, G_MAXUINT32);
}

guint64
pool_activation_bytes(const Model *model, guint32 max_num_batched_tokens, guint32 max_num_seqs,
                      guint32 tensor_parallel_size)
{
  guint64 parts = model->experts > 0 ? model->active_experts : 1;
  guint64 ffn_width = (model->gated_ffn ? 3 : 2) * parts * model->ffn / tensor_parallel_size;
  guint64 token_bytes = 2 * (2 * (guint64)model->hidden + ffn_width); /* residual, input, FFN */
  guint64 logit_bytes = (2 + 4 + 4) * (guint64)model->vocab; /* 16-bit, 32-bit, probabilities */

  return max_num_batched_tokens * token_bytes + max_num_seqs * logit_bytes;
}

static double
gib(guint64 bytes)
{
  return (double)bytes / (double)(1 << 30);
}

gboolean
pool_size_find(const PoolSizeRequest *request, PoolSize *pool, GError **error)
{
  const Model *model = request->model;
  const Device *device = request->device;
  guint32 tp = request->tensor_parallel_size;

  *pool = (PoolSize){
      .usable_bytes = (guint64)(device->memory_bytes * request->utilization),
      .weight_bytes = model_weight_bytes(model) / tp,
      .activation_bytes =
          pool_activation_bytes(model, request->max_num_batched_tokens, request->max_num_seqs, tp),
      .block_bytes = pool_block_bytes(model, request->block_size, tp),
  };
  guint64 fixed_bytes = pool->weight_bytes + pool->activation_bytes;
  if (fixed_bytes <= pool->usable_bytes)
    pool->num_gpu_blocks = pool_blocks(pool->usable_bytes - fixed_bytes, pool->block_bytes);
  if (pool->num_gpu_blocks > 0)
    return TRUE;
  g_set_error(
      error, POOL_SIZE_ERROR, POOL_SIZE_ERROR_MEMORY,
      "%s does not fit on %u x %s: each needs %.1f GiB for weights, %.1f GiB for activations and "
      "%.3f GiB for one KV block of %u tokens, and may use %.0f%% of %.1f GiB; use more devices "
      "(--tensor-parallel-size), fewer --max-num-batched-tokens, more "
      "--gpu-memory-utilization, or a smaller model",
      model->name, tp, device->name, gib(pool->weight_bytes), gib(pool->activation_bytes),
      gib(pool->block_bytes), request->block_size, 100 * request->utilization,
      gib((guint64)device->memory_bytes));
  return FALSE;
}
