/* Layers that differ from each other in a list's own numbers: Llama pruned layer by layer
 * (Nemotron-NAS, DeciLM; `block_configs` says what each block has), and Laguna, whose layers with a
 * window have more heads (`num_attention_heads_per_layer`). */
#include "family.h"

/* 2/3 of the factor times the hidden width, rounded up to a multiple of 256. */
static guint32
pruned_width(double factor, guint32 hidden)
{
  guint32 width = (guint32)(2 * factor * hidden / 3);

  return (width + 255) / 256 * 256;
}

static gboolean
is_left_out(const json_t *part)
{
  return json_is_true(json_object_get(part, "no_op"));
}

static gboolean
add_block(FamilyReader *f, guint32 index, const json_t *block)
{
  const json_t *attention = json_object_get(block, "attention");
  const json_t *ffn = json_object_get(block, "ffn");
  const json_t *factor = json_object_get(ffn, "ffn_mult");
  json_int_t group = json_integer_value(json_object_get(attention, "n_heads_in_group"));
  double width = json_is_number(factor) ? json_number_value(factor) : 0;
  guint64 hidden = f->model->hidden;

  if (json_is_integer(json_object_get(attention, "window_length")))
    return config_refuse_value(&f->reader, "block_configs", attention, "no \"window_length\"");
  if (json_is_true(json_object_get(attention, "replace_with_linear")) ||
      json_is_true(json_object_get(ffn, "replace_with_linear")))
    return config_refuse_value(&f->reader, "block_configs", block,
                               "no part that is replaced by a linear one");
  layer_begin(&f->maker, index, 0);
  if (!is_left_out(attention)) {
    if (group < 1 || f->attention.heads % group != 0)
      return config_refuse_value(&f->reader, "block_configs", attention,
                                 "an \"n_heads_in_group\" that divides the heads, or \"no_op\"");
    f->attention.kv_heads = (guint32)(f->attention.heads / group);
    layer_attention(&f->maker, &f->attention);
    f->maker.layer.vectors += hidden;
  }
  if (!is_left_out(ffn)) {
    if (!(width > 0 && width < 64))
      return config_refuse_value(&f->reader, "block_configs", ffn, "an \"ffn_mult\", or \"no_op\"");
    f->dense.width = pruned_width(width, f->model->hidden);
    layer_dense(&f->maker, &f->dense);
    f->maker.layer.vectors += hidden;
  }
  layer_end(&f->maker);
  return TRUE;
}

static gboolean
read_puzzle(FamilyReader *f)
{
  const json_t *blocks;

  if (!family_read_frame(f))
    return FALSE;
  blocks = config_get(&f->reader, "block_configs");
  if (json_array_size(blocks) != f->layers)
    return config_refuse(&f->reader, "block_configs", "one entry a layer");
  for (guint32 i = 0; i < f->layers; i++)
    if (!add_block(f, i, json_array_get(blocks, i)))
      return FALSE;
  return TRUE;
}

/* Gates of whole heads, or of each element of the output; true is the former, false none. */
static gboolean
read_laguna_gates(FamilyReader *f, gboolean *of_heads)
{
  const json_t *gating = config_get(&f->reader, "gating");
  const char *word = json_string_value(gating);

  *of_heads = gating == NULL || json_is_true(gating) || g_strcmp0(word, "per-head") == 0;
  f->attention.gates = g_strcmp0(word, "per-element") == 0;
  return *of_heads || f->attention.gates || json_is_false(gating) ||
         config_refuse(&f->reader, "gating", "per-head, per-element, true or false");
}

static gboolean
read_laguna_heads(FamilyReader *f, guint32 index)
{
  const json_t *list = config_get(&f->reader, "num_attention_heads_per_layer");
  json_int_t heads = json_integer_value(json_array_get(list, index));

  if (list == NULL || json_is_null(list))
    return TRUE;
  f->attention.heads = (guint32)heads;
  return (heads > 0 && heads <= CONFIG_MAX_HEADS && heads % f->attention.kv_heads == 0) ||
         config_refuse(&f->reader, "num_attention_heads_per_layer",
                       "a multiple of the KV heads for each layer");
}

static gboolean
read_laguna(FamilyReader *f)
{
  const ConfigReader *r = &f->reader;
  ExpertTraits experts = {.module = "mlp",
                          .experts = "experts.0.gate_proj",
                          .shared = "shared_expert.gate_proj",
                          .gated = TRUE,
                          .router_bias = TRUE};
  gboolean in_words = config_has(r, "mlp_layer_types"), of_heads, sinks, sparse;

  if (!family_read_frame(f) || !family_read_width(f) || !family_read_experts(f, &experts) ||
      !family_read_sparse(f) || !read_laguna_gates(f, &of_heads) ||
      !config_count(r, "moe_intermediate_size", CONFIG_MAX_FFN, &experts.width) ||
      !config_amount_or(r, "shared_expert_intermediate_size", CONFIG_MAX_FFN, 0,
                        &experts.shared_width) ||
      !config_flag_or(r, "qkv_bias", FALSE, &f->attention.qkv_bias) ||
      !config_flag_or(r, "attention_bias", FALSE, &f->attention.output_bias) ||
      !config_flag_or(r, "swa_attention_sink_enabled", FALSE, &sinks))
    return FALSE;
  f->attention.qk_norm = QK_NORM_HEAD;
  /* Without layer_types there are no windows. */
  if (config_get(r, "layer_types") == NULL)
    f->attention.window = 0;
  for (guint32 i = 0; i < f->layers; i++) {
    if (!read_laguna_heads(f, i) || !family_set_attention_kind(f, i))
      return FALSE;
    f->attention.head_gates = of_heads ? f->attention.heads : 0;
    f->attention.extra_vectors =
        sinks && f->attention.kind == MIXER_SLIDING ? f->attention.heads : 0;
    layer_begin(&f->maker, i, 2 * (guint64)f->model->hidden);
    layer_attention(&f->maker, &f->attention);
    sparse = in_words ? family_is_past_dense(f, i) : family_is_sparse(f, i);
    family_end_layer(f, sparse ? &experts : NULL);
  }
  return TRUE;
}

const Family families_puzzle[] = {
    {"nemotron-nas", read_puzzle, FALSE, NULL},
    {"deci", read_puzzle, FALSE, NULL},
    {"laguna", read_laguna, FALSE, NULL},
    {NULL, NULL, FALSE, NULL},
};
