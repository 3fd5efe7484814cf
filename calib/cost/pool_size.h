/* The sizes of the KV pools, as vLLM finds them:
 *
 *   GPU blocks  = (memory x utilization - weights - activation peak) / bytes a block
 *   host blocks = swap space / bytes a block
 *
 * each per device of a tensor-parallel group: weights are split, and so are KV heads while there
 * are enough of them.
 */
#pragma once

#include "calib/devices/device.h"
#include "sim/model.h"

#define POOL_SIZE_ERROR (pool_size_error_quark())
GQuark pool_size_error_quark(void);
/* Weights and activations leave no room for a single block. */
typedef enum { POOL_SIZE_ERROR_MEMORY } PoolSizeError;

typedef struct {
  const Device *device;
  const Model *model;
  double utilization; /* of the device's memory, 0 to 1 */
  guint32 block_size; /* tokens */
  guint32 tensor_parallel_size;
  guint32 max_num_batched_tokens;
  guint32 max_num_seqs;
} PoolSizeRequest;

typedef struct {
  guint64 usable_bytes; /* memory x utilization */
  guint64 weight_bytes; /* on one device */
  guint64 activation_bytes;
  guint64 block_bytes;
  guint32 num_gpu_blocks;
} PoolSize;

gboolean pool_size_find(const PoolSizeRequest *request, PoolSize *pool, GError **error);

/* KV bytes of one block on one device: KV heads are split, and repeated when there are fewer of
 * them than devices. */
guint64 pool_block_bytes(const Model *model, guint32 block_size, guint32 tensor_parallel_size);

/* Blocks that `bytes` hold (of KV memory or of swap space), at most G_MAXUINT32. */
guint32 pool_blocks(guint64 bytes, guint64 block_bytes);

/* The most that a step's intermediate results take on one device: the widest point of the
 * feed-forward part over a full batch, and the logits of every sequence in 32 bits. */
guint64 pool_activation_bytes(const Model *model, guint32 max_num_batched_tokens,
                              guint32 max_num_seqs, guint32 tensor_parallel_size);
