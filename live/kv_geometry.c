#include "kv_geometry.h"

/* K, or V, of one layer in one block: elements. */
static gsize
part_elements(const KvGeometry *g)
{
  return (gsize)g->kv_heads * g->block_size * g->head_dim;
}

KvGeometry
kv_geometry_of_model(const Model *model, KvForm form, guint32 block_size, guint32 num_blocks,
                     guint32 element_bytes)
{
  return (KvGeometry){
      .form = form,
      .layers = model->layers,
      .kv_heads = model->kv_heads,
      .head_dim = model->head_dim,
      .block_size = block_size,
      .num_blocks = num_blocks,
      .element_bytes = element_bytes,
  };
}

gsize
kv_geometry_block_bytes(const KvGeometry *g)
{
  return 2 * (gsize)g->layers * part_elements(g) * g->element_bytes;
}

gsize
kv_geometry_pool_bytes(const KvGeometry *g)
{
  return kv_geometry_block_bytes(g) * g->num_blocks;
}

gboolean
kv_geometry_layout(const KvGeometry *g, KvLayout *layout)
{
  gsize part_bytes = part_elements(g) * g->element_bytes;

  if (g->form == KV_BY_LAYER)
    *layout = (KvLayout){
        .block_stride_bytes = part_bytes,
        .piece_stride_bytes = part_bytes * g->num_blocks,
        .piece_bytes = part_bytes,
        .num_pieces = 2 * g->layers,
    };
  else
    *layout = (KvLayout){
        .block_stride_bytes = kv_geometry_block_bytes(g),
        .piece_stride_bytes = kv_geometry_block_bytes(g),
        .piece_bytes = kv_geometry_block_bytes(g),
        .num_pieces = 1,
    };
  return kv_layout_is_valid(layout);
}

PagedKv
kv_geometry_layer(const KvGeometry *g, void *pool, guint32 layer)
{
  gsize part_bytes = part_elements(g) * g->element_bytes;
  gboolean by_layer = g->form == KV_BY_LAYER;
  gsize between_parts = by_layer ? part_bytes * g->num_blocks : part_bytes;
  char *k = pool != NULL ? (char *)pool + 2 * layer * between_parts : NULL; /* no blocks: no pool */

  return (PagedKv){
      .k = k,
      .v = pool != NULL ? k + between_parts : NULL,
      .block_stride = by_layer ? part_elements(g) : 2 * g->layers * part_elements(g),
      .head_stride = (gsize)g->block_size * g->head_dim,
      .token_stride = g->head_dim,
      .block_size = g->block_size,
      .kv_heads = g->kv_heads,
      .head_dim = g->head_dim,
  };
}
