/* The sizes of the KV pools, as vLLM finds them:
 *
 *   GPU blocks  = (memory x utilization - weights - activation peak - what is not PyTorch's
 *                  - CUDA graphs, where the version counts them) / bytes a block
 *   host blocks = swap space / bytes a block
 *
 * each per device of a tensor-parallel group: weights are split, and so are KV heads while there
 * are enough of them. server_memory.h has the parts in the middle.
 */
#pragma once

#include "server_memory.h"

#define POOL_SIZE_ERROR (pool_size_error_quark())
GQuark pool_size_error_quark(void);
/* Weights and activations leave no room for a single block. */
typedef enum { POOL_SIZE_ERROR_MEMORY } PoolSizeError;

typedef struct {
  ServerSetup server;
  double utilization; /* of the device's memory, 0 to 1 */
  guint32 block_size; /* tokens */
} PoolSizeRequest;

typedef struct {
  guint64 usable_bytes; /* memory x utilization */
  guint64 weight_bytes; /* on one device, as it is allocated */
  ServerMemory server;
  guint64 kv_bytes; /* what is left of the usable; 0: nothing is */
  guint64 block_bytes;
  guint32 num_gpu_blocks;
} PoolSize;

/* FALSE where not one block is left; *pool has the sum all the same. */
gboolean pool_size_find(const PoolSizeRequest *request, PoolSize *pool, GError **error);

/* KV bytes of one block of so many tokens in all layers, on one device: KV heads are split, and
 * repeated when there are fewer of them than devices. Layers of several kinds are kept in groups
 * (sim/kv_groups.h), whose padding counts. */
guint64 pool_block_bytes(const Model *model, guint32 block_size, guint32 tensor_parallel_size);
/* The same on a rank of the stage of a pipeline that has the most layers. */
guint64 pool_stage_block_bytes(const Model *model, guint32 block_size, guint32 tensor_parallel_size,
                               guint32 stages);
/* What the tokens that a log names hang on beside the memory. */
typedef struct {
  guint32 max_model_len; /* at least 1 */
  gboolean caches_states;
} PoolLogTerms;
/* The tokens that vLLM's log names for so much KV memory ("GPU KV cache size"). From 0.21 on: the
 * longest requests that fit at once, times their length. Before, of layers of several kinds: the
 * blocks, split evenly among the groups, times the smallest block's tokens. */
guint64 pool_logged_tokens(const PoolSizeRequest *request, const PoolLogTerms *terms,
                           guint64 kv_bytes);

/* Blocks that `bytes` hold (of KV memory or of swap space), at most G_MAXUINT32. */
guint32 pool_blocks(guint64 bytes, guint64 block_bytes);
