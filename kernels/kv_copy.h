/* Copies KV blocks between the paged pool and a contiguous buffer, by a list of blocks: gathered
 * for a swap out, scattered for a swap in.
 *
 * The pool's layout is a parameter. A block is `num_pieces` pieces of `piece_bytes` bytes, and
 *
 *     piece p of block b is at   pool + b * block_stride_bytes + p * piece_stride_bytes
 *     in the buffer it is at     buffer + i * buffer_block_bytes + p * piece_bytes,  b =
 * block_list[i]
 *
 * The buffer is packed (buffer_block_bytes = num_pieces * piece_bytes), or holds more of each block
 * than these pieces, as where one layer of many blocks is copied.
 * All layers of a block together: one piece. Each layer its own pool: a piece a layer,
 * block_stride_bytes = piece_bytes and piece_stride_bytes = the bytes of one layer's pool.
 *
 * Contract: everything is copied in 16-byte vectors, so pool, buffer, strides and piece_bytes are
 * multiples of 16. Pool and buffer do not overlap; the list's blocks are inside the pool (nobody
 * checks) and, to scatter, no block is listed twice. Nothing is owned, nothing allocated.
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

/* Multiples of 16, no empty block, fewer than 2^32 vectors in a piece, blocks of the buffer apart.
 */
bool kv_layout_is_valid(const KvLayout *layout);

/* From a block of the buffer to the next. */
static inline size_t
kv_layout_buffer_block_bytes(const KvLayout *layout)
{
  return layout->buffer_block_bytes > 0 ? layout->buffer_block_bytes
                                        : layout->num_pieces * layout->piece_bytes;
}

/* On the CPU, for tests and for the CPU executor. `layout` must be valid. */
void kv_gather_reference(const KvLayout *layout, const void *pool, const int32_t *block_list,
                         size_t num_blocks, void *buffer);
void kv_scatter_reference(const KvLayout *layout, void *pool, const int32_t *block_list,
                          size_t num_blocks, const void *buffer);

/* On the GPU, in `stream` and without waiting. The pointers are ones that the GPU can reach, the
 * block list among them; the buffer may be pinned host memory. At most `max_thread_blocks` thread
 * blocks run, so that a copy leaves room for what runs beside it; 0 is as many as fit.
 *
 * Return a cudaError_t, 0 for success: cudaErrorInvalidValue for an invalid layout,
 * cudaErrorMisalignedAddress for a pool or buffer that is no multiple of 16, or what the launch
 * gave. What goes wrong later is told by the stream. No blocks: success, and no launch. */
int kv_gather(const KvLayout *layout, const void *pool, const int32_t *block_list,
              size_t num_blocks, void *buffer, unsigned max_thread_blocks,
              struct CUstream_st *stream);
int kv_scatter(const KvLayout *layout, void *pool, const int32_t *block_list, size_t num_blocks,
               const void *buffer, unsigned max_thread_blocks, struct CUstream_st *stream);

/* The ways in which blocks travel between device and host. One copy a piece is what engines do that
 * know nothing better; the others exist because its launches cost more than its bytes. */
typedef enum {
  KV_COPY_PIECES, /* cudaMemcpyAsync, piece by piece */
  KV_COPY_BATCH,  /* cudaMemcpyBatchAsync: all pieces in one call */
  KV_COPY_KERNEL, /* kv_gather() or kv_scatter() on pinned memory */
  KV_COPY_STAGED, /* the same to or from device memory, and one copy between that and the host,
                     which is packed */
  KV_COPY_NUM_METHODS
} KvCopyMethod;

/* "pieces", "batch", "kernel", "staged". */
const char *kv_copy_method_name(KvCopyMethod method);

typedef struct {
  KvCopyMethod method;
  bool to_pool; /* scatter: the blocks come back; else they leave */
  const KvLayout *layout;
  void *pool;
  const int32_t *block_list; /* read by the host and, by the kernel, by the GPU: pinned */
  size_t num_blocks;
  void *buffer;  /* on the host: pinned or, but for KV_COPY_KERNEL, pageable */
  void *staging; /* KV_COPY_STAGED: device memory of the buffer's size */
  unsigned max_thread_blocks;
  /* Nothing that was enqueued before writes the buffer: a batch to the pool may then read it before
   * its turn. */
  bool buffer_is_settled;
} KvCopy;

/* Enqueues the copy; pageable memory makes it wait. A cudaError_t, as above: cudaErrorInvalidValue
 * for a batch in the default stream too, cudaErrorNotSupported where CUDA has no batches. */
int kv_copy(const KvCopy *copy, struct CUstream_st *stream);

/* Where the pieces lie, in the buffer's order: num_blocks * num_pieces of each. */
void kv_copy_list_pieces(const KvLayout *layout, const void *pool, const int32_t *block_list,
                         size_t num_blocks, const void *buffer, void **in_pool, void **in_buffer);

#ifdef __cplusplus
}
#endif
