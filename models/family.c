#include "family.h"

#include <string.h>

#include "context.h"

static const char *const layer_names[] = {"num_hidden_layers", "n_layer", "num_layers", "n_layers",
                                          NULL};
static const char *const hidden_names[] = {"hidden_size", "n_embd", "d_model", NULL};
static const char *const head_names[] = {"num_attention_heads", "n_head", "n_heads", NULL};
static const char *const kv_head_names[] = {"num_key_value_heads", "num_kv_heads", "n_head_kv",
                                            "multi_query_group_num", NULL};
static const char *const vocab_names[] = {"vocab_size", "padded_vocab_size", NULL};
static const char *const width_names[] = {"intermediate_size", "ffn_hidden_size", "n_inner",
                                          "ffn_dim", NULL};
static const char *const head_dim_names[] = {"head_dim", "kv_channels", "attention_head_dim", NULL};

/* float16 … of torch_dtype or dtype: what engines keep weights as that are not quantized. */
static const char *
read_dtype(const ConfigReader *reader)
{
  static const struct {
    const char *name, *kept_as;
  } dtypes[] = {
      {"float16", "float16"},
      {"bfloat16", "bfloat16"},
      {"float32", "float16"},
      {"float8_e4m3fn", "fp8"},
  };
  const char *key = config_get_either(reader, "torch_dtype") != NULL ? "torch_dtype" : "dtype";
  const json_t *found = config_get_either(reader, key);
  const char *name = found != NULL ? json_string_value(found) : "float16";

  for (guint i = 0; name != NULL && i < G_N_ELEMENTS(dtypes); i++)
    if (g_str_equal(name, dtypes[i].name))
      return dtypes[i].kept_as;
  config_refuse_value(reader, key, found,
                      "\"float16\", \"bfloat16\", \"float32\" or \"float8_e4m3fn\"");
  return NULL;
}

/* Heads: grouped (fewer KV heads) and of a width of their own, where the file says so. */
static gboolean
read_heads(FamilyReader *f)
{
  const ConfigReader *r = &f->reader;
  AttentionTraits *a = &f->attention;
  const char *key = config_key(r, head_names), *kv_key = config_key(r, kv_head_names);
  const char *dim_key = config_key(r, head_dim_names);

  if (!config_count(r, key, CONFIG_MAX_HEADS, &a->heads) ||
      !config_count_or(r, kv_key, CONFIG_MAX_HEADS, a->heads, &a->kv_heads))
    return FALSE;
  if (a->kv_heads > a->heads || a->heads % a->kv_heads != 0)
    return config_refuse(r, kv_key, "a divisor of num_attention_heads");
  if (!config_has(r, dim_key) && f->model->hidden % a->heads != 0)
    return config_refuse(r, key, "a divisor of hidden_size, or head_dim given");
  if (!config_count_or(r, dim_key, CONFIG_MAX_HEAD_DIM, f->model->hidden / a->heads, &a->head_dim))
    return FALSE;
  a->value_dim = a->head_dim;
  return TRUE;
}

/* The share of a head that is rotated, by one of three names. */
static gboolean
read_rotary(FamilyReader *f)
{
  static const char *const names[] = {"partial_rotary_factor", "rotary_pct", "rope_ratio", NULL};
  const json_t *parameters = config_get(&f->reader, "rope_parameters");
  const json_t *inner = json_object_get(parameters, "partial_rotary_factor");
  const char *key = config_key(&f->reader, names);
  double share;

  if (g_str_equal(key, "rope_ratio"))
    share = 0.5; /* ChatGLM rotates one half; its ratio stretches the base */
  else if (!config_number_or(&f->reader, key, json_is_number(inner) ? json_number_value(inner) : 1,
                             &share))
    return FALSE;
  f->model->rotary_dim = (guint32)(MIN(share, 1) * f->attention.head_dim);
  return TRUE;
}

