/* The states that the prefix cache keeps, and what kernels mean for them and for blocks beside
 * them.
 *
 * state_kernels_find() is the one rule by version, card and kernel: engines' defaults say the
 * alignment by it, kv_groups_use_kernels() takes what is more where states are kept.
 *
 * A block beside states is a multiple of what attention's kernels want: of a block as it would be
 * without states from vLLM 0.20 on, and with latent attention from 0.27 on of at least 128 tokens;
 * before by the kernels that were known then, those of latent attention and, from 0.11 to 0.17,
 * FlashInfer's on Blackwell with heads of 256. Source: models/config.py up to 0.19, since then
 * _align_hybrid_block_size() of platforms/interface.py.
 *
 * A kernel that can leave a state within a step spares a prefill a step of its own for the last
 * kept state. Mamba 2's can since vLLM 0.32, the gated delta rule's since 0.33 where they are
 * FlashInfer's, which needs blocks of multiples of 64 tokens; all recurrent layers of the model
 * have to. Source: get_prefill_checkpoint_alignment and _resolve_gdn_prefill_backend of these
 * versions, with the CUDA 13 that they are shipped for.
 */
#include "sim/kv_groups.h"

enum {
  PLAIN_TOKENS = 16,
  LATENT_TOKENS = 64,        /* from 0.11 to 0.19 */
  LATENT_LEAST_TOKENS = 128, /* from 0.27 on */
  BLACKWELL_TOKENS = 32,     /* of heads of BLACKWELL_HEAD */
  BLACKWELL_HEAD = 256,
  INNER_TOKENS = 64, /* of the gated delta rule with keys of INNER_KEY */
  INNER_KEY = 128,
};

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
         ((major == 10 || major == 12) && mixer->head_dim == INNER_KEY);
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
    return INNER_TOKENS;
  return 0;
}

static guint32
attention_alignment(const Model *model, guint32 block_size, guint version,
                    double compute_capability)
{
  gboolean latent = model != NULL && model_latent_layers(model) > 0;

  if (version >= 20)
    return MAX(block_size, latent && version >= 27 ? LATENT_LEAST_TOKENS : PLAIN_TOKENS);
  if (version < 11)
    return PLAIN_TOKENS;
  if (latent)
    return LATENT_TOKENS;
  return version < 18 && (guint)compute_capability == 10 && model != NULL &&
                 model->head_dim == BLACKWELL_HEAD
             ? BLACKWELL_TOKENS
             : PLAIN_TOKENS;
}

StateKernels
state_kernels_find(const Model *model, guint32 block_size, guint version, double compute_capability)
{
  guint32 alignment = attention_alignment(model, block_size, version, compute_capability), most = 0;
  StateKernels found = {.alignment = alignment, .kept_alignment = alignment};

  for (guint i = 0; model != NULL && i < model->n_kinds; i++) {
    const Mixer *mixer = &model->kinds[i].mixer;
    guint32 its = mixer->kind == MIXER_RECURRENT
                      ? inner_alignment(mixer, version, compute_capability)
                      : G_MAXUINT32;
    if (its == 0)
      return found;
    if (its < G_MAXUINT32)
      most = MAX(most, its);
  }
  if (most == 0)
    return found;
  found.inner_states = TRUE;
  found.kept_alignment = alignment / common_divisor(alignment, most) * most;
  return found;
}

/* Makes blocks as long as the next multiple of the alignment. */
static void
align_blocks(KvGroups *groups, guint32 alignment)
{
  guint32 tokens = kv_groups_state_tokens(groups);
  guint32 aligned = (tokens + alignment - 1) / alignment * alignment;

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
  StateKernels kernels = state_kernels_find(model, block_size, version, compute_capability);

  if (kv_groups_state_tokens(groups) == 0)
    return;
  groups->inner_states = kernels.inner_states;
  align_blocks(groups, kernels.kept_alignment);
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
