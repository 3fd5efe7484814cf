/* Groups of layers that share a pool of KV blocks: vLLM's hybrid manager.
 *
 * Layers of one kind (the whole context, a window, chunks, a recurrent state) form groups of
 * equally many layers. The kind with the fewest layers sets how many, or the kind with the most, if
 * that has less than a quarter more; a kind with more layers has several groups, the last one
 * padded. A block is one page in each of a group's layers, so any group can take any block. Pages
 * are made equal: a kind whose tokens are small has more tokens a block, a state takes one page a
 * sequence. A model whose layers are all of one kind has one group, whatever their heads.
 *
 * A sequence of n tokens holds, in each group: of the whole context, all its blocks; of a window of
 * w, those of its last w - 1 tokens and the one being filled; of chunks, those since the last
 * multiple of w; of a state, one. Where a prefix cache keeps states, it has one behind every so
 * many tokens (vLLM's mamba_cache_mode "align"), and a step that passes such a point holds two: the
 * state that it begins with and the one that it ends with. Kernels that can leave a state within a
 * step spare prefills a step of their own for the last kept state: their last step holds that, too.
 * Source: vLLM 0.11 to 0.33, v1/core/kv_cache_utils.py and single_type_kv_cache_manager.py.
 */
#pragma once

#include "model.h"

typedef enum { KV_WHOLE, KV_WINDOW, KV_CHUNKS, KV_STATE } KvKind;

typedef struct {
  KvKind kind;
  guint32 layers; /* of this kind, over all its groups */
  guint32 groups;
  guint32 window;       /* tokens; 0 for the whole context and for states */
  guint32 block_tokens; /* that a block holds; of states: from one that the prefix cache keeps to
                           the next, 0 where it keeps none */
} KvGroupKind;

enum { KV_GROUP_KINDS = 8 };

typedef struct {
  guint n_kinds;
  KvGroupKind kinds[KV_GROUP_KINDS];
  guint32 n_groups;      /* over all kinds */
  guint32 group_layers;  /* layers that a group has room for */
  guint32 block_tensors; /* tensors that a block has a part of */
  guint64 page_bytes;    /* of one layer in one block, on one rank */
  guint64 block_bytes; /* page_bytes x group_layers; with one kind of layers, that of all of them */
  guint32 draft_tokens;   /* that a server foresees; each takes a state beside a sequence's own */
  gboolean inner_states;  /* kernels leave a prefill's last kept state within its last step */
  gboolean is_compressed; /* an entry is of several tokens: a layer's page is one of each size */
} KvGroups;

