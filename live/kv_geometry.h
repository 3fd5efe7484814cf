/* Where the KV of a pool lies: K and V of every layer, in blocks, in one of two forms.
 *
 *   KV_BY_LAYER  [layer][K, V][block][kv_head][token][dim]   each layer its own pool (vLLM)
 *   KV_BY_BLOCK  [block][layer][K, V][kv_head][token][dim]   all layers of a block together
 *
 * A block is copied as pieces: of the first form one a layer and K or V, of the second a single
 * one. On the host blocks are always packed, block_bytes each, so that they look alike from both.
 */
#pragma once

#include "kernels/kv_copy.h"
#include "kernels/paged_kv.h"
#include "sim/model.h"

typedef enum { KV_BY_LAYER, KV_BY_BLOCK } KvForm;

typedef struct {
  KvForm form;
  guint32 layers, kv_heads, head_dim, block_size;
  guint32 num_blocks;
  guint32 element_bytes;
} KvGeometry;

/* The geometry of a model's KV. */
KvGeometry kv_geometry_of_model(const Model *model, KvForm form, guint32 block_size,
                                guint32 num_blocks, guint32 element_bytes);
/* Bytes of one block (all layers, K and V), and of the whole pool. */
gsize kv_geometry_block_bytes(const KvGeometry *geometry);
gsize kv_geometry_pool_bytes(const KvGeometry *geometry);
/* The pool's layout for kv_gather() and kv_scatter(). FALSE if a piece is no multiple of
 * KV_COPY_VECTOR_BYTES. */
gboolean kv_geometry_layout(const KvGeometry *geometry, KvLayout *layout);
/* One layer of the pool at `pool`, as attention reads it. */
PagedKv kv_geometry_layer(const KvGeometry *geometry, void *pool, guint32 layer);
