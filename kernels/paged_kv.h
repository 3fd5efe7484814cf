/* One layer's view of the paged KV pool, and writing new keys and values into it.
 *
 * The layout is a parameter: all layers of a block together or each layer its own pool, heads
 * before tokens or after. Element d of token t of KV head h in block b is at
 *
 *     k + b * block_stride + h * head_stride + t * token_stride + d         (v likewise)
 *
 * Strides count elements of the pool's type. GPU kernels want strides and pointers that are
 * multiples of 16 bytes. Nothing is owned.
 */
#pragma once

#include "dtype.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  void *k, *v; /* of block 0; float for the references */
  size_t block_stride, head_stride, token_stride;
  uint32_t block_size; /* tokens */
  uint32_t kv_heads, head_dim;
} PagedKv;

/* The slot of each new token: block * block_size + place in the block. New keys and values are
 * [tokens][kv_heads][head_dim], rows `row_stride` elements apart. No slot is listed twice;
 * a negative one is passed over (a batch that is padded to a fixed size has such). */
void kv_write_reference(const PagedKv *kv, const float *new_k, const float *new_v,
                        size_t row_stride, const int64_t *slots, size_t num_tokens);
/* The same on the GPU; a cudaError_t, 0 for success. */
int kv_write(Dtype dtype, const PagedKv *kv, const void *new_k, const void *new_v,
             size_t row_stride, const int64_t *slots, size_t num_tokens,
             struct CUstream_st *stream);

#ifdef __cplusplus
}
#endif
