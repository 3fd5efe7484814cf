#include "mixer_table.h"

#include "dtype.h"

#include <string.h>

enum { SHAPE_HEADS = 5 }; /* of the operations, the first field of the key */

AttentionKey
attention_key_of(const ProfileSample *sample, guint first)
{
  AttentionKey key = {.operation = (OperationKind)sample->operation,
                      .variant = sample->variant,
                      .dtype = sample->dtype};

  for (guint i = 0; i < G_N_ELEMENTS(key.shape) && first + i < OPERATION_SHAPE_MAX; i++)
    key.shape[i] = sample->shape[first + i];
  return key;
}

gint64
attention_key_window(const AttentionKey *key)
{
  return key->operation == OP_ATTENTION_WINDOW ? key->shape[3] : 0;
}

gboolean
attention_key_is_of(const AttentionKey *key, const ProfileSample *sample)
{
  return memcmp(sample->shape + SHAPE_HEADS, key->shape, sizeof key->shape) == 0 &&
         g_str_equal(sample->variant, key->variant) && g_str_equal(sample->dtype, key->dtype);
}

gboolean
attention_key_is_there(const Profile *profile, const AttentionKey *key)
{
  guint n;
  const ProfileSample *samples = profile_samples(profile, key->operation, &n);

  for (guint i = 0; i < n; i++)
    if (samples[i].shape[0] <= 1 && attention_key_is_of(key, &samples[i]))
      return TRUE;
  return FALSE;
}

/* Which of aiconfigurator's architectures a family's blocks of attention are. */
static const struct {
  const char *family, *architecture;
  guint32 hidden;
} blocks[] = {
    {"deepseek_v3", "DeepseekV3ForCausalLM", 7168},
    {"kimi_k2", "DeepseekV3ForCausalLM", 7168},
    {"deepseek_v32", "DeepseekV32ForCausalLM", 7168},
    {"glm_moe_dsa", "GlmMoeDsaForCausalLM", 6144},
    {"kimi_k3", "KimiK3ForConditionalGeneration", 7168},
    {"minimax_m3", "MiniMaxM3ForCausalLM", 6144},
    {"minimax_m3_vl", "MiniMaxM3ForCausalLM", 6144},
};

/* "block/ARCHITECTURE/DTYPE" of the layer's products, "…/shared" without an indexer of its own;
 * NULL where none is known. */
static char *
block_variant(const Model *model, const Layer *layer)
{
  for (guint i = 0; i < G_N_ELEMENTS(blocks) && layer->n_mixer_matrices > 0; i++)
    if (g_strcmp0(model->family, blocks[i].family) == 0 && model->hidden == blocks[i].hidden)
      return g_strdup_printf(
          ATTENTION_BLOCK "%s/%s%s", blocks[i].architecture, layer->matrices[0].format.name,
          layer->mixer.kind == MIXER_SPARSE && layer->mixer.index_heads == 0 ? ATTENTION_SHARED
                                                                             : "");
  return NULL;
}

/* Whether the profile has the variant in a dtype that serves. Takes the variant. */
static gboolean
try_variant(const Profile *profile, const Model *model, char *variant, MixerTable *table)
{
  g_free(table->variant);
  table->variant = variant;
  if (variant == NULL)
    return FALSE;
  table->key.variant = variant;
  table->key.dtype =
      dtype_serving(profile, table->key.operation, variant, dtype_of_attention(model));
  return table->key.dtype != NULL && attention_key_is_there(profile, &table->key);
}

/* Prefers the kernels of attention; else the block with its products. */
static gboolean
find_latent(const Profile *profile, const Model *model, const Layer *layer, guint32 tp,
            MixerTable *table)
{
  const Mixer *mixer = &layer->mixer;

  table->key = (AttentionKey){
      .operation = OP_MLA,
      .shape = {mixer->heads / tp, mixer->latent_dim, mixer->rope_dim, mixer->value_dim}};
  if (mixer->kind == MIXER_LATENT && try_variant(profile, model, g_strdup(""), table))
    return TRUE;
  if (mixer->kind == MIXER_SPARSE && mixer->index_heads > 0 &&
      try_variant(profile, model, g_strdup(MLA_SPARSE), table))
    return TRUE;
  table->has_products = try_variant(profile, model, block_variant(model, layer), table);
  return table->has_products;
}

/* Likewise with KV heads. */
static gboolean
find_sparse(const Profile *profile, const Model *model, const Layer *layer, guint32 tp,
            MixerTable *table)
{
  const Mixer *mixer = &layer->mixer;

  table->key = (AttentionKey){
      .operation = OP_ATTENTION_SPARSE,
      .shape = {mixer->heads / tp, MAX(1, mixer->kv_heads / tp), mixer->head_dim, mixer->window}};
  if (try_variant(profile, model, g_strdup(""), table))
    return TRUE;
  table->has_products = try_variant(profile, model, block_variant(model, layer), table);
  return table->has_products;
}

gboolean
mixer_table_find(const Profile *profile, const Model *model, const Layer *layer, guint32 tp,
                 MixerTable *table)
{
  const Mixer *mixer = &layer->mixer;
  gboolean slides = mixer->kind == MIXER_SLIDING;

  if (mixer->latent_dim > 0)
    return find_latent(profile, model, layer, tp, table);
  if (mixer->kind == MIXER_SPARSE)
    return find_sparse(profile, model, layer, tp, table);
  if ((mixer->kind != MIXER_FULL && !slides) || mixer->head_dim != mixer->value_dim)
    return FALSE;
  table->key = (AttentionKey){.operation = slides ? OP_ATTENTION_WINDOW : OP_ATTENTION,
                              .shape = {mixer->heads / tp, MAX(1, mixer->kv_heads / tp),
                                        mixer->head_dim, slides ? mixer->window : 0}};
  return try_variant(profile, model, g_strdup(""), table);
}

void
mixer_table_clear(MixerTable *table)
{
  g_clear_pointer(&table->variant, g_free);
}
