/* Many fine experts beside shared ones, over attention with KV heads: Ling, Trinity, K-EXAONE,
 * ERNIE; and fewer wide ones under other names: DBRX, Grok. */
#include "family.h"

/* num_experts, moe_intermediate_size and num_shared_experts. */
static gboolean
read_experts(FamilyReader *f, ExpertTraits *experts)
{
  const ConfigReader *r = &f->reader;

  *experts = (ExpertTraits){.module = "mlp",
                            .experts = "experts.0.gate_proj",
                            .shared = "shared_experts.gate_proj",
                            .gated = TRUE,
                            .router_bias = TRUE};
  return family_read_frame(f) && family_read_width(f) && family_read_experts(f, experts) &&
         config_count(r, "moe_intermediate_size", CONFIG_MAX_FFN, &experts->width) &&
         family_read_shared_experts(f, "num_shared_experts", experts->width, experts);
}

/* Ling's attention with KV heads: its second version has norms of q and k. */
static gboolean
read_bailing_attention(FamilyReader *f)
{
  const ConfigReader *r = &f->reader;
  gboolean normed;

  if (!config_flag_or(r, "use_qk_norm", FALSE, &normed) ||
      !config_flag_or(r, "use_qkv_bias", FALSE, &f->attention.qkv_bias) ||
      !config_flag_or(r, "use_bias", FALSE, &f->attention.output_bias))
    return FALSE;
  f->attention.module = "attention";
  f->attention.query = "query_key_value";
  f->attention.output = "dense";
  f->attention.qk_norm = normed ? QK_NORM_HEAD : QK_NORM_NONE;
  f->attention.window = 0;
  return TRUE;
}

static gboolean
read_bailing_experts(FamilyReader *f, ExpertTraits *experts)
{
  const ConfigReader *r = &f->reader;
  guint32 width;

  return read_experts(f, experts) &&
         config_flag_or(r, "moe_router_enable_expert_bias", FALSE, &experts->router_bias) &&
         config_count_or(r, "moe_shared_expert_intermediate_size", CONFIG_MAX_FFN, experts->width,
                         &width) &&
         family_read_shared_experts(f, "num_shared_experts", width, experts);
}

static gboolean
read_bailing(FamilyReader *f)
{
  ExpertTraits experts;

  return read_bailing_experts(f, &experts) && read_bailing_attention(f) &&
         family_add_expert_layers(f, &experts, family_is_past_dense, 2 * (guint64)f->model->hidden);
}

/* Ling 2.5 has lightning attention, Ling 3 Kimi's delta attention, which is told by its
 * convolution. */
static gboolean
read_bailing_state(FamilyReader *f, RecurrentTraits *state)
{
  const ConfigReader *r = &f->reader;

  *state = (RecurrentTraits){.module = "attention",
                             .kind = RECURRENT_LIGHTNING,
                             .heads = f->attention.heads,
                             .groups = f->attention.heads,
                             .head_dim = f->attention.head_dim,
                             .state = f->attention.head_dim,
                             .state_bits = 16,
                             .qk_norm = f->attention.qk_norm != QK_NORM_NONE,
                             .query = "query_key_value",
                             .gate = "g_proj",
                             .output = "dense"};
  if (!config_require_flag(r, "use_qkv_bias", FALSE) || !config_require_flag(r, "use_bias", FALSE))
    return FALSE;
  if (config_get(r, "short_conv_kernel_size") == NULL)
    return TRUE;
  state->kind = RECURRENT_KDA;
  state->state_bits = 32;
  if (!config_count(r, "short_conv_kernel_size", 64, &state->kernel) ||
      !config_flag_or(r, "no_kda_lora", FALSE, &state->full_gate))
    return FALSE;
  state->full_decay = state->full_gate;
  return TRUE;
}

/* The latent attention of Ling 2.5 and 3; a rank of 0: attention with KV heads (Ring-linear 2.0).
 */
