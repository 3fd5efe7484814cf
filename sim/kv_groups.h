/* How a server keeps the KV of layers that need different things: vLLM's hybrid manager.
 *
 * Layers of one kind (the whole context, a window, chunks, a recurrent state) make groups of
 * equally many layers; the smallest kind sets how many, unless the largest has less than a quarter
 * more, and a kind with more layers has several groups, padded. A block is one page in each of a
 * group's layers, so that any group can take any block; pages are made alike by giving a kind with
 * small ones more tokens a block, and one with a state one page a sequence. All layers alike in
 * kind make one group, whatever their heads.
 *
 * A sequence of n tokens holds, in each group: of the whole context, all its blocks; of a window of
 * w, those of its last w - 1 tokens and the one being filled; of chunks, those since the last
 * multiple of w; of a state, one. Source: vLLM 0.11 to 0.19, v1/core/kv_cache_utils.py and
 * single_type_kv_cache_manager.py.
 */
#pragma once

#include "model.h"

typedef enum { KV_WHOLE, KV_WINDOW, KV_CHUNKS, KV_STATE } KvKind;

typedef struct {
  KvKind kind;
  guint32 layers; /* of this kind, over all its groups */
  guint32 groups;
  guint32 window;       /* tokens; 0 for the whole context and for states */
  guint32 block_tokens; /* that a block of such a group holds; 0 for states */
} KvGroupKind;

enum { KV_GROUP_KINDS = 8 };

typedef struct {
  guint n_kinds;
  KvGroupKind kinds[KV_GROUP_KINDS];
  guint32 n_groups;     /* over all kinds */
  guint32 group_layers; /* layers that a group has room for */
  guint64 page_bytes;   /* of one layer in one block, on one rank */
  guint64 block_bytes; /* of a block: page_bytes x group_layers; all layers' where they are alike */
} KvLayout;

/* Of one of `tp` ranks, with blocks of at least block_size tokens. FALSE if the model has no KV and
 * no state, or more kinds than are known. */
gboolean kv_layout_find(const Model *model, guint32 block_size, guint32 tp, KvLayout *layout);

/* Blocks that a sequence of so many tokens holds, over all groups. */
guint64 kv_layout_sequence_blocks(const KvLayout *layout, guint64 tokens);
/* Tokens that vLLM's start-up log names for a pool: blocks / groups x tokens of the smallest
 * block. */
guint64 kv_layout_tokens(const KvLayout *layout, guint64 blocks);
