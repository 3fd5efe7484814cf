/* KV copies on the GPU. One kernel serves both directions.
 *
 *     piece        |---- tile 0 ----|---- tile 1 ----|-- tile 2 --|      tile: 4 KB, one warp
 *     warp's lane   0 1 2 ... 31, 0 1 2 ... 31, ... 8 times               lane: 16 bytes a time
 *
 * A warp copies one tile after another: it computes the tile's place once, and starts all of its
 * eight loads before the first store, so that scattered 4 KB pieces make as many requests as one
 * long piece. Warps take every gridDim-th tile, so that the grid can be kept small beside other
 * work. The data is not read again soon: loads and stores stream past the caches.
 *
 * Rejected: a thread block for each piece (with pieces of 4 KB, one load a thread); one flat index
 * for each thread (two divisions for every 16 bytes).
 */
#include "kernels/kv_copy.h"

#include "kernels/device.h"

namespace
{

constexpr unsigned WARP_LANES = 32;
constexpr unsigned LANE_VECTORS = 8;
constexpr unsigned TILE_VECTORS = WARP_LANES * LANE_VECTORS;
constexpr unsigned THREADS = 256;
constexpr unsigned WARPS = THREADS / WARP_LANES;

enum Direction { GATHER, SCATTER };

struct Copy {
  char *pool;
  char *buffer;
  const int32_t *block_list;
  size_t block_stride_bytes;
  size_t piece_stride_bytes;
  size_t piece_bytes;
  size_t buffer_block_bytes;
  size_t num_tiles; /* of all blocks */
  uint32_t num_pieces;
  uint32_t piece_vectors;
  uint32_t piece_tiles;
};

/* A warp copies num_vectors vectors, at most a tile. */
__device__ void
copy_tile(const uint4 *__restrict__ from, uint4 *__restrict__ to, uint32_t num_vectors)
{
  const unsigned lane = threadIdx.x % WARP_LANES;
  uint4 held[LANE_VECTORS];

#pragma unroll
  for (unsigned v = 0; v < LANE_VECTORS; v++)
    if (v * WARP_LANES + lane < num_vectors)
      held[v] = __ldcs(&from[v * WARP_LANES + lane]);
#pragma unroll
  for (unsigned v = 0; v < LANE_VECTORS; v++)
    if (v * WARP_LANES + lane < num_vectors)
      __stcs(&to[v * WARP_LANES + lane], held[v]);
}

template <Direction direction>
__global__ void
__launch_bounds__(THREADS) copy_blocks(const Copy copy)
{
  device_begin();
  const size_t first = (size_t)blockIdx.x * WARPS + threadIdx.x / WARP_LANES;

  for (size_t tile = first; tile < copy.num_tiles; tile += (size_t)gridDim.x * WARPS) {
    const size_t listed_piece = tile / copy.piece_tiles;
    const uint32_t first_vector = (uint32_t)(tile % copy.piece_tiles) * TILE_VECTORS;
    const uint32_t num_vectors = min(copy.piece_vectors - first_vector, TILE_VECTORS);
    const size_t piece = listed_piece % copy.num_pieces;
    const size_t listed_block = listed_piece / copy.num_pieces;
    const size_t block = copy.block_list[listed_block];
    uint4 *pooled =
        (uint4 *)(copy.pool + block * copy.block_stride_bytes + piece * copy.piece_stride_bytes) +
        first_vector;
    uint4 *buffered =
        (uint4 *)(copy.buffer + listed_block * copy.buffer_block_bytes + piece * copy.piece_bytes) +
        first_vector;

    if (direction == GATHER)
      copy_tile(pooled, buffered, num_vectors);
    else
      copy_tile(buffered, pooled, num_vectors);
  }
}

/* Sets how many thread blocks to launch: no more than have tiles, and at most max_thread_blocks, or
 * where that is 0 as many as run at once on this GPU. */
template <Direction direction>
cudaError_t
choose_thread_blocks(size_t num_tiles, unsigned max_thread_blocks, unsigned *thread_blocks)
{
  const size_t wanted = (num_tiles + WARPS - 1) / WARPS;
  size_t fit = max_thread_blocks;

  if (fit == 0) {
    int device, multiprocessors, resident;
    cudaError_t status = cudaGetDevice(&device);
    if (status == cudaSuccess)
      status = cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device);
    if (status == cudaSuccess)
      status = cudaOccupancyMaxActiveBlocksPerMultiprocessor(&resident, copy_blocks<direction>,
                                                             THREADS, 0);
    if (status != cudaSuccess)
      return status;
    fit = (size_t)multiprocessors * resident;
  }
  *thread_blocks = (unsigned)(wanted < fit ? wanted : fit);
  return cudaSuccess;
}

bool
is_aligned(const void *place)
{
  return (uintptr_t)place % KV_COPY_VECTOR_BYTES == 0;
}

template <Direction direction>
cudaError_t
launch(const KvLayout *layout, char *pool, const int32_t *block_list, size_t num_blocks,
       char *buffer, unsigned max_thread_blocks, cudaStream_t stream)
{
  if (!kv_layout_is_valid(layout))
    return cudaErrorInvalidValue;
  if (!is_aligned(pool) || !is_aligned(buffer))
    return cudaErrorMisalignedAddress;
  if (num_blocks == 0)
    return cudaSuccess;

  const uint32_t piece_vectors = (uint32_t)(layout->piece_bytes / KV_COPY_VECTOR_BYTES);
  const uint32_t piece_tiles = (piece_vectors - 1) / TILE_VECTORS + 1;
  const Copy copy = {
      .pool = pool,
      .buffer = buffer,
      .block_list = block_list,
      .block_stride_bytes = layout->block_stride_bytes,
      .piece_stride_bytes = layout->piece_stride_bytes,
      .piece_bytes = layout->piece_bytes,
      .buffer_block_bytes = kv_layout_buffer_block_bytes(layout),
      .num_tiles = num_blocks * layout->num_pieces * piece_tiles,
      .num_pieces = layout->num_pieces,
      .piece_vectors = piece_vectors,
      .piece_tiles = piece_tiles,
  };
  unsigned thread_blocks;
  cudaError_t status =
      choose_thread_blocks<direction>(copy.num_tiles, max_thread_blocks, &thread_blocks);
  if (status != cudaSuccess)
    return status;
  return device_launch(copy_blocks<direction>, thread_blocks, THREADS, 0, stream, copy);
}

} // namespace

int
kv_gather(const KvLayout *layout, const void *pool, const int32_t *block_list, size_t num_blocks,
          void *buffer, unsigned max_thread_blocks, struct CUstream_st *stream)
{
  return launch<GATHER>(layout, (char *)pool, block_list, num_blocks, (char *)buffer,
                        max_thread_blocks, stream);
}

int
kv_scatter(const KvLayout *layout, void *pool, const int32_t *block_list, size_t num_blocks,
           const void *buffer, unsigned max_thread_blocks, struct CUstream_st *stream)
{
  return launch<SCATTER>(layout, (char *)pool, block_list, num_blocks, (char *)buffer,
                         max_thread_blocks, stream);
}
