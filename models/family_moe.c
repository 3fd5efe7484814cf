/* Mixtures of experts over ordinary attention. */
#include "family.h"

#include <string.h>

static gboolean
read_mixtral(FamilyReader *f)
{
  ExpertTraits experts = {.module = "block_sparse_moe", .experts = "experts.0.w1", .gated = TRUE};

  if (!family_read_frame(f) || !family_read_width(f) || !family_read_experts(f, &experts))
    return FALSE;
  experts.width = f->dense.width;
  return family_add_expert_layers(f, &experts, NULL, 2 * (guint64)f->model->hidden);
}

static gboolean
read_qwen_moe(FamilyReader *f, ExpertTraits *experts)
{
  *experts = (ExpertTraits){.module = "mlp", .experts = "experts.0.gate_proj", .gated = TRUE};
  if (!family_read_frame(f) || !family_read_experts(f, experts) ||
      !config_count(&f->reader, "moe_intermediate_size", CONFIG_MAX_FFN, &experts->width) ||
      !family_read_sparse(f))
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
  return family_add_expert_layers(f, &experts, family_is_sparse, 2 * (guint64)f->model->hidden);
}

/* One shared expert with a gate, and biases on q, k and v. */
static gboolean
read_qwen2_moe(FamilyReader *f)
{
  ExpertTraits experts;

  if (!read_qwen_moe(f, &experts) || !config_count(&f->reader, "shared_expert_intermediate_size",
                                                   CONFIG_MAX_FFN, &experts.shared_width))
    return FALSE;
  experts.shared = "shared_expert.gate_proj";
  experts.shared_gate = TRUE;
  f->attention.qkv_bias = TRUE;
  return family_add_expert_layers(f, &experts, family_is_sparse, 2 * (guint64)f->model->hidden);
}

/* Norms with biases, biases on q, k, v, o and the output head. */
static gboolean
read_phimoe(FamilyReader *f)
{
  ExpertTraits experts = {.module = "block_sparse_moe", .experts = "experts.0.w1", .gated = TRUE};
  gboolean head_bias;

  if (!family_read_frame(f) || !family_read_width(f) || !family_read_experts(f, &experts) ||
      !config_flag_or(&f->reader, "attention_bias", FALSE, &f->attention.qkv_bias) ||
      !config_flag_or(&f->reader, "lm_head_bias", FALSE, &head_bias))
    return FALSE;
  f->attention.output_bias = f->attention.qkv_bias;
  f->model->outer_vectors = 2 * (guint64)f->model->hidden + (head_bias ? f->model->vocab : 0);
  experts.width = f->dense.width;
  return family_add_expert_layers(f, &experts, NULL, 4 * (guint64)f->model->hidden);
}

static gboolean
is_even(const FamilyReader *f G_GNUC_UNUSED, guint32 index)
{
  return index % 2 == 0;
}

/* Biases everywhere, a sink a head, and windows in every other layer, the first among them. */
static gboolean
read_gpt_oss(FamilyReader *f)
{
  ExpertTraits experts = {.module = "mlp",
                          .experts = "experts.gate_up_proj",
                          .gated = TRUE,
                          .bias = TRUE,
                          .router_bias = TRUE};

  if (!family_read_frame(f) || !family_read_width(f) || !family_read_experts(f, &experts))
    return FALSE;
  f->attention.qkv_bias = f->attention.output_bias = TRUE;
  f->attention.extra_vectors = f->attention.heads;
  f->is_windowed = is_even;
  experts.width = f->dense.width;
  return family_add_expert_layers(f, &experts, NULL, 2 * (guint64)f->model->hidden);
}

/* TRUE for layers that see their chunk. One in no_rope_layer_interval sees the whole context,
 * without positions. */
static gboolean
is_chunked(const FamilyReader *f, guint32 index)
{
  const json_t *list = config_get(&f->reader, "no_rope_layers");

  if (json_array_size(list) > 0)
    return json_integer_value(json_array_get(list, index)) != 0;
  return (index + 1) % f->pattern != 0;
}

static gboolean
is_llama4_sparse(const FamilyReader *f, guint32 index)
{
  const json_t *list = config_get(&f->reader, "moe_layers");
  json_int_t step = json_integer_value(config_get(&f->reader, "interleave_moe_layer_step"));
  gsize i;
  json_t *entry;

  if (json_array_size(list) == 0)
    return (json_int_t)(index + 1) % MAX(1, step) == 0;
  json_array_foreach(list, i, entry)
  {
    if (json_integer_value(entry) == (json_int_t)index)
      return TRUE;
  }
  return FALSE;
}