static gboolean
read_bailing_latent(FamilyReader *f, LatentTraits *latent)
{
  const ConfigReader *r = &f->reader;
  const json_t *gates = config_get(r, "gated_attention_proj_granularity_type");
  const char *word = json_string_value(gates);

  *latent = (LatentTraits){.module = "attention", .heads = f->attention.heads, .output = "dense"};
  if (!config_amount_or(r, "kv_lora_rank", CONFIG_MAX_HIDDEN, 0, &latent->kv_rank))
    return FALSE;
  if (latent->kv_rank == 0)
    return TRUE;
  if (!config_amount_or(r, "q_lora_rank", CONFIG_MAX_HIDDEN, 0, &latent->query_rank) ||
      !config_count(r, "qk_rope_head_dim", CONFIG_MAX_HEAD_DIM, &latent->rope_dim) ||
      !config_count(r, "qk_nope_head_dim", CONFIG_MAX_HEAD_DIM, &latent->nope_dim) ||
      !config_count(r, "v_head_dim", CONFIG_MAX_HEAD_DIM, &latent->value_dim))
    return FALSE;
  f->model->rotary_dim = latent->rope_dim;
  latent->head_gates = g_strcmp0(word, "head_wise") == 0;
  latent->gates = g_strcmp0(word, "element_wise") == 0;
  return latent->head_gates || latent->gates || gates == NULL || json_is_null(gates) ||
         config_refuse(r, "gated_attention_proj_granularity_type",
                       "head_wise, element_wise or null");
}

/* The last layer of each group attends, and those behind the last whole group; the others have a
 * state. */
static gboolean
read_bailing_hybrid(FamilyReader *f)
{
  ExpertTraits experts;
  RecurrentTraits state;
  LatentTraits latent;

  if (!read_bailing_experts(f, &experts) || !read_bailing_attention(f) ||
      !read_bailing_state(f, &state) || !read_bailing_latent(f, &latent) ||
      !config_count(&f->reader, "layer_group_size", CONFIG_MAX_LAYERS, &f->pattern))
    return FALSE;
  for (guint32 i = 0; i < f->layers; i++) {
    layer_begin(&f->maker, i, 2 * (guint64)f->model->hidden);
    if ((i + 1) % f->pattern != 0 && i < f->layers / f->pattern * f->pattern)
      layer_recurrent(&f->maker, &state);
    else if (latent.kv_rank > 0)
      layer_latent(&f->maker, &latent);
    else
      layer_attention(&f->maker, &f->attention);
    family_end_layer(f, family_is_past_dense(f, i) ? &experts : NULL);
  }
  return TRUE;
}

static gboolean
is_past_dense_layers(const FamilyReader *f, guint32 index)
{
  return (json_int_t)index >= json_integer_value(config_get(&f->reader, "num_dense_layers"));
}

/* Trinity: a gate of attention's width, norms before and behind each part. */
static gboolean
read_afmoe(FamilyReader *f)
{
  const ConfigReader *r = &f->reader;
  ExpertTraits experts;
  guint32 dense;

  if (!read_experts(f, &experts) ||
      !config_amount_or(r, "num_dense_layers", CONFIG_MAX_LAYERS, 0, &dense) ||
      !config_count_or(r, "global_attn_every_n_layers", CONFIG_MAX_LAYERS, 4, &f->pattern))
    return FALSE;
  f->is_windowed = family_is_in_pattern;
  f->attention.gates = TRUE;
  f->attention.qk_norm = QK_NORM_HEAD;
  return family_add_expert_layers(f, &experts, is_past_dense_layers, 4 * (guint64)f->model->hidden);
}

/* is_moe_layer has true or false for each layer. */
static gboolean
is_in_list(const FamilyReader *f, guint32 index)
{
  const json_t *list = config_get(&f->reader, "is_moe_layer");

  return list != NULL ? json_is_true(json_array_get(list, index)) : family_is_past_dense(f, index);
}

/* K-EXAONE: EXAONE 4's attention. */
static gboolean
read_exaone_moe(FamilyReader *f)
{
  const ConfigReader *r = &f->reader;
  const json_t *list = config_get(r, "is_moe_layer");
  ExpertTraits experts;

  if (!read_experts(f, &experts) || !family_read_window_pattern(f))
    return FALSE;
  if (list != NULL && json_array_size(list) < f->layers)
    return config_refuse(r, "is_moe_layer", "true or false for each layer");
  f->attention.qk_norm = QK_NORM_HEAD;
  return family_add_expert_layers(f, &experts, is_in_list, 2 * (guint64)f->model->hidden);
}

