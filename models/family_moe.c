/* Mixtures of experts over ordinary attention. */
#include "family.h"

#include <string.h>

/* Layers of which some have experts, the others a dense part of dense.width. */
static gboolean
add_layers(FamilyReader *f, const ExpertTraits *experts,
           gboolean (*is_sparse)(const FamilyReader *f, guint32 index), guint64 norm_elements)
{
  for (guint32 i = 0; i < f->layers; i++) {
    if (!family_set_attention_kind(f, i))
      return FALSE;
    layer_begin(&f->maker, i, norm_elements);
    layer_attention(&f->maker, &f->attention);
    if (is_sparse == NULL || is_sparse(f, i))
      layer_experts(&f->maker, experts);
    else
      layer_dense(&f->maker, &f->dense);
    layer_end(&f->maker);
  }
  return TRUE;
}

static gboolean
read_mixtral(FamilyReader *f)
{
  ExpertTraits experts = {.module = "block_sparse_moe", .experts = "experts.0.w1", .gated = TRUE};

  if (!family_read_frame(f) || !family_read_width(f) || !family_read_experts(f, &experts))
    return FALSE;
  experts.width = f->dense.width;
  return add_layers(f, &experts, NULL, 2 * (guint64)f->model->hidden);
}

/* decoder_sparse_step: every so many layers; mlp_only_layers: not these. */
static gboolean
is_qwen_sparse(const FamilyReader *f, guint32 index)
{
  const json_t *dense = config_get(&f->reader, "mlp_only_layers");
  gsize i;
  json_t *entry;

  json_array_foreach(dense, i,
                     entry) if (json_integer_value(entry) == (json_int_t)index) return FALSE;
  return (index + 1) % f->pattern == 0;
}

static gboolean
read_qwen_moe(FamilyReader *f, ExpertTraits *experts)
{
  *experts = (ExpertTraits){.module = "mlp", .experts = "experts.0.gate_proj", .gated = TRUE};
  if (!family_read_frame(f) || !family_read_experts(f, experts) ||
      !config_count(&f->reader, "moe_intermediate_size", CONFIG_MAX_FFN, &experts->width) ||
      !config_count_or(&f->reader, "decoder_sparse_step", CONFIG_MAX_LAYERS, 1, &f->pattern))
    return FALSE;
  f->attention.window = 0;
  return family_read_width(f);
}

static gboolean
read_qwen3_moe(FamilyReader *f)
{
  ExpertTraits experts;

  if (!read_qwen_moe(f, &experts) ||
      !config_flag_or(&f->reader, "attention_bias", FALSE, &f->attention.qkv_bias))
    return FALSE;
  f->attention.output_bias = f->attention.qkv_bias;
  f->attention.qk_norm = QK_NORM_HEAD;
  return add_layers(f, &experts, is_qwen_sparse, 2 * (guint64)f->model->hidden);
}

const Family families_moe[] = {
    {"mixtral", read_mixtral, FALSE},
    {"qwen3_moe", read_qwen3_moe, FALSE},
    {NULL, NULL, FALSE},
};