/* The greatest common divisor; that of a and 0 is a. */
static inline guint32
common_divisor(guint32 a, guint32 b)
{
  while (b != 0) {
    guint32 rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/* The groups on one of `tp` ranks, with blocks of at least block_size tokens. FALSE if the model
 * has neither KV nor states, or more than KV_GROUP_KINDS kinds. */
gboolean kv_groups_find(const Model *model, guint32 block_size, guint32 tp, KvGroups *groups);
/* The same of a model whose layers are all compressed (kv_groups_compressed.c), which fixes how
 * many tokens a block of each group holds. */
gboolean kv_groups_find_compressed(const Model *model, KvGroups *groups);

/* Lets the prefix cache keep states, as far apart as the blocks of the whole context are long.
 * FALSE if there are states and no group has the whole context. */
gboolean kv_groups_keep_states(KvGroups *groups);
/* What the kernels of a server mean for blocks beside recurrent states. */
typedef struct {
  guint32 alignment;      /* a block of attention's KV is a multiple of so many tokens */
  guint32 kept_alignment; /* the same where the prefix cache keeps states */
  gboolean inner_states;  /* recurrent layers can leave a state within a step */
} StateKernels;

/* Under vLLM 0.`version` (0: another engine) on a card of that compute capability (0: none is
 * known), with the engine's blocks of block_size tokens; model may be NULL. */
StateKernels state_kernels_find(const Model *model, guint32 block_size, guint version,
                                double compute_capability);
/* After kv_groups_keep_states(): what the kernels change where states are kept. */
void kv_groups_use_kernels(KvGroups *groups, const Model *model, guint32 block_size, guint version,
                           double compute_capability);
/* TRUE if some layers have recurrent states. */
gboolean kv_groups_have_states(const KvGroups *groups);
/* The most tokens that a block of a group holds. */
guint32 kv_groups_longest_block(const KvGroups *groups);
/* Tokens from one kept state to the next, at which prefills are cut; 0 where none is kept. */
guint32 kv_groups_state_tokens(const KvGroups *groups);

/* TRUE if there is one kind, with the whole context: a sequence's blocks are its tokens'. */
gboolean kv_groups_is_plain(const KvGroups *groups);
/* Blocks that a sequence of so many tokens holds, over all groups. */
guint64 kv_groups_sequence_blocks(const KvGroups *groups, guint64 tokens);
/* Leading blocks of one group that a step after `computed` tokens does not need. */
guint64 kv_group_gone_blocks(const KvGroupKind *kind, guint64 computed);
/* Blocks that a sequence holds, over all groups, in a step that takes it from `computed` tokens to
 * `tokens`. When the step begins the sequence gives back what a step after `settled` tokens, those
 * that no step in flight computes, does not need, and takes the blocks of all new tokens. */
guint64 kv_groups_step_blocks(const KvGroups *groups, guint64 settled, guint64 computed,
                              guint64 tokens);
/* TRUE if a step from `computed` tokens to `tokens` that ends a prefill of prefill_end tokens
 * leaves a state at the last point within it at which one is kept
 * (is_mamba_prefill_checkpoint_valid). */
gboolean kv_groups_leaves_inner_state(const KvGroups *groups, guint64 computed, guint64 tokens,
                                      guint64 prefill_end);
/* Blocks of such states, beside kv_groups_step_blocks(), that a sequence holds in that step. */
guint64 kv_groups_inner_blocks(const KvGroups *groups, guint64 settled, guint64 computed,
                               guint64 tokens, guint64 prefill_end);
/* Blocks that the gate asks for to admit a sequence of `tokens` tokens that has none: of a window
 * at most what it holds at its widest, with step_tokens in flight, of a state the one at its end.
 */
guint64 kv_groups_admission_blocks(const KvGroups *groups, guint64 tokens, guint64 step_tokens);
/* A sequence decodes one token a step, with `lag` of them in flight: the first number of computed
 * tokens beyond `computed` with which a step takes or gives back a block; G_MAXUINT64 / 2 where
 * nothing changes any more. */
guint64 kv_groups_next_change(const KvGroups *groups, guint64 computed, guint32 lag);
/* With so many tokens more what such a sequence takes and gives back in a step is the same again,
 * with the number of computed tokens of the second on from `computed` up to it; G_MAXUINT64: for
 * good. */
guint64 kv_groups_period(const KvGroups *groups);
guint64 kv_groups_alike_until(const KvGroups *groups, guint64 computed, guint32 lag);
/* The most blocks that a sequence holds on its way to `tokens`, in steps of at most step_tokens
 * (vLLM's max_admission_blocks_per_request). It never falls with more tokens. */
guint64 kv_groups_most_blocks(const KvGroups *groups, guint64 tokens, guint64 step_tokens);
/* An upper bound of the blocks that `n` sequences of `tokens` tokens in sum hold, in steps of one
 * token. */
guint64 kv_groups_bound_blocks(const KvGroups *groups, guint64 n, guint64 tokens);
/* Blocks of a sequence of `longest` tokens as vLLM counts them when it starts and logs how many
 * requests fit its pool (max_memory_usage_bytes): two a state where states are kept, else one, and
 * one more for each token that is drafted. */
guint64 kv_groups_planned_blocks(const KvGroups *groups, guint64 longest, guint64 step_tokens);
/* The longest sequence, at most `longest`, for which `blocks` blocks suffice. */
guint64 kv_groups_longest(const KvGroups *groups, guint64 blocks, guint64 step_tokens,
                          guint64 longest);
/* Tokens that vLLM's start-up log names for a pool: blocks / groups x tokens of the smallest
 * block. */
guint64 kv_groups_tokens(const KvGroups *groups, guint64 blocks);
