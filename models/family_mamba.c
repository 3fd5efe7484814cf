/* Selective scans (Mamba and Mamba 2) among layers of attention: Nemotron-H, Granite 4, Jamba. */
#include "family.h"

#include <string.h>

static guint32
state_bits(const FamilyReader *f)
{
  const char *text = config_text(&f->reader, "mamba_ssm_cache_dtype");

  return g_strcmp0(text, "float32") == 0 ? 32 : 16;
}

/* Nemotron-H: one mixer or one feed-forward part a layer, by a word of letters. */
typedef struct {
  RecurrentTraits scan;
  ExpertTraits experts;
  gboolean has_experts;
} Nemotron;

static gboolean
read_scan(FamilyReader *f, RecurrentTraits *scan)
{
  const ConfigReader *r = &f->reader;

  *scan =
      (RecurrentTraits){.module = "mixer", .kind = RECURRENT_MAMBA2, .state_bits = state_bits(f)};
  return config_count(r, "mamba_num_heads", CONFIG_MAX_HEADS, &scan->heads) &&
         config_count(r, "mamba_head_dim", CONFIG_MAX_HEAD_DIM, &scan->head_dim) &&
         config_count(r, "n_groups", CONFIG_MAX_HEADS, &scan->groups) &&
         config_count(r, "ssm_state_size", CONFIG_MAX_HEAD_DIM, &scan->state) &&
         config_count(r, "conv_kernel", 64, &scan->kernel) &&
         config_flag_or(r, "use_bias", FALSE, &scan->bias) &&
         config_flag_or(r, "use_conv_bias", TRUE, &scan->conv_bias);
}

static gboolean
read_nemotron_experts(FamilyReader *f, ExpertTraits *experts)
{
  const ConfigReader *r = &f->reader;
  guint32 shared;

  *experts = (ExpertTraits){.module = "mixer",
                            .experts = "experts.0.up_proj",
                            .shared = "shared_experts.up_proj",
                            .router_bias = TRUE};
  if (!family_read_experts(f, experts) ||
      !config_count(r, "moe_intermediate_size", CONFIG_MAX_FFN, &experts->width) ||
      !config_amount_or(r, "moe_shared_expert_intermediate_size", CONFIG_MAX_FFN, 0, &shared) ||
      !config_amount_or(r, "moe_latent_size", CONFIG_MAX_HIDDEN, 0, &experts->latent))
    return FALSE;
  experts->shared_width = shared;
  return TRUE;
}

static gboolean
add_nemotron_layer(FamilyReader *f, const Nemotron *n, guint32 index, char letter)
{
  layer_begin(&f->maker, index, f->model->hidden);
  if (letter == 'M')
    layer_recurrent(&f->maker, &n->scan);
  else if (letter == '*')
    layer_attention(&f->maker, &f->attention);
  else if (letter == '-')
    layer_dense(&f->maker, &f->dense);
  else if (letter == 'E')
    layer_experts(&f->maker, &n->experts);
  else
    return config_refuse(&f->reader, "hybrid_override_pattern",
                         "a letter a layer: M (Mamba), * (attention), - (dense), E (experts)");
  layer_end(&f->maker);
  return TRUE;
}

/* One letter for each layer, from hybrid_override_pattern or from the words of layers_block_type
 * (transformers 5). NULL: the file has neither. The caller frees it. */
static char *
pattern_of(const ConfigReader *r)
{
  static const struct {
    const char *word;
    char letter;
  } words[] = {{"mamba", 'M'}, {"attention", '*'}, {"mlp", '-'}, {"moe", 'E'}};
  const json_t *list = config_get(r, "layers_block_type");
  GString *letters;

  if (config_text(r, "hybrid_override_pattern") != NULL)
    return g_strdup(config_text(r, "hybrid_override_pattern"));
  if (json_array_size(list) == 0)
    return NULL;
  letters = g_string_new(NULL);
  for (gsize i = 0; i < json_array_size(list); i++) {
    char letter = '?';
    for (guint w = 0; w < G_N_ELEMENTS(words); w++)
      if (g_strcmp0(json_string_value(json_array_get(list, i)), words[w].word) == 0)
        letter = words[w].letter;
    g_string_append_c(letters, letter);
  }
  return g_string_free(letters, FALSE);
}

static gboolean
read_nemotron_h(FamilyReader *f)
{
  const ConfigReader *r = &f->reader;
  g_autofree char *word = pattern_of(r);
  Nemotron n = {0};

  if (word == NULL || strlen(word) > CONFIG_MAX_LAYERS)
    return config_refuse(r, "hybrid_override_pattern",
                         "the kind of each layer, such as \"M-M*-\": without it the layers of "
                         "nemotron_h are not known");
  if (!family_read_frame(f) || !read_scan(f, &n.scan))
    return FALSE;
  if (strlen(word) != f->layers)
    return config_refuse(r, "hybrid_override_pattern", "as many letters as num_hidden_layers");
  if (strchr(word, '-') != NULL && !family_read_width(f))
    return FALSE;
  if (strchr(word, 'E') != NULL && !read_nemotron_experts(f, &n.experts))
    return FALSE;
  f->attention.module = f->dense.module = "mixer";
  f->dense.up = "up_proj";
  f->dense.gated = FALSE;
  f->model->rotary_dim = 0;
  f->attention.window = 0;
  for (guint32 i = 0; i < f->layers; i++)
    if (!add_nemotron_layer(f, &n, i, word[i]))
      return FALSE;
  return TRUE;
}

