/* Writes keys and values into the paged pool: 16 bytes a thread; each thread block has one token,
 * or a part of one, first its keys and then its values. */
#include "kernels/paged_kv.h"

#include <cuda_runtime.h>

#include "kernels/cuda_status.h"
#include "kernels/device.h"

namespace
{

constexpr unsigned THREADS = 256;

/* Strides in vectors of 16 bytes. */
struct Write {
  uint4 *k, *v;
  const uint4 *new_k, *new_v;
  const int64_t *slots;
  size_t row_stride, block_stride, head_stride, token_stride;
  unsigned block_size, head_vectors, row_vectors;
};

__global__ void
__launch_bounds__(THREADS) write_tokens(const Write w)
{
  device_begin();
  const unsigned item = blockIdx.y * THREADS + threadIdx.x;
  const int64_t slot = __ldg(&w.slots[blockIdx.x]);

  if (item >= 2 * w.row_vectors || slot < 0)
    return;
  const bool is_v = item >= w.row_vectors;
  const unsigned vector = is_v ? item - w.row_vectors : item;
  const unsigned head = vector / w.head_vectors;
  const size_t from = blockIdx.x * w.row_stride + vector;
  const size_t to = (size_t)slot / w.block_size * w.block_stride + head * w.head_stride +
                    (size_t)slot % w.block_size * w.token_stride + vector % w.head_vectors;
  (is_v ? w.v : w.k)[to] = __ldcs(&(is_v ? w.new_v : w.new_k)[from]);
}

bool
is_aligned(const void *place)
{
  return (uintptr_t)place % sizeof(uint4) == 0;
}

} // namespace

int
kv_write(Dtype dtype, const PagedKv *kv, const void *new_k, const void *new_v, size_t row_stride,
         const int64_t *slots, size_t num_tokens, struct CUstream_st *stream)
{
  const size_t elements = dtype == DTYPE_FP8_E4M3 ? sizeof(uint4) : sizeof(uint4) / 2;
  const Write write = {
      .k = (uint4 *)kv->k,
      .v = (uint4 *)kv->v,
      .new_k = (const uint4 *)new_k,
      .new_v = (const uint4 *)new_v,
      .slots = slots,
      .row_stride = row_stride / elements,
      .block_stride = kv->block_stride / elements,
      .head_stride = kv->head_stride / elements,
      .token_stride = kv->token_stride / elements,
      .block_size = kv->block_size,
      .head_vectors = (unsigned)(kv->head_dim / elements),
      .row_vectors = (unsigned)(kv->head_dim / elements * kv->kv_heads),
  };
  const unsigned parts = (2 * write.row_vectors + THREADS - 1) / THREADS;

  if ((kv->head_dim | kv->block_stride | kv->head_stride | kv->token_stride | row_stride) %
              elements !=
          0 ||
      kv->block_size == 0 || num_tokens > INT32_MAX)
    return cudaErrorInvalidValue;
  if (!is_aligned(kv->k) || !is_aligned(kv->v) || !is_aligned(new_k) || !is_aligned(new_v))
    return cudaErrorMisalignedAddress;
  if (num_tokens == 0 || parts == 0)
    return cudaSuccess;
  return device_launch(write_tokens, dim3((unsigned)num_tokens, parts), THREADS, 0, stream, write);
}