static gboolean
read_llama4(FamilyReader *f)
{
  ExpertTraits experts = {.module = "feed_forward",
                          .experts = "experts.gate_up_proj",
                          .shared = "shared_expert.gate_proj",
                          .gated = TRUE};

  if (!family_read_frame(f) || !family_read_experts(f, &experts) ||
      !config_count(&f->reader, "intermediate_size", CONFIG_MAX_FFN, &experts.width) ||
      !config_count(&f->reader, "intermediate_size_mlp", CONFIG_MAX_FFN, &f->dense.width) ||
      !config_count(&f->reader, "no_rope_layer_interval", CONFIG_MAX_LAYERS, &f->pattern))
    return FALSE;
  experts.shared_width = experts.width;
  f->dense.module = "feed_forward";
  f->is_windowed = is_chunked;
  return family_add_expert_layers(f, &experts, is_llama4_sparse, 2 * (guint64)f->model->hidden);
}

/* Shared experts and first layers without experts, as DeepSeek's, over ordinary attention. */
static gboolean
read_shared_experts(FamilyReader *f, ExpertTraits *experts)
{

  *experts = (ExpertTraits){.module = "mlp",
                            .experts = "experts.0.gate_proj",
                            .shared = "shared_experts.gate_proj",
                            .gated = TRUE};
  return family_read_frame(f) && family_read_width(f) && family_read_experts(f, experts) &&
         config_count(&f->reader, "moe_intermediate_size", CONFIG_MAX_FFN, &experts->width) &&
         family_read_shared_experts(f, "n_shared_experts", experts->width, experts);
}

static gboolean
read_glm4_moe(FamilyReader *f)
{
  ExpertTraits experts;
  gboolean norms;

  if (!read_shared_experts(f, &experts) ||
      !config_flag_or(&f->reader, "attention_bias", FALSE, &f->attention.qkv_bias) ||
      !config_flag_or(&f->reader, "use_qk_norm", FALSE, &norms))
    return FALSE;
  experts.router_bias = TRUE;
  f->attention.qk_norm = norms ? QK_NORM_HEAD : QK_NORM_NONE;
  return family_add_expert_layers(f, &experts, family_is_past_dense, 2 * (guint64)f->model->hidden);
}

/* The first DeepSeek with experts; dots.llm1 has norms and biases besides. */
static gboolean
read_deepseek(FamilyReader *f)
{
  ExpertTraits experts;

  if (!read_shared_experts(f, &experts))
    return FALSE;
  f->attention.window = 0;
  return family_add_expert_layers(f, &experts, family_is_past_dense, 2 * (guint64)f->model->hidden);
}

static gboolean
read_dots1(FamilyReader *f)
{
  ExpertTraits experts;

  if (!read_shared_experts(f, &experts))
    return FALSE;
  experts.router_bias = TRUE;
  f->attention.qk_norm = QK_NORM_HEAD;
  return family_add_expert_layers(f, &experts, family_is_past_dense, 2 * (guint64)f->model->hidden);
}

static gboolean
read_olmoe(FamilyReader *f)
{
  ExpertTraits experts = {.module = "mlp", .experts = "experts.0.gate_proj", .gated = TRUE};

  if (!family_read_frame(f) || !family_read_width(f) || !family_read_experts(f, &experts))
    return FALSE;
  f->attention.qk_norm = QK_NORM_WIDTH;
  experts.width = f->dense.width;
  return family_add_expert_layers(f, &experts, NULL, 2 * (guint64)f->model->hidden);
}

static gboolean
read_granitemoe(FamilyReader *f)
{
  ExpertTraits experts = {.module = "block_sparse_moe",
                          .experts = "experts.input_linear",
                          .shared = "shared_mlp.input_linear",
                          .gated = TRUE};

  if (!family_read_frame(f) || !family_read_width(f) || !family_read_experts(f, &experts) ||
      !config_amount_or(&f->reader, "shared_intermediate_size", CONFIG_MAX_FFN, 0,
                        &experts.shared_width) ||
      !config_flag_or(&f->reader, "attention_bias", FALSE, &f->attention.qkv_bias))
    return FALSE;
  f->attention.output_bias = f->attention.qkv_bias;
  experts.width = f->dense.width;
  return family_add_expert_layers(f, &experts, NULL, 2 * (guint64)f->model->hidden);
}