static gboolean
read_window(FamilyReader *f)
{
  static const char *const names[] = {"sliding_window", "sliding_window_size",
                                      "attention_chunk_size", NULL};
  const char *key = config_key(&f->reader, names);
  gboolean used;

  f->window_kind = g_str_equal(key, "attention_chunk_size") ? MIXER_CHUNKED : MIXER_SLIDING;
  return config_amount_or(&f->reader, key, CONFIG_MAX_POSITION, 0, &f->attention.window) &&
         config_flag_or(&f->reader, "use_sliding_window", TRUE, &used) &&
         (used || (f->attention.window = 0) == 0);
}

/* Nemotron-H may give each layer's kind, and no count of them. */
static gboolean
read_layers(FamilyReader *f)
{
  const ConfigReader *r = &f->reader;
  const char *key = config_key(r, layer_names);
  gsize kinds = json_array_size(config_get(r, "layers_block_type"));

  if (kinds == 0 || kinds > CONFIG_MAX_LAYERS || config_get(r, key) != NULL)
    return config_count(r, key, CONFIG_MAX_LAYERS, &f->layers);
  f->layers = (guint32)kinds;
  return TRUE;
}

/* A word, or 0 or 1, for each layer. */
static gboolean
list_is_whole(const FamilyReader *f, const json_t *list, gboolean of_words)
{
  gsize n = json_array_size(list);

  for (gsize i = 0; i < n; i++) {
    const json_t *value = json_array_get(list, i);
    const char *word = json_string_value(value);
    if (of_words ? g_strcmp0(word, "dense") != 0 && g_strcmp0(word, "sparse") != 0
                 : !json_is_integer(value) || json_integer_value(value) >> 1 != 0)
      return FALSE;
  }
  return n >= f->layers;
}

/* What family_layer_type() goes by, where it is there. */
static gboolean
check_layer_types(const FamilyReader *f)
{
  const json_t *types = config_get(&f->reader, "layer_types");
  gsize n = json_array_size(types), words = 0;

  while (words < n && json_is_string(json_array_get(types, words)))
    words++;
  return types == NULL || json_is_null(types) || words >= f->layers
             ? TRUE
             : config_refuse(&f->reader, "layer_types", "a word for each of num_hidden_layers");
}

/* What family_is_past_dense() goes by. */
static gboolean
check_dense_first(const FamilyReader *f)
{
  const ConfigReader *r = &f->reader;
  const json_t *words = config_get(r, "mlp_layer_types");
  const json_t *every = config_get(r, "moe_layer_freq");
  guint32 ignored;

  if (words != NULL && !(json_is_array(words) && list_is_whole(f, words, TRUE)))
    return config_refuse(r, "mlp_layer_types", "\"dense\" or \"sparse\" for each layer");
  if (json_is_array(every) && !list_is_whole(f, every, FALSE))
    return config_refuse(r, "moe_layer_freq", "0 or 1 for each layer, or a number");
  return config_amount_or(r, "first_k_dense_replace", CONFIG_MAX_LAYERS, 0, &ignored) &&
         (json_is_array(every) ||
          config_count_or(r, "moe_layer_freq", CONFIG_MAX_LAYERS, 1, &ignored));
}

/* SGLang's mamba2_state_dtype(): what mamba_ssm_dtype says, else 32 bits. vLLM takes the model's
 * dtype instead, or what its class wants (the families' readers). */
static guint32
sglang_state_bits(const ConfigReader *r)
{
  const char *text = config_text(r, "mamba_ssm_dtype");

  return g_strcmp0(text, "bfloat16") == 0 || g_strcmp0(text, "float16") == 0 ? 16 : 32;
}

