/* The methods of copying KV blocks behind one call: lists of pieces for CUDA's own copies, or the
 * kernels.
 *
 * Order within a batch. cudaMemcpyBatchAsync as a whole runs in the stream's order, but its source
 * may be declared readable earlier. Not so for a copy out of the pool, whose blocks the step before
 * may still write. It may for a copy into the pool, if nothing writes the buffer any more.
 */
#include "kernels/kv_copy.h"

#include <cuda_runtime.h>
#include <stdlib.h>

#include "kernels/cuda_status.h"

namespace
{

/* Sources, destinations and lengths of the pieces. */
struct Pieces {
  size_t count;
  void **from, **to;
  size_t *piece_bytes;
};

cudaError_t
list_pieces(const KvCopy *c, Pieces *pieces)
{
  const size_t count = c->num_blocks * c->layout->num_pieces;
  void **places = (void **)malloc(count * (2 * sizeof *places + sizeof *pieces->piece_bytes));

  if (places == NULL)
    return cudaErrorMemoryAllocation;
  pieces->count = count;
  pieces->from = places;
  pieces->to = places + count;
  pieces->piece_bytes = (size_t *)(places + 2 * count);
  kv_copy_list_pieces(c->layout, c->pool, c->block_list, c->num_blocks, c->buffer,
                      c->to_pool ? pieces->to : pieces->from,
                      c->to_pool ? pieces->from : pieces->to);
  for (size_t i = 0; i < count; i++)
    pieces->piece_bytes[i] = c->layout->piece_bytes;
  return cudaSuccess;
}

cudaError_t
copy_pieces(const KvCopy *c, const Pieces *pieces, cudaStream_t stream)
{
  const cudaMemcpyKind kind = c->to_pool ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost;

  for (size_t i = 0; i < pieces->count; i++)
    RETURN_IF_FAILED(
        cudaMemcpyAsync(pieces->to[i], pieces->from[i], pieces->piece_bytes[i], kind, stream));
  return cudaSuccess;
}

#if CUDART_VERSION >= 13000
cudaError_t
copy_batch(const KvCopy *c, const Pieces *pieces, cudaStream_t stream)
{
  cudaMemcpyAttributes attributes = {};
  size_t first = 0;

  if (stream == NULL || stream == cudaStreamLegacy)
    return cudaErrorInvalidValue;
  attributes.srcAccessOrder = c->to_pool && c->buffer_is_settled ? cudaMemcpySrcAccessOrderAny
                                                                 : cudaMemcpySrcAccessOrderStream;
  return cudaMemcpyBatchAsync(pieces->to, pieces->from, pieces->piece_bytes, pieces->count,
                              &attributes, &first, 1, stream);
}
#else
cudaError_t
copy_batch(const KvCopy *, const Pieces *, cudaStream_t)
{
  return cudaErrorNotSupported;
}
#endif

cudaError_t
copy_by_cuda(const KvCopy *c, cudaStream_t stream)
{
  Pieces pieces;

  if (!kv_layout_is_valid(c->layout))
    return cudaErrorInvalidValue;
  if (c->num_blocks == 0)
    return cudaSuccess;
  RETURN_IF_FAILED(list_pieces(c, &pieces));
  cudaError_t status =
      c->method == KV_COPY_BATCH ? copy_batch(c, &pieces, stream) : copy_pieces(c, &pieces, stream);
  free(pieces.from);
  return status;
}

int
copy_by_kernel(const KvCopy *c, void *buffer, cudaStream_t stream)
{
  if (c->to_pool)
    return kv_scatter(c->layout, c->pool, c->block_list, c->num_blocks, buffer,
                      c->max_thread_blocks, stream);
  return kv_gather(c->layout, c->pool, c->block_list, c->num_blocks, buffer, c->max_thread_blocks,
                   stream);
}

cudaError_t
copy_staged(const KvCopy *c, cudaStream_t stream)
{
  const size_t block_bytes = c->layout->num_pieces * c->layout->piece_bytes;
  const size_t num_bytes = c->num_blocks * block_bytes;

  if (!kv_layout_is_valid(c->layout) || kv_layout_buffer_block_bytes(c->layout) != block_bytes)
    return cudaErrorInvalidValue;
  if (c->to_pool)
    RETURN_IF_FAILED(
        cudaMemcpyAsync(c->staging, c->buffer, num_bytes, cudaMemcpyHostToDevice, stream));
  RETURN_IF_FAILED(copy_by_kernel(c, c->staging, stream));
  if (!c->to_pool)
    RETURN_IF_FAILED(
        cudaMemcpyAsync(c->buffer, c->staging, num_bytes, cudaMemcpyDeviceToHost, stream));
  return cudaSuccess;
}

} // namespace

int
kv_copy(const KvCopy *copy, struct CUstream_st *stream)
{
  switch (copy->method) {
  case KV_COPY_PIECES:
  case KV_COPY_BATCH:
    return copy_by_cuda(copy, stream);
  case KV_COPY_KERNEL:
    return copy_by_kernel(copy, copy->buffer, stream);
  case KV_COPY_STAGED:
    return copy_staged(copy, stream);
  default:
    return cudaErrorInvalidValue;
  }
}