/* Hy3: attention and experts as Ling's second version has them, in other words. */
static gboolean
read_hy3(FamilyReader *f)
{
  static const char *const widths[] = {"moe_intermediate_size", "expert_hidden_dim", NULL};
  const ConfigReader *r = &f->reader;
  ExpertTraits experts = {.module = "mlp",
                          .experts = "experts.0.gate_proj",
                          .shared = "shared_mlp.gate_proj",
                          .gated = TRUE,
                          .router_bias = TRUE};
  gboolean normed;

  if (!family_read_frame(f) || !family_read_width(f) || !family_read_experts(f, &experts) ||
      !config_count(r, config_key(r, widths), CONFIG_MAX_FFN, &experts.width) ||
      !family_read_shared_experts(f, "num_shared_experts", experts.width, &experts) ||
      !config_flag_or(r, "qk_norm", FALSE, &normed))
    return FALSE;
  f->attention.qk_norm = normed ? QK_NORM_HEAD : QK_NORM_NONE;
  f->attention.window = 0;
  return family_add_expert_layers(f, &experts, family_is_past_dense, 2 * (guint64)f->model->hidden);
}

/* Cohere with experts: attention and they read the same input, behind one norm. The first layers
 * have a dense part of their own width. */
static gboolean
read_cohere2_moe(FamilyReader *f)
{
  const ConfigReader *r = &f->reader;
  ExpertTraits experts = {.module = "mlp",
                          .experts = "experts.0.gate_proj",
                          .shared = "shared_experts.gate_proj",
                          .gated = TRUE};

  if (!family_read_frame(f) || !family_read_width(f) || !family_read_experts(f, &experts) ||
      !config_require_flag(r, "use_qk_norm", FALSE) ||
      !config_require_flag(r, "use_parallel_block", TRUE) ||
      !family_read_shared_experts(f, "num_shared_experts", f->dense.width, &experts) ||
      !config_amount_or(r, "sliding_window_pattern", CONFIG_MAX_LAYERS, 4, &f->pattern))
    return FALSE;
  experts.width = f->dense.width;
  if (!config_count_or(r, "prefix_dense_intermediate_size", CONFIG_MAX_FFN, experts.width,
                       &f->dense.width))
    return FALSE;
  f->is_windowed = family_is_in_pattern;
  f->dense.parallel = TRUE;
  return family_add_expert_layers(f, &experts, family_is_past_dense, f->model->hidden);
}

/* DBRX: its sizes are in attn_config and ffn_config. */
static gboolean
read_dbrx(FamilyReader *f)
{
  const ConfigReader attention = {.path = f->reader.path,
                                  .root = config_get(&f->reader, "attn_config"),
                                  .within = "attn_config",
                                  .error = f->reader.error};
  const ConfigReader ffn = {.path = f->reader.path,
                            .root = config_get(&f->reader, "ffn_config"),
                            .within = "ffn_config",
                            .error = f->reader.error};
  ExpertTraits experts = {.module = "ffn", .experts = "experts.mlp", .gated = TRUE};

  if (!json_is_object(attention.root) || !json_is_object(ffn.root))
    return config_refuse(&f->reader, attention.root == NULL ? "attn_config" : "ffn_config",
                         "an object with its sizes");
  if (!family_read_frame(f) ||
      !config_count_or(&attention, "kv_n_heads", f->attention.heads, 1, &f->attention.kv_heads) ||
      !config_count(&ffn, "ffn_hidden_size", CONFIG_MAX_FFN, &experts.width) ||
      !config_count_or(&ffn, "moe_num_experts", CONFIG_MAX_EXPERTS, 4, &experts.experts_count) ||
      !config_count_or(&ffn, "moe_top_k", experts.experts_count, 1, &experts.active))
    return FALSE;
  f->attention.module = "norm_attn_norm.attn";
  f->attention.query = "Wqkv";
  f->attention.output = "out_proj";
  return family_add_expert_layers(f, &experts, NULL, 2 * (guint64)f->model->hidden);
}

