/* Copies KV blocks between the paged pool and a contiguous buffer, by a list of blocks: gathered
 * for a swap out, scattered for a swap in.
 *
 * The pool's layout is a parameter. A block is `num_pieces` pieces of `piece_bytes` bytes, and
 *
 *     piece p of block b = block_list[i] is
 *       in the pool at     pool + b * block_stride_bytes + p * piece_stride_bytes
 *       in the buffer at   buffer + i * buffer_block_bytes + p * piece_bytes
 *
 * The buffer is packed (buffer_block_bytes = num_pieces * piece_bytes), or holds more of each block
 * than these pieces, as when one layer of many blocks is copied.
 * All layers of a block together: one piece. Each layer its own pool: a piece a layer,
 * block_stride_bytes = piece_bytes and piece_stride_bytes = the bytes of one layer's pool.
 *
 * Contract: everything is copied in 16-byte vectors, so pool, buffer, strides and piece_bytes are
 * multiples of 16. Pool and buffer do not overlap; the list's blocks are inside the pool (not
 * checked) and, to scatter, no block is listed twice. Nothing is owned, nothing allocated.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { KV_COPY_VECTOR_BYTES = 16 };

typedef struct {
  size_t block_stride_bytes;
  size_t piece_stride_bytes;
  size_t piece_bytes;
  size_t buffer_block_bytes; /* 0: packed */
  uint32_t num_pieces;
} KvLayout;

struct CUstream_st; /* what a cudaStream_t points to */

/* Whether sizes and strides are multiples of 16, blocks are not empty, a piece has fewer than 2^32
 * vectors, and blocks do not overlap in the buffer. */
bool kv_layout_is_valid(const KvLayout *layout);

/* From a block of the buffer to the next. */
static inline size_t
kv_layout_buffer_block_bytes(const KvLayout *layout)
{
  return layout->buffer_block_bytes > 0 ? layout->buffer_block_bytes
                                        : layout->num_pieces * layout->piece_bytes;
}

/* On the CPU, for tests and for the CPU executor. The layout is valid. */
void kv_gather_reference(const KvLayout *layout, const void *pool, const int32_t *block_list,
                         size_t num_blocks, void *buffer);
void kv_scatter_reference(const KvLayout *layout, void *pool, const int32_t *block_list,
                          size_t num_blocks, const void *buffer);

/* On the GPU, in `stream` and without waiting. The GPU must reach all pointers, also the block
 * list; the buffer may be pinned host memory. At most `max_thread_blocks` thread blocks run, so
 * that a copy leaves room for what runs beside it; 0: as many as fit.
 *
 * They return a cudaError_t, 0 for success: cudaErrorInvalidValue for an invalid layout,
 * cudaErrorMisalignedAddress for a pool or buffer that is not aligned to 16 bytes, or the launch's
 * error. The stream reports later errors. No blocks: success, and no launch. */
int kv_gather(const KvLayout *layout, const void *pool, const int32_t *block_list,
              size_t num_blocks, void *buffer, unsigned max_thread_blocks,
              struct CUstream_st *stream);
int kv_scatter(const KvLayout *layout, void *pool, const int32_t *block_list, size_t num_blocks,
               const void *buffer, unsigned max_thread_blocks, struct CUstream_st *stream);

/* How blocks are copied between device and host. Engines make a copy for each piece, or one of the
 * others, since the launches of small copies cost more than their bytes. */
typedef enum {
  KV_COPY_PIECES, /* cudaMemcpyAsync, piece by piece */
  KV_COPY_BATCH,  /* cudaMemcpyBatchAsync: all pieces in one call */
  KV_COPY_KERNEL, /* kv_gather() or kv_scatter() on pinned memory */
  KV_COPY_STAGED, /* the kernel to or from a staging buffer on the device, and one copy between that
                     and the host's buffer, which must be packed */
  KV_COPY_NUM_METHODS
} KvCopyMethod;

/* "pieces", "batch", "kernel", "staged". */
const char *kv_copy_method_name(KvCopyMethod method);

typedef struct {
  KvCopyMethod method;
  bool to_pool; /* scatter: the blocks come back; else they leave */
  const KvLayout *layout;
  void *pool;
  const int32_t *block_list; /* pinned: the host reads it, and the kernels do */
  size_t num_blocks;
  void *buffer;  /* on the host: pinned or, but for KV_COPY_KERNEL, pageable */
  void *staging; /* KV_COPY_STAGED: device memory of the buffer's size */
  unsigned max_thread_blocks;
  /* Nothing that is enqueued before writes the buffer, so that a batch to the pool may read it out
   * of the stream's order. */
  bool buffer_is_settled;
} KvCopy;

/* Enqueues the copy; of pageable memory it waits. Returns a cudaError_t as above;
 * cudaErrorInvalidValue also for a batch in the default stream, cudaErrorNotSupported for a batch
 * before CUDA 13. */
int kv_copy(const KvCopy *copy, struct CUstream_st *stream);

/* Lists the addresses of the pieces in pool and buffer, num_blocks * num_pieces of each, in the
 * buffer's order. */
void kv_copy_list_pieces(const KvLayout *layout, const void *pool, const int32_t *block_list,
                         size_t num_blocks, const void *buffer, void **in_pool, void **in_buffer);

#ifdef __cplusplus
}
#endif
