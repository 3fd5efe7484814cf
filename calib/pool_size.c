/* Pool sizes; called by the command line before a run. The block count decides more of a result
 * than any cost does, so runs report what it was made of. */
#include "pool_size.h"

G_DEFINE_QUARK(spillway - pool - size - error, pool_size_error)

guint64
pool_block_bytes(const Model *model, guint32 block_size, guint32 tensor_parallel_size) {
  guint32 kv_heads = MAX(1, model->kv_heads / tensor_parallel_size);

  return model_kv_bytes_per_token(model) / model->kv_heads * kv_heads * block_size;
}

guint32
pool_blocks(guint64 bytes, guint64 block_bytes) {
  return (guint32)MIN(bytes / block_bytes, G_MAXUINT32);
}

guint64
pool_activation_bytes(const Model *model, guint32 max_num_batched_tokens, guint32 max_num_seqs,
                      guint32 tensor_parallel_size) {
  guint64 parts = model->experts > 0 ? model->active_experts : 1;
  guint64 ffn_width = (model->gated_ffn ? 3 : 2) * parts * model->ffn / tensor_parallel_size;
  guint64 token_bytes = 2 * (2 * (guint64)model->hidden + ffn_width); /* residual, input, FFN */
  guint64 logit_bytes = (2 + 4 + 4) * (guint64)model->vocab; /* 16-bit, 32-bit, probabilities */

  return max_num_batched_tokens * token_bytes + max_num_seqs * logit_bytes;
}

gboolean
pool_size_find(const PoolSizeRequest *request, PoolSize *pool, GError **error) {
  const Model *model = request->model;
  guint32 tp = request->tensor_parallel_size;
  g_autofree char *memory =
      g_format_size_full((guint64)request->device->memory_bytes, G_FORMAT_SIZE_IEC_UNITS);

  *pool = (PoolSize){
      .usable_bytes = (guint64)(request->device->memory_bytes * request->utilization),
      .weight_bytes = model_weight_bytes(model) / tp,
      .activation_bytes =
          pool_activation_bytes(model, request->max_num_batched_tokens, request->max_num_seqs, tp),
      .block_bytes = pool_block_bytes(model, request->block_size, tp),
  };
  guint64 fixed_bytes = pool->weight_bytes + pool->activation_bytes;
  g_autofree char *weights = g_format_size_full(pool->weight_bytes, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *activations =
      g_format_size_full(pool->activation_bytes, G_FORMAT_SIZE_IEC_UNITS);
  if (fixed_bytes > pool->usable_bytes) {
    g_set_error(
        error, POOL_SIZE_ERROR, POOL_SIZE_ERROR_WEIGHTS,
        "%s does not fit on %s: weights %s and activations %s a device, of %.0f%% of %s; use "
        "more devices (--tensor-parallel-size, now %u), fewer --max-num-batched-tokens, a "
        "quantized model or a larger device",
        model->name, request->device->name, weights, activations, 100 * request->utilization,
        memory, tp);
    return FALSE;
  }
  pool->num_gpu_blocks = pool_blocks(pool->usable_bytes - fixed_bytes, pool->block_bytes);
  if (pool->num_gpu_blocks == 0) {
    g_set_error(
        error, POOL_SIZE_ERROR, POOL_SIZE_ERROR_BLOCK,
        "%s on %s: beside weights (%s) and activations (%s) not one KV block of %u tokens fits "
        "in %.0f%% of %s; raise --gpu-memory-utilization or lower --block-size",
        model->name, request->device->name, weights, activations, request->block_size,
        100 * request->utilization, memory);
    return FALSE;
  }
  return TRUE;
}
