/* The states that the prefix cache keeps, and what the kernels of recurrent layers mean for them.
 *
 * A kernel that can leave a state within a step spares a prefill a step of its own for the last
 * kept state. Mamba 2's can since vLLM 0.32, the gated delta rule's since 0.33 where they are
 * FlashInfer's, which needs blocks of multiples of 64 tokens; all recurrent layers of the model
 * have to. Source: get_prefill_checkpoint_alignment, _resolve_gdn_prefill_backend and
 * _align_hybrid_block_size of these versions, with the CUDA 13 that they are shipped for.
 */
#include "sim/kv_groups.h"

enum { FLASHINFER_ALIGNMENT = 64, FLASHINFER_KEY = 128 };

gboolean
kv_groups_keep_states(KvGroups *groups)
{
  guint32 tokens = 0;
  gboolean states = FALSE;

  for (guint i = 0; i < groups->n_kinds; i++)
    if (groups->kinds[i].kind == KV_WHOLE)
      tokens = MAX(tokens, groups->kinds[i].block_tokens);
  for (guint i = 0; i < groups->n_kinds; i++) {
    if (groups->kinds[i].kind != KV_STATE)
      continue;
    groups->kinds[i].block_tokens = tokens;
    states = TRUE;
  }
  return !states || tokens > 0;
}

static gboolean
has_flashinfer_delta(const Mixer *mixer, double compute_capability)
{
  guint major = (guint)compute_capability;

  return compute_capability == 9.0 ||
         ((major == 10 || major == 12) && mixer->head_dim == FLASHINFER_KEY);
}

/* Tokens of which blocks are multiples where the layer leaves states within steps; 0: it does not.
 */
static guint32
inner_alignment(const Mixer *mixer, guint version, double compute_capability)
{
  if (mixer->recurrent == RECURRENT_MAMBA2)
    return version >= 32 ? 1 : 0;
  if (mixer->recurrent == RECURRENT_DELTA && version >= 33 &&
      has_flashinfer_delta(mixer, compute_capability))
    return FLASHINFER_ALIGNMENT;
  return 0;
}

/* Makes blocks as long as the first multiple of block_size and of the alignment. */
static void
align_blocks(KvGroups *groups, guint32 block_size, guint32 alignment)
{
  guint32 step = block_size / common_divisor(block_size, alignment) * alignment;
  guint32 tokens = kv_groups_state_tokens(groups);
  guint32 aligned = (tokens + step - 1) / step * step;

  groups->page_bytes = groups->page_bytes / tokens * aligned;
  groups->block_bytes = groups->page_bytes * groups->group_layers;
  for (guint i = 0; i < groups->n_kinds; i++)
    groups->kinds[i].block_tokens =
        (guint32)((guint64)groups->kinds[i].block_tokens * aligned / tokens);
}

void
kv_groups_use_kernels(KvGroups *groups, const Model *model, guint32 block_size, guint version,
                      double compute_capability)
{
  guint32 alignment = 1;

  if (kv_groups_state_tokens(groups) == 0)
    return;
  for (guint i = 0; i < model->n_kinds; i++) {
    const Mixer *mixer = &model->kinds[i].mixer;
    guint32 its =
        mixer->kind == MIXER_RECURRENT ? inner_alignment(mixer, version, compute_capability) : 1;
    if (its == 0)
      return;
    alignment = MAX(alignment, its);
  }
  groups->inner_states = TRUE;
  if (alignment > 1)
    align_blocks(groups, block_size, alignment);
}

gboolean
kv_groups_leaves_inner_state(const KvGroups *groups, guint64 computed, guint64 tokens,
                             guint64 prefill_end)
{
  guint64 every = groups->inner_states ? kv_groups_state_tokens(groups) : 0;

  return every > 0 && tokens >= prefill_end && computed % every == 0 &&
         (tokens - 1) / every * every >= computed + every;
}

guint64
kv_groups_inner_blocks(const KvGroups *groups, guint64 settled, guint64 computed, guint64 tokens,
                       guint64 prefill_end)
{
  guint64 states = 0;
  guint steps = kv_groups_leaves_inner_state(groups, settled, computed, prefill_end) +
                kv_groups_leaves_inner_state(groups, computed, tokens, prefill_end);

  for (guint i = 0; steps > 0 && i < groups->n_kinds; i++)
    if (groups->kinds[i].kind == KV_STATE)
      states += groups->kinds[i].groups;
  return states * steps;
}