/* moe_layers_enum: "3,4,…"; all but the first where it is absent. */
static gboolean
is_step_sparse(const FamilyReader *f, guint32 index)
{
  const char *text = config_text(&f->reader, "moe_layers_enum");
  g_auto(GStrv) words = text != NULL ? g_strsplit(text, ",", -1) : NULL;

  if (words == NULL)
    return index > 0;
  for (guint i = 0; words[i] != NULL; i++)
    if (g_ascii_strtoull(words[i], NULL, 10) == index)
      return TRUE;
  return FALSE;
}

/* Layers with a window have heads of their own. */
static gboolean
add_two_kinds(FamilyReader *f, const ExpertTraits *experts, const AttentionTraits *windowed,
              gboolean (*is_sparse)(const FamilyReader *f, guint32 index))
{
  const AttentionTraits usual = f->attention;

  for (guint32 i = 0; i < f->layers; i++) {
    f->attention = usual;
    if (!family_set_attention_kind(f, i))
      return FALSE;
    if (f->attention.kind == MIXER_SLIDING) {
      f->attention = *windowed;
      f->attention.kind = MIXER_SLIDING;
    }
    layer_begin(&f->maker, i, 2 * (guint64)f->model->hidden);
    layer_attention(&f->maker, &f->attention);
    family_end_layer(f, is_sparse(f, i) ? experts : NULL);
  }
  f->attention = usual;
  return TRUE;
}

/* Step 3.5 Flash and what is built on it. */
static gboolean
read_step3p5(FamilyReader *f)
{
  const ConfigReader *r = &f->reader;
  ConfigReader setting = {.path = r->path, .within = "attention_other_setting", .error = r->error};
  ExpertTraits experts = {.module = "moe",
                          .experts = "experts.gate_proj",
                          .shared = "share_expert.gate_proj",
                          .gated = TRUE,
                          .router_bias = TRUE};
  AttentionTraits other;
  gboolean gates;

  if (!config_has(r, "num_attention_groups"))
    return config_refuse(r, "num_attention_groups",
                         "the KV heads of layers that see all; this file has neither these nor "
                         "attention_other_setting, the heads of layers with a window");
  if (!family_read_frame(f) || !family_read_width(f) || !family_read_experts(f, &experts) ||
      !config_count(r, "moe_intermediate_size", CONFIG_MAX_FFN, &experts.width) ||
      !config_count(r, "share_expert_dim", CONFIG_MAX_FFN, &experts.shared_width) ||
      !config_count(r, "num_attention_groups", CONFIG_MAX_HEADS, &f->attention.kv_heads) ||
      !config_flag_or(r, "use_head_wise_attn_gate", FALSE, &gates) ||
      !config_flag_or(r, "attention_bias", FALSE, &f->attention.qkv_bias))
    return FALSE;
  f->attention.qk_norm = QK_NORM_HEAD;
  f->attention.head_gates = gates ? f->attention.heads : 0;
  f->is_windowed = is_even;
  other = f->attention;
  setting.root = config_get(r, "attention_other_setting");
  if (setting.root != NULL && (!config_count_or(&setting, "num_attention_heads", CONFIG_MAX_HEADS,
                                                other.heads, &other.heads) ||
                               !config_count_or(&setting, "num_attention_groups", CONFIG_MAX_HEADS,
                                                other.kv_heads, &other.kv_heads) ||
                               !config_count_or(&setting, "head_dim", CONFIG_MAX_HEAD_DIM,
                                                other.head_dim, &other.head_dim)))
    return FALSE;
  other.value_dim = other.head_dim;
  other.head_gates = gates ? other.heads : 0;
  return add_two_kinds(f, &experts, &other, is_step_sparse);
}

/* Step 3: one head of k and v, queries of a rank, and layers that do not mix kinds. */
static gboolean
read_step3(FamilyReader *f)
{
  const ConfigReader *r = &f->reader;
  ExpertTraits experts = {.module = "moe",
                          .experts = "experts.gate_proj",
                          .shared = "share_expert.gate_proj",
                          .gated = TRUE};

  if (!family_read_frame(f) || !family_read_width(f) || !family_read_experts(f, &experts) ||
      !config_count(r, "moe_intermediate_size", CONFIG_MAX_FFN, &experts.width) ||
      !config_count(r, "share_expert_dim", CONFIG_MAX_FFN, &experts.shared_width) ||
      !config_count(r, "share_q_dim", CONFIG_MAX_HIDDEN, &f->attention.query_rank))
    return FALSE;
  f->attention.kv_heads = 1;
  f->attention.window = 0;
  return family_add_expert_layers(f, &experts, is_step_sparse, 2 * (guint64)f->model->hidden);
}

/* hybrid_layer_pattern: 1 for a layer with a window. */
static gboolean
is_windowed_in_list(const FamilyReader *f, guint32 index)
{
  return json_integer_value(
             json_array_get(config_get(&f->reader, "hybrid_layer_pattern"), index)) != 0;
}

