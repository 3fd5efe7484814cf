/* One layer's view of the paged KV pool, and writing new keys and values into it.
 *
 * The layout is a parameter: all layers of a block together or each layer its own pool, heads
 * before tokens or after. Element d of token t of KV head h in block b is at
 *
 *     k + b * block_stride + h * head_stride + t * token_stride + d         (v likewise)
 *
 * Strides count elements of the pool's type. GPU kernels take strides and pointers that are
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

/* Writes new keys and values, [tokens][kv_heads][head_dim], rows `row_stride` elements apart. The
 * slot of a token is block * block_size + its place in the block. No slot is listed twice; a token
 * with a negative one is not written (padding). */
void kv_write_reference(const PagedKv *kv, const float *new_k, const float *new_v,
                        size_t row_stride, const int64_t *slots, size_t num_tokens);
/* The same on the GPU, without waiting. Returns a cudaError_t, 0 for success: cudaErrorInvalidValue
 * or cudaErrorMisalignedAddress for strides or pointers that are no multiples of 16 bytes. */
int kv_write(Dtype dtype, const PagedKv *kv, const void *new_k, const void *new_v,
             size_t row_stride, const int64_t *slots, size_t num_tokens,
             struct CUstream_st *stream);

#ifdef __cplusplus
}
#endif