gboolean
family_read_frame(FamilyReader *f)
{
  const ConfigReader *r = &f->reader;
  Model *m = f->model;
  ModelContext context = {0};
  const char *plain_name;

  f->attention = (AttentionTraits){
      .module = "self_attn", .query = "q_proj", .output = "o_proj", .kind = MIXER_FULL};
  f->dense = (DenseTraits){.module = "mlp", .up = "gate_proj", .down = "down_proj", .gated = TRUE};
  if (!read_layers(f) || !check_layer_types(f) || !check_dense_first(f) ||
      !config_count(r, config_key(r, hidden_names), CONFIG_MAX_HIDDEN, &m->hidden) ||
      !config_count(r, config_key(r, vocab_names), CONFIG_MAX_VOCAB, &m->vocab) ||
      !context_read(r, &context))
    return FALSE;
  m->max_position = context.max_position;
  m->context_source = context.source;
  m->unstretched_position = context.unstretched;
  m->sglang_position = context.sglang;
  m->sglang_state_bits = sglang_state_bits(r);
  m->outer_vectors = m->hidden;
  if (!read_heads(f) || !read_rotary(f) || !read_window(f) || (plain_name = read_dtype(r)) == NULL)
    return FALSE;
  f->quantization = quantization_read(r, plain_name);
  if (f->quantization == NULL)
    return FALSE;
  m->head_format = *quantization_head(f->quantization);
  m->kv_bits = quantization_kv_bits(f->quantization);
  m->kv_bits = m->kv_bits > 0 ? m->kv_bits : 16;
  f->maker = (LayerMaker){.model = m, .quantization = f->quantization};
  return TRUE;
}

gboolean
family_read_width(FamilyReader *f)
{
  return config_count(&f->reader, config_key(&f->reader, width_names), CONFIG_MAX_FFN,
                      &f->dense.width);
}

const char *
family_layer_type(const FamilyReader *f, guint32 index)
{
  const json_t *types = config_get(&f->reader, "layer_types");

  return json_string_value(json_array_get(types, index));
}

gboolean
family_set_attention_kind(FamilyReader *f, guint32 index)
{
  const char *type = family_layer_type(f, index);
  gboolean windowed = type == NULL && f->attention.window > 0 &&
                      (f->is_windowed == NULL || f->is_windowed(f, index));

  if (type != NULL && !g_str_equal(type, "full_attention") && !g_str_equal(type, "attention")) {
    if (!g_str_equal(type, "sliding_attention") && !g_str_equal(type, "chunked_attention"))
      return config_refuse(&f->reader, "layer_types",
                           "full_attention, sliding_attention or chunked_attention");
    if (f->attention.window == 0)
      return config_refuse(&f->reader, "sliding_window", "the window of the layers that have one");
    windowed = TRUE;
  }
  /* A window that holds the longest context bounds nothing. */
  f->attention.kind =
      windowed && f->attention.window < f->model->max_position ? f->window_kind : MIXER_FULL;
  return TRUE;
}

void
family_end_layer(FamilyReader *f, const ExpertTraits *experts)
{
  if (experts != NULL)
    layer_experts(&f->maker, experts);
  else
    layer_dense(&f->maker, &f->dense);
  layer_end(&f->maker);
}

gboolean
family_add_dense_layers(FamilyReader *f, guint64 norm_elements)
{
  for (guint32 i = 0; i < f->layers; i++) {
    if (!family_set_attention_kind(f, i))
      return FALSE;
    layer_begin(&f->maker, i, norm_elements);
    layer_attention(&f->maker, &f->attention);
    layer_dense(&f->maker, &f->dense);
    layer_end(&f->maker);
  }
  return TRUE;
}

gboolean
family_add_expert_layers(FamilyReader *f, const ExpertTraits *experts,
                         gboolean (*is_sparse)(const FamilyReader *f, guint32 index),
                         guint64 norm_elements)
{
  for (guint32 i = 0; i < f->layers; i++) {
    if (!family_set_attention_kind(f, i))
      return FALSE;
    layer_begin(&f->maker, i, norm_elements);
    layer_attention(&f->maker, &f->attention);
    family_end_layer(f, is_sparse == NULL || is_sparse(f, i) ? experts : NULL);
  }
  return TRUE;
}

