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
 * multiple of w; of a state, one. Where a prefix cache keeps states, it has one behind every so
 * many tokens (vLLM's mamba_cache_mode "align"), and a step that passes such a point holds two:
 * that which it begins with and that which it ends with. Source: vLLM 0.11 to 0.33,
 * v1/core/kv_cache_utils.py and single_type_kv_cache_manager.py.
 */
#pragma once

#include "model.h"

typedef enum { KV_WHOLE, KV_WINDOW, KV_CHUNKS, KV_STATE } KvKind;

typedef struct {
  KvKind kind;
  guint32 layers; /* of this kind, over all its groups */
  guint32 groups;
  guint32 window;       /* tokens; 0 for the whole context and for states */
  guint32 block_tokens; /* that a block of such a group holds; of states: from one that the prefix
                           cache keeps to the next, 0: it keeps none */
} KvGroupKind;

enum { KV_GROUP_KINDS = 8 };

typedef struct {
  guint n_kinds;
  KvGroupKind kinds[KV_GROUP_KINDS];
  guint32 n_groups;      /* over all kinds */
  guint32 group_layers;  /* layers that a group has room for */
  guint32 block_tensors; /* that a block has a part of */
  guint64 page_bytes;    /* of one layer in one block, on one rank */
  guint64 block_bytes; /* of a block: page_bytes x group_layers; all layers' where they are alike */
  gboolean is_compressed; /* an entry is of several tokens: a layer's page is one of each size */
} KvGroups;

/* Of one of `tp` ranks, with blocks of at least block_size tokens. FALSE if the model has no KV and
 * no state, or more kinds than are known. */
gboolean kv_groups_find(const Model *model, guint32 block_size, guint32 tp, KvGroups *groups);
/* The same of a model whose layers are all compressed (kv_groups_compressed.c), which fixes how many
 * tokens a block of each group holds. */
gboolean kv_groups_find_compressed(const Model *model, KvGroups *groups);

/* States are kept by the prefix cache, as far apart as the widest block is long. FALSE if there are
 * some, and no group has all of the context. */
gboolean kv_groups_keep_states(KvGroups *groups);
/* Tokens from one kept state to the next, at which prefills are cut; 0 where none is kept. */
guint32 kv_groups_state_tokens(const KvGroups *groups);

/* TRUE if every sequence holds all blocks of its tokens and nothing else: one kind of block to
 * count. */
gboolean kv_groups_is_plain(const KvGroups *groups);
/* Blocks that a sequence of so many tokens holds, over all groups. */
guint64 kv_groups_sequence_blocks(const KvGroups *groups, guint64 tokens);
/* Of one group, leading blocks that a step behind `computed` tokens does not need. */
guint64 kv_group_gone_blocks(const KvGroupKind *kind, guint64 computed);
/* The blocks of all in a step that takes it from `computed` tokens to `tokens`: what a step behind
 * the `settled` ones, which no step in flight computes, does not need is given back when it begins,
 * and room for all new tokens is taken then. */
guint64 kv_groups_step_blocks(const KvGroups *groups, guint64 settled, guint64 computed,
                              guint64 tokens);
/* Of a sequence that a token is added to in each step, with `lag` of them in flight: the first
 * number of computed tokens beyond `computed` with which a step takes or gives back a block. */
guint64 kv_groups_next_change(const KvGroups *groups, guint64 computed, guint32 lag);
/* The most that it holds on its way to `tokens`, in steps of at most step_tokens: vLLM's
 * max_admission_blocks_per_request. It never falls with more tokens. */
guint64 kv_groups_most_blocks(const KvGroups *groups, guint64 tokens, guint64 step_tokens);
/* Never less than `n` sequences of so many tokens in all hold in steps of one token. */
guint64 kv_groups_bound_blocks(const KvGroups *groups, guint64 n, guint64 tokens);
/* Of a sequence of `longest` tokens as a starting server counts them, for the requests that its
 * pool is said to have room for: of states two where they are kept, else one. */
guint64 kv_groups_planned_blocks(const KvGroups *groups, guint64 longest, guint64 step_tokens);
/* The longest sequence, up to `longest`, for which so many blocks suffice. */
guint64 kv_groups_longest(const KvGroups *groups, guint64 blocks, guint64 step_tokens,
                          guint64 longest);
/* Tokens that vLLM's start-up log names for a pool: blocks / groups x tokens of the smallest
 * block. */
guint64 kv_groups_tokens(const KvGroups *groups, guint64 blocks);
