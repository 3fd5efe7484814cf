/* Three layers of the gated delta rule to one of gated attention: Qwen3-Next and Qwen3.5. */
#include "family.h"

/* layer_types, or every full_attention_interval-th layer is attention. */
static gboolean
is_recurrent(const FamilyReader *f, guint32 index)
{
  const char *type = family_layer_type(f, index);

  return type != NULL ? g_str_equal(type, "linear_attention") : (index + 1) % f->pattern != 0;
}

/* The state's dtype, where the file says one: 32 bits, else those of the model. */
static guint32
state_bits(const FamilyReader *f)
{
  static const char *const names[] = {"mamba_ssm_dtype", "mamba_ssm_cache_dtype", NULL};
  const char *text = config_text(&f->reader, config_key(&f->reader, names));

  return g_strcmp0(text, "float32") == 0 ? 32 : 16;
}

static gboolean
read_delta(const FamilyReader *f, RecurrentTraits *delta)
{
  const ConfigReader *r = &f->reader;

  *delta = (RecurrentTraits){
      .module = "linear_attn", .kind = RECURRENT_DELTA, .state_bits = state_bits(f)};
  return config_count(r, "linear_num_value_heads", CONFIG_MAX_HEADS, &delta->heads) &&
         config_count(r, "linear_num_key_heads", CONFIG_MAX_HEADS, &delta->groups) &&
         config_count(r, "linear_value_head_dim", CONFIG_MAX_HEAD_DIM, &delta->head_dim) &&
         config_count(r, "linear_key_head_dim", CONFIG_MAX_HEAD_DIM, &delta->state) &&
         config_count(r, "linear_conv_kernel_dim", 64, &delta->kernel);
}

/* The layers that foresee tokens, in vLLM's qwen3_next_mtp.py and qwen3_5_mtp.py: of attention,
 * with the experts of the others, the embedding's table and the head being the model's. */
static gboolean
add_drafts(FamilyReader *f, const ExpertTraits *experts)
{
  static const char *const keys[] = {"mtp_num_hidden_layers", "num_nextn_predict_layers", NULL};
  guint32 count;

  if (!config_amount_or(&f->reader, config_key(&f->reader, keys), CONFIG_MAX_LAYERS, 1, &count))
    return FALSE;
  layer_begin_draft(&f->maker, 2 * (guint64)f->model->hidden);
  layer_attention(&f->maker, &f->attention);
  if (experts != NULL && family_is_sparse(f, 0))
    layer_experts(&f->maker, experts);
  else
    layer_dense(&f->maker, &f->dense);
  layer_end_draft(&f->maker, count);
  return TRUE;
}

static gboolean
add_layers(FamilyReader *f, const RecurrentTraits *delta, const ExpertTraits *experts)
{
  for (guint32 i = 0; i < f->layers; i++) {
    layer_begin(&f->maker, i, 2 * (guint64)f->model->hidden);
    if (is_recurrent(f, i))
      layer_recurrent(&f->maker, delta);
    else
      layer_attention(&f->maker, &f->attention);
    family_end_layer(f, experts != NULL && family_is_sparse(f, i) ? experts : NULL);
  }
  return add_drafts(f, experts);
}

static gboolean
read_frame(FamilyReader *f, RecurrentTraits *delta)
{
  if (!family_read_frame(f) || !read_delta(f, delta) ||
      !config_flag_or(&f->reader, "attn_output_gate", TRUE, &f->attention.gates) ||
      !config_flag_or(&f->reader, "attention_bias", FALSE, &f->attention.qkv_bias) ||
      !config_count(&f->reader, "full_attention_interval", CONFIG_MAX_LAYERS, &f->pattern))
    return FALSE;
  f->attention.output_bias = f->attention.qkv_bias;
  f->attention.qk_norm = QK_NORM_HEAD;
  return TRUE;
}

static gboolean
read_moe(FamilyReader *f, gboolean split_products)
{
  const ConfigReader *r = &f->reader;
  ExpertTraits experts = {.module = "mlp",
                          .experts = "experts.0.gate_proj",
                          .shared = "shared_expert.gate_proj",
                          .shared_gate = TRUE,
                          .gated = TRUE};
  RecurrentTraits delta;

  if (!read_frame(f, &delta) || !family_read_experts(f, &experts) || !family_read_sparse(f) ||
      !config_count(r, "moe_intermediate_size", CONFIG_MAX_FFN, &experts.width) ||
      !config_count(r, "shared_expert_intermediate_size", CONFIG_MAX_FFN, &experts.shared_width) ||
      !config_count_or(r, "intermediate_size", CONFIG_MAX_FFN, experts.width, &f->dense.width))
    return FALSE;
  delta.split_products = split_products;
  return add_layers(f, &delta, &experts);
}

static gboolean
read_qwen3_next(FamilyReader *f)
{
  return read_moe(f, FALSE);
}

static gboolean
read_qwen3_5_moe(FamilyReader *f)
{
  return read_moe(f, TRUE);
}

static gboolean
read_qwen3_5(FamilyReader *f)
{
  RecurrentTraits delta;

  if (!read_frame(f, &delta) || !family_read_width(f))
    return FALSE;
  delta.split_products = TRUE;
  return add_layers(f, &delta, NULL);
}

#define DEFAULTS                                                                                   \
  "{\"full_attention_interval\":4,\"partial_rotary_factor\":0.25,\"head_dim\":256,"                \
  "\"linear_conv_kernel_dim\":4,\"linear_key_head_dim\":128,\"linear_value_head_dim\":128,"        \
  "\"linear_num_key_heads\":16,\"linear_num_value_heads\":32}"

const Family families_hybrid[] = {
    {"qwen3_next", read_qwen3_next, FALSE, DEFAULTS},
    {"qwen3_5", read_qwen3_5, FALSE, DEFAULTS},
    {"qwen3_5_text", read_qwen3_5, FALSE, DEFAULTS},
    {"qwen3_5_moe", read_qwen3_5_moe, FALSE, DEFAULTS},
    {"qwen3_5_moe_text", read_qwen3_5_moe, FALSE, DEFAULTS},
    {NULL, NULL, FALSE, NULL},
};
