/* Layers with a state of another kind than a scan or a delta rule: lightning attention (MiniMax-01
 * and M1), short convolutions (LFM2). */
#include "family.h"

static gboolean
refuse_types(const FamilyReader *f)
{
  return config_refuse(&f->reader, "layer_types", "conv or full_attention for each layer");
}

/* LFM2's width may be a suggestion: two thirds of it, times a factor, up to a multiple. */
static gboolean
read_lfm2_width(FamilyReader *f)
{
  static const char *const names[] = {"intermediate_size", "block_ff_dim", NULL};
  const ConfigReader *r = &f->reader;
  guint32 multiple;
  gboolean adjusted;
  double factor;
  guint64 width;

  if (!config_count(r, config_key(r, names), CONFIG_MAX_FFN, &f->dense.width) ||
      !config_flag_or(r, "block_auto_adjust_ff_dim", TRUE, &adjusted) ||
      !config_count_or(r, "block_multiple_of", CONFIG_MAX_FFN, 256, &multiple) ||
      !config_number_or(r, "block_ffn_dim_multiplier", 1, &factor))
    return FALSE;
  if (!adjusted)
    return TRUE;
  width = (guint64)(factor * (double)(2 * (guint64)f->dense.width / 3));
  width = (width + multiple - 1) / multiple * multiple;
  if (width == 0 || width > CONFIG_MAX_FFN)
    return config_refuse(r, "block_ffn_dim_multiplier", "a factor of a believable size");
  f->dense.width = (guint32)width;
  return TRUE;
}

/* Words of layer_types, or the numbers of the layers with attention. */
static gboolean
is_attention(const FamilyReader *f, guint32 index)
{
  const char *type = family_layer_type(f, index);
  gsize i;
  json_t *entry;

  if (type != NULL)
    return g_str_equal(type, "full_attention");
  json_array_foreach(config_get(&f->reader, "full_attn_idxs"), i, entry)
  {
    if (json_integer_value(entry) == (json_int_t)index)
      return TRUE;
  }
  return FALSE;
}

static gboolean
has_types(const FamilyReader *f)
{
  const json_t *types = config_get(&f->reader, "layer_types");

  if (types == NULL)
    return json_array_size(config_get(&f->reader, "full_attn_idxs")) > 0;
  for (guint32 i = 0; i < f->layers; i++) {
    const char *type = family_layer_type(f, i);
    if (g_strcmp0(type, "conv") != 0 && g_strcmp0(type, "full_attention") != 0)
      return FALSE;
  }
  return TRUE;
}

/* experts: NULL, or those of the layers behind the first num_dense_layers. */
static gboolean
add_lfm2_layers(FamilyReader *f, const ExpertTraits *experts, guint32 dense)
{
  RecurrentTraits conv = {
      .module = "conv", .kind = RECURRENT_CONV, .heads = f->model->hidden, .head_dim = 1};

  if (!has_types(f))
    return refuse_types(f);
  if (!config_count(&f->reader, "conv_L_cache", 64, &conv.kernel) ||
      !config_flag_or(&f->reader, "conv_bias", FALSE, &conv.bias))
    return FALSE;
  f->attention.qk_norm = QK_NORM_HEAD;
  f->attention.output = "out_proj";
  f->attention.window = 0;
  f->dense.module = "feed_forward";
  f->dense.up = "w1";
  f->dense.down = "w2";
  for (guint32 i = 0; i < f->layers; i++) {
    layer_begin(&f->maker, i, 2 * (guint64)f->model->hidden);
    if (is_attention(f, i))
      layer_attention(&f->maker, &f->attention);
    else
      layer_recurrent(&f->maker, &conv);
    family_end_layer(f, i >= dense ? experts : NULL);
  }
  return TRUE;
}

static gboolean
read_lfm2(FamilyReader *f)
{
  return family_read_frame(f) && read_lfm2_width(f) && add_lfm2_layers(f, NULL, 0);
}

static gboolean
read_lfm2_moe(FamilyReader *f)
{
  ExpertTraits experts = {.module = "feed_forward", .experts = "experts.0.w1", .gated = TRUE};
  guint32 dense;

  return family_read_frame(f) && family_read_width(f) && family_read_experts(f, &experts) &&
         config_count(&f->reader, "moe_intermediate_size", CONFIG_MAX_FFN, &experts.width) &&
         config_flag_or(&f->reader, "use_expert_bias", TRUE, &experts.router_bias) &&
         config_amount_or(&f->reader, "num_dense_layers", CONFIG_MAX_LAYERS, 0, &dense) &&
         add_lfm2_layers(f, &experts, dense);
}

/* attn_type_list has 1 for a layer of softmax attention; transformers' own form has words. */
static gboolean
is_softmax(const FamilyReader *f, guint32 index)
{
  const char *type = family_layer_type(f, index);

  return type != NULL
             ? g_str_equal(type, "full_attention")
             : json_integer_value(json_array_get(config_get(&f->reader, "attn_type_list"), index));
}

/* MiniMax-01: a state of a key's width by a value's for each head, at the model's 16 bits. */
static gboolean
read_minimax(FamilyReader *f)
{
  const ConfigReader *r = &f->reader;
  ExpertTraits experts = {.module = "block_sparse_moe",
                          .experts = "experts.0.w1",
                          .shared = "shared_mlp.gate_proj",
                          .gated = TRUE};
  RecurrentTraits lightning = {.module = "self_attn",
                               .kind = RECURRENT_LIGHTNING,
                               .state_bits = 16,
                               .query = "qkv_proj",
                               .gate = "output_gate",
                               .output = "out_proj"};

  if (!family_read_frame(f) || !family_read_width(f) || !family_read_experts(f, &experts) ||
      !config_amount_or(r, "shared_intermediate_size", CONFIG_MAX_FFN, 0, &experts.shared_width))
    return FALSE;
  if (MAX(json_array_size(config_get(r, "attn_type_list")),
          json_array_size(config_get(r, "layer_types"))) < f->layers)
    return config_refuse(r, "attn_type_list", "0 (lightning) or 1 (softmax) for each layer");
  experts.width = f->dense.width;
  lightning.heads = lightning.groups = f->attention.heads;
  lightning.head_dim = lightning.state = f->attention.head_dim;
  f->attention.window = 0;
  for (guint32 i = 0; i < f->layers; i++) {
    layer_begin(&f->maker, i, 2 * (guint64)f->model->hidden);
    if (is_softmax(f, i))
      layer_attention(&f->maker, &f->attention);
    else
      layer_recurrent(&f->maker, &lightning);
    layer_experts(&f->maker, &experts);
    layer_end(&f->maker);
  }
  return TRUE;
}

const Family families_linear[] = {
    {"lfm2", read_lfm2, TRUE, "{\"conv_L_cache\":3}"},
    {"lfm2_moe", read_lfm2_moe, TRUE, "{\"conv_L_cache\":3}"},
    {"minimax_text_01", read_minimax, FALSE, NULL},
    {"minimax_m1", read_minimax, FALSE, NULL},
    {"minimax", read_minimax, FALSE, NULL},
    {NULL, NULL, FALSE, NULL},
};