/* Granite 4: scans and attention by layer_types, each with experts or a shared part, or both. */
static gboolean
read_granite_hybrid(FamilyReader *f)
{
  const ConfigReader *r = &f->reader;
  RecurrentTraits scan = {.module = "mamba", .kind = RECURRENT_MAMBA2, .state_bits = state_bits(f)};
  ExpertTraits experts = {.module = "block_sparse_moe",
                          .experts = "experts.input_linear",
                          .shared = "shared_mlp.input_linear",
                          .gated = TRUE};
  guint32 count, shared;
  const char *position = config_text(r, "position_embedding_type");

  if (!family_read_frame(f) || !family_read_width(f) ||
      !config_count(r, "mamba_n_heads", CONFIG_MAX_HEADS, &scan.heads) ||
      !config_count(r, "mamba_d_head", CONFIG_MAX_HEAD_DIM, &scan.head_dim) ||
      !config_count(r, "mamba_n_groups", CONFIG_MAX_HEADS, &scan.groups) ||
      !config_count(r, "mamba_d_state", CONFIG_MAX_HEAD_DIM, &scan.state) ||
      !config_count(r, "mamba_d_conv", 64, &scan.kernel) ||
      !config_flag_or(r, "mamba_proj_bias", FALSE, &scan.bias) ||
      !config_flag_or(r, "mamba_conv_bias", TRUE, &scan.conv_bias) ||
      !config_amount_or(r, "num_local_experts", CONFIG_MAX_EXPERTS, 0, &count) ||
      !config_count(r, "shared_intermediate_size", CONFIG_MAX_FFN, &shared) ||
      (count > 0 && !family_read_experts(f, &experts)))
    return FALSE;
  if (g_strcmp0(position, "rope") != 0)
    f->model->rotary_dim = 0;
  experts.width = f->dense.width;
  experts.shared_width = shared;
  f->dense = (DenseTraits){.module = "shared_mlp",
                           .up = "input_linear",
                           .down = "output_linear",
                           .width = shared,
                           .gated = TRUE};
  for (guint32 i = 0; i < f->layers; i++) {
    const char *type = family_layer_type(f, i);
    if (type == NULL || (!g_str_equal(type, "mamba") && !g_str_equal(type, "attention")))
      return config_refuse(r, "layer_types", "mamba or attention for each layer");
    layer_begin(&f->maker, i, 2 * (guint64)f->model->hidden);
    if (g_str_equal(type, "mamba"))
      layer_recurrent(&f->maker, &scan);
    else
      layer_attention(&f->maker, &f->attention);
    family_end_layer(f, count > 0 ? &experts : NULL);
  }
  return TRUE;
}

/* attn_layer_indices: the layers with attention. */
static gboolean
is_in_indices(const FamilyReader *f, guint32 index)
{
  gsize i;
  json_t *entry;

  json_array_foreach(config_get(&f->reader, "attn_layer_indices"), i, entry)
  {
    if (json_integer_value(entry) == (json_int_t)index)
      return TRUE;
  }
  return FALSE;
}

static gboolean
read_mamba2_sizes(FamilyReader *f, RecurrentTraits *scan)
{
  const ConfigReader *r = &f->reader;

  *scan =
      (RecurrentTraits){.module = "mamba", .kind = RECURRENT_MAMBA2, .state_bits = state_bits(f)};
  return config_count(r, "mamba_n_heads", CONFIG_MAX_HEADS, &scan->heads) &&
         config_count(r, "mamba_d_head", CONFIG_MAX_HEAD_DIM, &scan->head_dim) &&
         config_count(r, "mamba_n_groups", CONFIG_MAX_HEADS, &scan->groups) &&
         config_count(r, "mamba_d_state", CONFIG_MAX_HEAD_DIM, &scan->state) &&
         config_count(r, "mamba_d_conv", 64, &scan->kernel) &&
         config_flag_or(r, "mamba_proj_bias", FALSE, &scan->bias) &&
         config_flag_or(r, "mamba_conv_bias", TRUE, &scan->conv_bias);
}

/* Bamba: scans, and attention in a few layers; a dense part in each. */
static gboolean
read_bamba(FamilyReader *f)
{
  RecurrentTraits scan;

  if (!family_read_frame(f) || !family_read_width(f) || !read_mamba2_sizes(f, &scan))
    return FALSE;
  if (json_array_size(config_get(&f->reader, "attn_layer_indices")) == 0)
    return config_refuse(&f->reader, "attn_layer_indices", "the numbers of layers with attention");
  f->attention.window = 0;
  f->dense.module = "feed_forward";
  for (guint32 i = 0; i < f->layers; i++) {
    layer_begin(&f->maker, i, 2 * (guint64)f->model->hidden);
    if (is_in_indices(f, i))
      layer_attention(&f->maker, &f->attention);
    else
      layer_recurrent(&f->maker, &scan);
    layer_dense(&f->maker, &f->dense);
    layer_end(&f->maker);
  }
  return TRUE;
}