gboolean
family_is_in_pattern(const FamilyReader *f, guint32 index)
{
  return f->pattern > 0 && (index + 1) % f->pattern != 0;
}

static gboolean
is_windowed_in_word(const FamilyReader *f, guint32 index)
{
  const char *word = config_text(&f->reader, "sliding_window_pattern");

  if (word != NULL && *word != '\0')
    return index + 1 < f->layers && word[index % strlen(word)] == 'L';
  return family_is_in_pattern(f, index);
}

gboolean
family_read_window_pattern(FamilyReader *f)
{
  static const char key[] = "sliding_window_pattern";

  f->is_windowed = is_windowed_in_word;
  return config_text(&f->reader, key) != NULL ||
         config_amount_or(&f->reader, key, CONFIG_MAX_LAYERS, 0, &f->pattern);
}

gboolean
family_is_past_dense(const FamilyReader *f, guint32 index)
{
  const json_t *first = config_get(&f->reader, "first_k_dense_replace");
  const json_t *every = config_get(&f->reader, "moe_layer_freq");
  const json_t *words = config_get(&f->reader, "mlp_layer_types");
  json_int_t step = json_is_integer(every) ? json_integer_value(every) : 1;

  if (json_array_size(words) > 0)
    return g_strcmp0(json_string_value(json_array_get(words, index)), "dense") != 0;
  /* A list has 1 for each layer with experts. */
  if (json_is_array(every))
    return json_integer_value(json_array_get(every, index)) != 0;
  return (json_int_t)index >= json_integer_value(first) && (json_int_t)index % step == 0;
}

gboolean
family_read_sparse(FamilyReader *f)
{
  const json_t *dense = config_get(&f->reader, "mlp_only_layers");

  for (gsize i = 0; i < json_array_size(dense); i++)
    if (!json_is_integer(json_array_get(dense, i)))
      return config_refuse(&f->reader, "mlp_only_layers", "numbers of layers");
  return config_count_or(&f->reader, "decoder_sparse_step", CONFIG_MAX_LAYERS, 1, &f->sparse_step);
}

gboolean
family_is_sparse(const FamilyReader *f, guint32 index)
{
  const json_t *dense = config_get(&f->reader, "mlp_only_layers");

  for (gsize i = 0; i < json_array_size(dense); i++)
    if (json_integer_value(json_array_get(dense, i)) == (json_int_t)index)
      return FALSE;
  return (index + 1) % f->sparse_step == 0;
}

gboolean
family_read_experts(FamilyReader *f, ExpertTraits *experts)
{
  static const char *const counts[] = {"num_local_experts", "num_experts", "n_routed_experts",
                                       "moe_num_experts", NULL};
  static const char *const actives[] = {"num_experts_per_tok", "moe_topk", "moe_k", "moe_top_k",
                                        NULL};
  const ConfigReader *r = &f->reader;
  const char *active_key = config_key(r, actives);

  if (!config_count(r, config_key(r, counts), CONFIG_MAX_EXPERTS, &experts->experts_count) ||
      !config_count(r, active_key, CONFIG_MAX_EXPERTS, &experts->active))
    return FALSE;
  return experts->active <= experts->experts_count ||
         config_refuse(r, active_key, "no more than there are experts");
}

gboolean
family_read_shared_experts(const FamilyReader *f, const char *key, guint32 width,
                           ExpertTraits *experts)
{
  guint32 shared;

  if (!config_amount_or(&f->reader, key, CONFIG_MAX_EXPERTS, 0, &shared))
    return FALSE;
  experts->shared_width = shared * width;
  return TRUE;
}

gboolean
family_read_tied(FamilyReader *f, gboolean absent)
{
  const json_t *found = config_get_either(&f->reader, "tie_word_embeddings");

  f->model->tied_embeddings = found != NULL ? json_is_true(found) : absent;
  return found == NULL || json_is_boolean(found) ||
         config_refuse_value(&f->reader, "tie_word_embeddings", found, "true or false");
}
