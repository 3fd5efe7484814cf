/* Writes keys and values into the paged pool on the CPU: the kernel's reference, and the CPU
 * executor's. */
#include "kernels/paged_kv.h"

#include <string.h>

void
kv_write_reference(const PagedKv *kv, const float *new_k, const float *new_v, size_t row_stride,
                   const int64_t *slots, size_t num_tokens)
{
  const size_t head_bytes = kv->head_dim * sizeof(float);

  for (size_t i = 0; i < num_tokens; i++) {
    if (slots[i] < 0)
      continue;
    size_t block = (size_t)slots[i] / kv->block_size, token = (size_t)slots[i] % kv->block_size;
    for (uint32_t head = 0; head < kv->kv_heads; head++) {
      size_t from = i * row_stride + (size_t)head * kv->head_dim;
      size_t to = block * kv->block_stride + head * kv->head_stride + token * kv->token_stride;
      memcpy((float *)kv->k + to, new_k + from, head_bytes);
      memcpy((float *)kv->v + to, new_v + from, head_bytes);
    }
  }
}