/* MiMo V2: keys wider than values, windows with more KV heads and a sink a head. */
static gboolean
read_mimo_v2(FamilyReader *f)
{
  const ConfigReader *r = &f->reader;
  ExpertTraits experts = {
      .module = "mlp", .experts = "experts.0.gate_proj", .gated = TRUE, .router_bias = TRUE};
  AttentionTraits windowed;
  gboolean sinks, window_sinks;

  if (!family_read_frame(f) || !family_read_width(f) || !family_read_experts(f, &experts) ||
      !config_count(r, "moe_intermediate_size", CONFIG_MAX_FFN, &experts.width) ||
      !config_count(r, "v_head_dim", CONFIG_MAX_HEAD_DIM, &f->attention.value_dim) ||
      !config_flag_or(r, "attention_bias", FALSE, &f->attention.qkv_bias) ||
      !config_flag_or(r, "add_full_attention_sink_bias", FALSE, &sinks) ||
      !config_flag_or(r, "add_swa_attention_sink_bias", FALSE, &window_sinks))
    return FALSE;
  if (json_array_size(config_get(r, "hybrid_layer_pattern")) != f->layers)
    return config_refuse(r, "hybrid_layer_pattern", "one number a layer");
  windowed = f->attention;
  if (!config_count_or(r, "swa_num_attention_heads", CONFIG_MAX_HEADS, windowed.heads,
                       &windowed.heads) ||
      !config_count_or(r, "swa_num_key_value_heads", CONFIG_MAX_HEADS, windowed.kv_heads,
                       &windowed.kv_heads) ||
      !config_count_or(r, "swa_head_dim", CONFIG_MAX_HEAD_DIM, windowed.head_dim,
                       &windowed.head_dim) ||
      !config_count_or(r, "swa_v_head_dim", CONFIG_MAX_HEAD_DIM, windowed.value_dim,
                       &windowed.value_dim))
    return FALSE;
  f->attention.extra_vectors = sinks ? f->attention.heads : 0;
  windowed.extra_vectors = window_sinks ? windowed.heads : 0;
  f->is_windowed = is_windowed_in_list;
  return add_two_kinds(f, &experts, &windowed, family_is_past_dense);
}

#define LLAMA4_DEFAULTS                                                                            \
  "{\"intermediate_size_mlp\":16384,\"no_rope_layer_interval\":4,\"interleave_moe_layer_step\":1," \
  "\"head_dim\":128,\"num_local_experts\":16,\"num_experts_per_tok\":1,"                           \
  "\"attention_chunk_size\":8192}"

const Family families_moe[] = {
    {"mixtral", read_mixtral, FALSE, NULL},
    {"qwen2_moe", read_qwen2_moe, FALSE, NULL},
    {"qwen3_moe", read_qwen3_moe, FALSE, NULL},
    {"qwen3_vl_moe", read_qwen3_moe, FALSE, NULL},
    {"qwen3_vl_moe_text", read_qwen3_moe, FALSE, NULL},
    {"qwen3_omni_moe_text", read_qwen3_moe, FALSE, NULL},
    {"phimoe", read_phimoe, FALSE, NULL},
    {"gpt_oss", read_gpt_oss, FALSE, "{\"sliding_window\":128}"},
    {"llama4", read_llama4, FALSE, LLAMA4_DEFAULTS},
    {"llama4_text", read_llama4, FALSE, LLAMA4_DEFAULTS},
    {"glm4_moe", read_glm4_moe, FALSE, NULL},
    {"glm4v_moe_text", read_glm4_moe, FALSE, NULL},
    {"solar_open", read_glm4_moe, FALSE, NULL},
    {"deepseek", read_deepseek, FALSE, NULL},
    {"dots1", read_dots1, FALSE, NULL},
    {"olmoe", read_olmoe, FALSE, NULL},
    {"flex_olmo", read_olmoe, FALSE, NULL},
    {"granitemoe", read_granitemoe, FALSE, NULL},
    {"granitemoeshared", read_granitemoe, FALSE, NULL},
    {"mimo_v2", read_mimo_v2, FALSE, NULL},
    {"mimo_v2_flash", read_mimo_v2, FALSE, NULL},
    {"step3_text", read_step3, FALSE, "{\"num_attention_groups\":1,\"head_dim\":256}"},
    {"step3p5", read_step3p5, FALSE, NULL},
    {"step3p7", read_step3p5, FALSE, NULL},
    {NULL, NULL, FALSE, NULL},
};