/* Grok: four norms a layer; beside the experts a dense part where residual_moe (Grok 2). */
static gboolean
read_grok(FamilyReader *f)
{
  const ConfigReader *r = &f->reader;
  ExpertTraits experts = {
      .module = "block_sparse_moe", .experts = "experts.0.w1", .shared = "mlp", .gated = TRUE};
  gboolean beside;

  if (!family_read_frame(f) || !family_read_width(f) || !family_read_experts(f, &experts) ||
      !config_flag_or(r, "residual_moe", FALSE, &beside) ||
      !config_count_or(r, "moe_intermediate_size", CONFIG_MAX_FFN, f->dense.width, &experts.width))
    return FALSE;
  experts.shared_width = beside ? f->dense.width : 0;
  f->attention.window = 0;
  return family_add_expert_layers(f, &experts, NULL, 4 * (guint64)f->model->hidden);
}

/* Grok 2 calls itself "git", as a model that describes images does. */
static gboolean
read_grok2(FamilyReader *f)
{
  const json_t *first = json_array_get(config_get(&f->reader, "architectures"), 0);

  if (g_strcmp0(json_string_value(first), "Grok1ForCausalLM") != 0)
    return config_refuse(&f->reader, "architectures",
                         "Grok1ForCausalLM: of the type \"git\" no other decoder is known");
  return read_grok(f);
}

/* A number, or the first of a list. */
static json_int_t
number_or(const FamilyReader *f, const char *key, json_int_t absent)
{
  const json_t *found = config_get(&f->reader, key);

  if (json_is_array(found))
    found = json_array_get(found, 0);
  return json_is_integer(found) ? json_integer_value(found) : absent;
}

/* ERNIE 4.5 with experts: from a layer on, up to another, every so many. An end of -1 is the last
 * layer. */
static gboolean
is_ernie_sparse(const FamilyReader *f, guint32 index)
{
  json_int_t first = number_or(f, "moe_layer_start_index", 1);
  json_int_t last = number_or(f, "moe_layer_end_index", -1);

  return (json_int_t)index >= first && (last < 0 || (json_int_t)index <= last) &&
         (index + 1) % f->pattern == 0;
}

static const ExpertTraits ernie_experts = {.module = "mlp",
                                           .experts = "experts.0.gate_proj",
                                           .shared = "shared_experts.gate_proj",
                                           .gated = TRUE,
                                           .router_bias = TRUE};

static gboolean
read_ernie_moe(FamilyReader *f)
{
  const ConfigReader *r = &f->reader;
  ExpertTraits experts = ernie_experts;

  if (!family_read_frame(f) || !family_read_width(f) || !family_read_experts(f, &experts) ||
      !config_require_flag(r, "use_bias", FALSE) ||
      !config_count(r, "moe_intermediate_size", CONFIG_MAX_FFN, &experts.width) ||
      !family_read_shared_experts(f, "moe_num_shared_experts", experts.width, &experts) ||
      !config_count_or(r, "moe_layer_interval", CONFIG_MAX_LAYERS, 1, &f->pattern))
    return FALSE;
  return family_add_expert_layers(f, &experts, is_ernie_sparse, 2 * (guint64)f->model->hidden);
}

/* A number, or one for each modality: of texts, and of images and films. */
static gboolean
read_of_modality(const FamilyReader *f, const char *key, guint place, guint32 most, guint32 *value)
{
  const json_t *found = config_get(&f->reader, key);
  json_int_t number =
      json_integer_value(json_is_array(found) ? json_array_get(found, place) : found);

  if (number < 1 || number > most)
    return config_refuse(&f->reader, key, "a number, or one for texts and one for images");
  *value = (guint32)number;
  return TRUE;
}

/* Older files tell the layers by numbers, newer ones by words. */
static gboolean
is_ernie_vl_sparse(const FamilyReader *f, guint32 index)
{
  return config_has(&f->reader, "mlp_layer_types") ? family_is_past_dense(f, index)
                                                   : is_ernie_sparse(f, index);
}

/* Experts and a router that tokens of images alone pass: as many as of the others, of their width.
 */