/* Falcon-H1: a scan and attention read the same input. They are two layers here, of a scan alone
 * and of attention with the feed-forward part, since each has KV or a state of its own. */
static gboolean
read_falcon_h1(FamilyReader *f)
{
  const ConfigReader *r = &f->reader;
  RecurrentTraits scan;
  guint32 inner;
  gboolean normed;

  if (!family_read_frame(f) || !family_read_width(f) || !read_mamba2_sizes(f, &scan) ||
      !config_flag_or(r, "attention_bias", FALSE, &f->attention.qkv_bias) ||
      !config_flag_or(r, "mlp_bias", FALSE, &f->dense.bias) ||
      !config_flag_or(r, "mamba_rms_norm", FALSE, &normed) ||
      !config_count_or(r, "mamba_d_ssm", CONFIG_MAX_HIDDEN, scan.heads * scan.head_dim, &inner))
    return FALSE;
  if (inner != scan.heads * scan.head_dim)
    return config_refuse(r, "mamba_d_ssm", "mamba_n_heads times mamba_d_head");
  scan.unnormed = !normed;
  f->attention.output_bias = f->attention.qkv_bias;
  f->attention.window = 0;
  f->dense.module = "feed_forward";
  for (guint32 i = 0; i < f->layers; i++) {
    layer_begin(&f->maker, i, f->model->hidden);
    layer_recurrent(&f->maker, &scan);
    layer_end(&f->maker);
    layer_begin(&f->maker, i, f->model->hidden);
    layer_attention(&f->maker, &f->attention);
    layer_dense(&f->maker, &f->dense);
    layer_end(&f->maker);
  }
  return TRUE;
}

/* TRUE for the layers offset, offset + period, offset + 2 x period, … */
static gboolean
is_at(const ConfigReader *r, const char *period_key, const char *offset_key, guint32 index)
{
  json_int_t period = MAX(1, json_integer_value(config_get(r, period_key)));

  return (json_int_t)index % period == json_integer_value(config_get(r, offset_key));
}

static gboolean
read_jamba(FamilyReader *f)
{
  const ConfigReader *r = &f->reader;
  RecurrentTraits scan = {.module = "mamba",
                          .kind = RECURRENT_MAMBA,
                          .head_dim = 1,
                          .inner_norms = TRUE,
                          .state_bits = state_bits(f)};
  ExpertTraits experts = {
      .module = "feed_forward", .experts = "experts.0.gate_proj", .gated = TRUE};
  guint32 expand;
  gboolean sparse;

  if (!family_read_frame(f) || !family_read_width(f) || !family_read_experts(f, &experts) ||
      !config_count(r, "mamba_expand", 64, &expand) ||
      !config_count(r, "mamba_d_state", CONFIG_MAX_HEAD_DIM, &scan.state) ||
      !config_count(r, "mamba_d_conv", 64, &scan.kernel) ||
      !config_count(r, "mamba_dt_rank", CONFIG_MAX_HIDDEN, &scan.step_rank) ||
      !config_flag_or(r, "mamba_proj_bias", FALSE, &scan.bias) ||
      !config_flag_or(r, "mamba_conv_bias", TRUE, &scan.conv_bias))
    return FALSE;
  f->model->rotary_dim = 0;
  f->dense.module = "feed_forward";
  experts.width = f->dense.width;
  scan.heads = expand * f->model->hidden;
  for (guint32 i = 0; i < f->layers; i++) {
    layer_begin(&f->maker, i, 2 * (guint64)f->model->hidden);
    if (is_at(r, "attn_layer_period", "attn_layer_offset", i))
      layer_attention(&f->maker, &f->attention);
    else
      layer_recurrent(&f->maker, &scan);
    sparse = experts.experts_count > 1 && is_at(r, "expert_layer_period", "expert_layer_offset", i);
    family_end_layer(f, sparse ? &experts : NULL);
  }
  return TRUE;
}

const Family families_mamba[] = {
    {"nemotron_h", read_nemotron_h, FALSE, "{\"conv_kernel\":4,\"n_groups\":8}"},
    {"granitemoehybrid", read_granite_hybrid, TRUE, "{\"mamba_d_conv\":4,\"mamba_n_groups\":1}"},
    {"bamba", read_bamba, FALSE, NULL},
    {"falcon_h1", read_falcon_h1, FALSE, NULL},
    {"jamba", read_jamba, FALSE,
     "{\"attn_layer_period\":8,\"attn_layer_offset\":4,\"expert_layer_period\":2,"
     "\"expert_layer_offset\":1,\"mamba_expand\":2,\"mamba_d_state\":16,\"mamba_d_conv\":4,"
     "\"max_position_embeddings\":262144}"},
    {NULL, NULL, FALSE, NULL},
};
