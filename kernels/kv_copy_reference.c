/* KV copies on the CPU: the kernels' reference, and the CPU executor's copies. */
#include "kernels/kv_copy.h"

#include <string.h>

bool
kv_layout_is_valid(const KvLayout *layout)
{
  return layout->num_pieces > 0 && layout->piece_bytes > 0 &&
         layout->piece_bytes / KV_COPY_VECTOR_BYTES <= UINT32_MAX &&
         layout->piece_bytes % KV_COPY_VECTOR_BYTES == 0 &&
         layout->piece_stride_bytes % KV_COPY_VECTOR_BYTES == 0 &&
         layout->block_stride_bytes % KV_COPY_VECTOR_BYTES == 0 &&
         layout->buffer_block_bytes % KV_COPY_VECTOR_BYTES == 0 &&
         kv_layout_buffer_block_bytes(layout) >= layout->num_pieces * layout->piece_bytes;
}

static size_t
piece_offset_bytes(const KvLayout *layout, int32_t block, uint32_t piece)
{
  return (size_t)block * layout->block_stride_bytes + piece * layout->piece_stride_bytes;
}

static size_t
buffer_offset_bytes(const KvLayout *layout, size_t listed_block, uint32_t piece)
{
  return listed_block * kv_layout_buffer_block_bytes(layout) + piece * layout->piece_bytes;
}

void
kv_gather_reference(const KvLayout *layout, const void *pool, const int32_t *block_list,
                    size_t num_blocks, void *buffer)
{
  for (size_t i = 0; i < num_blocks; i++)
    for (uint32_t piece = 0; piece < layout->num_pieces; piece++)
      memcpy((char *)buffer + buffer_offset_bytes(layout, i, piece),
             (const char *)pool + piece_offset_bytes(layout, block_list[i], piece),
             layout->piece_bytes);
}

void
kv_scatter_reference(const KvLayout *layout, void *pool, const int32_t *block_list,
                     size_t num_blocks, const void *buffer)
{
  for (size_t i = 0; i < num_blocks; i++)
    for (uint32_t piece = 0; piece < layout->num_pieces; piece++)
      memcpy((char *)pool + piece_offset_bytes(layout, block_list[i], piece),
             (const char *)buffer + buffer_offset_bytes(layout, i, piece), layout->piece_bytes);
}

void
kv_copy_list_pieces(const KvLayout *layout, const void *pool, const int32_t *block_list,
                    size_t num_blocks, const void *buffer, void **in_pool, void **in_buffer)
{
  size_t listed = 0;

  for (size_t i = 0; i < num_blocks; i++)
    for (uint32_t piece = 0; piece < layout->num_pieces; piece++, listed++) {
      in_pool[listed] = (char *)pool + piece_offset_bytes(layout, block_list[i], piece);
      in_buffer[listed] = (char *)buffer + buffer_offset_bytes(layout, i, piece);
    }
}

const char *
kv_copy_method_name(KvCopyMethod method)
{
  static const char *const names[KV_COPY_NUM_METHODS] = {
      [KV_COPY_PIECES] = "pieces",
      [KV_COPY_BATCH] = "batch",
      [KV_COPY_KERNEL] = "kernel",
      [KV_COPY_STAGED] = "staged",
  };

  return names[method];
}