static void
add_unseen_experts(Layer *layer, guint32 width)
{
  guint n = layer->n_matrices;
  guint32 experts = layer->experts, seen = layer->ffn;

  for (guint i = 0; i < n; i++) {
    Matrix matrix = layer->matrices[i];
    gboolean routes = matrix.copies == 1 && matrix.n == experts && matrix.split == SPLIT_NONE;
    if (matrix.copies == 1 && !routes)
      continue;
    if (matrix.copies > 1 && matrix.split == SPLIT_OUTPUTS)
      matrix.n = matrix.n / seen * width;
    else if (matrix.copies > 1)
      matrix.k = width;
    matrix.active = 0;
    layer->matrices[layer->n_matrices++] = matrix;
  }
  g_assert(layer->n_matrices <= LAYER_MATRICES);
  layer->vectors += experts; /* the router's bias */
}

/* ERNIE 4.5 VL: prompts here are texts, whose tokens pass the first experts and the shared ones. */
static gboolean
read_ernie_vl(FamilyReader *f)
{
  const ConfigReader *r = &f->reader;
  ExpertTraits experts = ernie_experts;
  guint32 unseen, unseen_count;

  if (!family_read_frame(f) || !family_read_width(f) ||
      !read_of_modality(f, "moe_num_experts", 0, CONFIG_MAX_EXPERTS, &experts.experts_count) ||
      !read_of_modality(f, "moe_num_experts", 1, CONFIG_MAX_EXPERTS, &unseen_count) ||
      !read_of_modality(f, "moe_k", 0, experts.experts_count, &experts.active) ||
      !read_of_modality(f, "moe_intermediate_size", 0, CONFIG_MAX_FFN, &experts.width) ||
      !read_of_modality(f, "moe_intermediate_size", 1, CONFIG_MAX_FFN, &unseen) ||
      !config_require_flag(r, "use_bias", FALSE) ||
      !config_count_or(r, "moe_layer_interval", CONFIG_MAX_LAYERS, 1, &f->pattern) ||
      !family_read_shared_experts(f, "moe_num_shared_experts", experts.width, &experts))
    return FALSE;
  if (unseen_count != experts.experts_count)
    return config_refuse(r, "moe_num_experts", "as many for images as for texts");
  for (guint32 i = 0; i < f->layers; i++) {
    layer_begin(&f->maker, i, 2 * (guint64)f->model->hidden);
    layer_attention(&f->maker, &f->attention);
    if (is_ernie_vl_sparse(f, i)) {
      layer_experts(&f->maker, &experts);
      add_unseen_experts(&f->maker.layer, unseen);
    } else {
      layer_dense(&f->maker, &f->dense);
    }
    layer_end(&f->maker);
  }
  return TRUE;
}

#define ERNIE_VL_DEFAULTS                                                                          \
  "{\"moe_intermediate_size\":[1536,512],\"moe_num_experts\":64,\"moe_k\":6,"                      \
  "\"moe_num_shared_experts\":2}"

const Family families_shared[] = {
    {"ernie4_5_moe_vl", read_ernie_vl, TRUE, ERNIE_VL_DEFAULTS},
    {"ernie4_5_vl_moe_text", read_ernie_vl, TRUE, ERNIE_VL_DEFAULTS},
    {"ernie4_5_moe", read_ernie_moe, TRUE, NULL},
    {"bailing_moe", read_bailing, FALSE, NULL},
    {"bailing_moe_v2", read_bailing, FALSE, NULL},
    {"bailing_moe_linear", read_bailing_hybrid, FALSE, NULL},
    {"bailing_hybrid", read_bailing_hybrid, FALSE, NULL},
    {"afmoe", read_afmoe, FALSE, NULL},
    {"exaone_moe", read_exaone_moe, FALSE, NULL},
    {"dbrx", read_dbrx, FALSE, NULL},
    {"grok-1", read_grok, TRUE, NULL},
    {"git", read_grok2, FALSE, NULL},
    {"hy_v3", read_hy3, FALSE, NULL},
    {"cohere2_moe", read_cohere2_moe, TRUE, NULL},
    {NULL, NULL, FALSE, NULL},
};
