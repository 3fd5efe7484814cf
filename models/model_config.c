/* The reader of config.json: one row of `kinds` a model type, each reading the keys of its family.
 *
 * Every read goes through get_*(), which checks type and range and phrases the error, so a family's
 * function is a list of its keys. Called by the command line to resolve --model.
 */
#include "model_config.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

/* Largest values that are believed; with them no size in sim/model.c overflows 64 bits. */
enum {
  MAX_LAYERS = 1 << 10,
  MAX_HIDDEN = 1 << 18,
  MAX_HEADS = 1 << 12,
  MAX_HEAD_DIM = 1 << 14,
  MAX_FFN = 1 << 20,
  MAX_VOCAB = 1 << 24,
  MAX_EXPERTS = 1 << 12,
  MAX_POSITION = 1 << 28,
  OPT_POSITION_OFFSET = 2, /* rows of OPT's position table before position 0 */
};

#define MAX_FILE_BYTES (16 * 1024 * 1024)

G_DEFINE_QUARK(spillway - model - config - error, model_config_error)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

typedef struct {
  const char *path;
  const json_t *root;
  GError **error;
} Reader;

/* "FILE: KEY: found VALUE, expected EXPECTED"; returns FALSE. */
static gboolean
refuse(const Reader *reader, const char *key, const char *expected)
{
  const json_t *value = json_object_get(reader->root, key);
  char *dump = value != NULL ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

  if (dump != NULL && strlen(dump) > 60)
    memcpy(dump + 57, "...", 4);
  g_set_error(reader->error, MODEL_CONFIG_ERROR, MODEL_CONFIG_ERROR_VALUE,
              "%s: %s: found %s, expected %s", reader->path, key, dump != NULL ? dump : "nothing",
              expected);
  free(dump);
  return FALSE;
}

static gboolean
has(const Reader *reader, const char *key)
{
  const json_t *value = json_object_get(reader->root, key);

  return value != NULL && !json_is_null(value);
}

static gboolean
get_count(const Reader *reader, const char *key, guint32 max, guint32 *value)
{
  const json_t *found = json_object_get(reader->root, key);

  if (!json_is_integer(found) || json_integer_value(found) < 1 ||
      json_integer_value(found) > (json_int_t)max) {
    g_autofree char *expected = g_strdup_printf("a whole number from 1 to %u", max);
    return refuse(reader, key, expected);
  }
  *value = (guint32)json_integer_value(found);
  return TRUE;
}

/* As get_count(), but an absent (or null) key gives `absent`. */
static gboolean
get_count_or(const Reader *reader, const char *key, guint32 max, guint32 absent, guint32 *value)
{
  *value = absent;
  return !has(reader, key) || get_count(reader, key, max, value);
}

static gboolean
get_flag_or(const Reader *reader, const char *key, gboolean absent, gboolean *value)
{
  const json_t *found = json_object_get(reader->root, key);

  *value = has(reader, key) ? json_is_true(found) : absent;
  return !has(reader, key) || json_is_boolean(found) || refuse(reader, key, "true or false");
}

/* The sizes cover this key's usual value only. */
static gboolean
require_flag(const Reader *reader, const char *key, gboolean usual)
{
  gboolean value;

  if (!get_flag_or(reader, key, usual, &value))
    return FALSE;
  return value == usual ||
         refuse(reader, key,
                usual ? "true (no other form is known)" : "false (no other form is known)");
}

/* float16 … of torch_dtype or dtype, with the width that an engine keeps it at. */
static gboolean
read_dtype(const Reader *reader, Model *model)
{
  static const struct {
    const char *name, *kept_as;
    guint32 bits;
  } dtypes[] = {
      {"float16", "float16", 16},
      {"bfloat16", "bfloat16", 16},
      {"float32", "float16", 16},
      {"float8_e4m3fn", "fp8", 8},
  };
  const char *key = has(reader, "torch_dtype") ? "torch_dtype" : "dtype";
  const char *name =
      has(reader, key) ? json_string_value(json_object_get(reader->root, key)) : "float16";

  model->kv_bits = 16;
  for (guint i = 0; name != NULL && i < G_N_ELEMENTS(dtypes); i++)
    if (g_str_equal(name, dtypes[i].name)) {
      model->dtype = g_strdup(dtypes[i].kept_as);
      model->weight_bits = dtypes[i].bits;
      return TRUE;
    }
  return refuse(reader, key, "\"float16\", \"bfloat16\", \"float32\" or \"float8_e4m3fn\"");
}

/* llm-compressor's form: the first group's weights stand for all, and the KV cache has a key. */
static gboolean
read_compressed_tensors(const Reader *reader, const json_t *found, Model *model)
{
  const json_t *group =
      json_object_iter_value(json_object_iter((json_t *)json_object_get(found, "config_groups")));
  const json_t *weights = json_object_get(group, "weights");
  const json_t *kv_bits = json_object_get(json_object_get(found, "kv_cache_scheme"), "num_bits");
  json_int_t bits = json_integer_value(json_object_get(weights, "num_bits"));
  gboolean is_float = g_strcmp0(json_string_value(json_object_get(weights, "type")), "float") == 0;

  if (bits != 8 && !(bits == 4 && !is_float))
    return refuse(reader, "quantization_config",
                  "\"weights\" of 8 bits, or of 4 that are no floats");
  if (kv_bits != NULL && json_integer_value(kv_bits) != 8)
    return refuse(reader, "quantization_config", "a \"kv_cache_scheme\" of 8 \"num_bits\"");
  model->weight_bits = (guint32)bits;
  model->kv_bits = kv_bits != NULL ? 8 : model->kv_bits;
  g_free(model->dtype);
  if (is_float)
    model->dtype =
        g_strdup(g_strcmp0(json_string_value(json_object_get(weights, "strategy")), "block") == 0
                     ? "fp8_block"
                     : "fp8");
  else
    model->dtype = g_strdup_printf("int%u", model->weight_bits);
  return TRUE;
}

static gboolean
read_quantization(const Reader *reader, Model *model)
{
  const json_t *found = json_object_get(reader->root, "quantization_config");
  const char *method = json_string_value(json_object_get(found, "quant_method"));
  const json_t *bits = json_object_get(found, "bits");

  if (!has(reader, "quantization_config"))
    return TRUE;
  if (g_strcmp0(method, "compressed-tensors") == 0)
    return read_compressed_tensors(reader, found, model);
  if (g_strcmp0(method, "fp8") == 0) {
    model->weight_bits = 8;
  } else if (g_strcmp0(method, "gptq") == 0 || g_strcmp0(method, "awq") == 0) {
    if (json_integer_value(bits) != 4 && json_integer_value(bits) != 8)
      return refuse(reader, "quantization_config", "4 or 8 \"bits\"");
    model->weight_bits = (guint32)json_integer_value(bits);
  } else {
    return refuse(reader, "quantization_config",
                  "\"quant_method\" fp8, compressed-tensors, gptq or awq");
  }
  g_free(model->dtype);
  /* A scale a block is another kernel than a scale a tensor or a row. */
  if (!g_str_equal(method, "fp8"))
    model->dtype = g_strdup_printf("int%u", model->weight_bits);
  else
    model->dtype =
        g_strdup(json_is_array(json_object_get(found, "weight_block_size")) ? "fp8_block" : "fp8");
  return TRUE;
}

/* The context that YaRN stretches the model to: original length x factor, if that is longer. */
static gboolean
read_rope_scaling(const Reader *reader, Model *model)
{
  const json_t *scaling = json_object_get(reader->root, "rope_scaling");
  const char *type = json_string_value(json_object_get(scaling, "rope_type"));
  const json_t *original = json_object_get(scaling, "original_max_position_embeddings");
  const json_t *factor = json_object_get(scaling, "factor");
  double stretched;

  if (!has(reader, "rope_scaling"))
    return TRUE;
  if (!json_is_object(scaling))
    return refuse(reader, "rope_scaling", "an object or null");
  if (type == NULL)
    type = json_string_value(json_object_get(scaling, "type"));
  if (g_strcmp0(type, "yarn") != 0)
    return TRUE;
  stretched = json_number_value(factor) *
              (original != NULL ? json_number_value(original) : model->max_position);
  if (!(stretched >= 1 && stretched <= MAX_POSITION))
    return refuse(reader, "rope_scaling", "a \"factor\" and original length of a believable size");
  model->max_position = MAX(model->max_position, (guint32)stretched);
  return TRUE;
}

static gboolean
read_sliding_window(const Reader *reader, Model *model)
{
  gboolean used;
  guint32 window;

  if (!get_flag_or(reader, "use_sliding_window", TRUE, &used) ||
      !get_count_or(reader, "sliding_window", MAX_POSITION, MAX_POSITION, &window))
    return FALSE;
  if (used)
    model->max_position = MIN(model->max_position, window);
  return TRUE;
}

/* Heads: grouped (fewer KV heads) and of a width of their own, where the file says so. */
static gboolean
read_heads(const Reader *reader, Model *model)
{
  if (!get_count(reader, "num_attention_heads", MAX_HEADS, &model->heads) ||
      !get_count_or(reader, "num_key_value_heads", MAX_HEADS, model->heads, &model->kv_heads))
    return FALSE;
  if (model->kv_heads > model->heads || model->heads % model->kv_heads != 0)
    return refuse(reader, "num_key_value_heads", "a divisor of num_attention_heads");
  if (has(reader, "head_dim"))
    return get_count(reader, "head_dim", MAX_HEAD_DIM, &model->head_dim);
  if (model->hidden % model->heads != 0)
    return refuse(reader, "num_attention_heads", "a divisor of hidden_size, or head_dim given");
  model->head_dim = model->hidden / model->heads;
  return TRUE;
}

/* What every family has in the same keys. */
static gboolean
read_frame(const Reader *reader, Model *model)
{
  return get_count(reader, "num_hidden_layers", MAX_LAYERS, &model->layers) &&
         get_count(reader, "hidden_size", MAX_HIDDEN, &model->hidden) &&
         get_count(reader, "vocab_size", MAX_VOCAB, &model->vocab) &&
         get_count(reader, "max_position_embeddings", MAX_POSITION, &model->max_position) &&
         read_heads(reader, model) && read_rope_scaling(reader, model) &&
         read_sliding_window(reader, model) && read_dtype(reader, model) &&
         read_quantization(reader, model);
}

static gboolean
read_llama(const Reader *reader, Model *model)
{
  model->gated_ffn = TRUE;
  return read_frame(reader, model) && require_flag(reader, "attention_bias", FALSE) &&
         require_flag(reader, "mlp_bias", FALSE) &&
         get_count(reader, "intermediate_size", MAX_FFN, &model->ffn);
}

static gboolean
read_qwen2(const Reader *reader, Model *model)
{
  model->qkv_bias = TRUE;
  return read_llama(reader, model);
}

static gboolean
read_qwen3(const Reader *reader, Model *model)
{
  model->qk_norm = TRUE;
  return read_llama(reader, model);
}

static gboolean
read_experts(const Reader *reader, Model *model, const char *key)
{
  if (!get_count(reader, key, MAX_EXPERTS, &model->experts) ||
      !get_count(reader, "num_experts_per_tok", MAX_EXPERTS, &model->active_experts))
    return FALSE;
  return model->active_experts <= model->experts ||
         refuse(reader, "num_experts_per_tok", "no more than there are experts");
}

static gboolean
read_mixtral(const Reader *reader, Model *model)
{
  return read_llama(reader, model) && read_experts(reader, model, "num_local_experts");
}

static gboolean
read_qwen3_moe(const Reader *reader, Model *model)
{
  guint32 sparse_step;

  if (!read_qwen3(reader, model) || !read_experts(reader, model, "num_experts") ||
      !get_count(reader, "moe_intermediate_size", MAX_FFN, &model->ffn) ||
      !get_count_or(reader, "decoder_sparse_step", MAX_LAYERS, 1, &sparse_step))
    return FALSE;
  if (sparse_step != 1)
    return refuse(reader, "decoder_sparse_step", "1 (experts in every layer)");
  if (json_array_size(json_object_get(reader->root, "mlp_only_layers")) != 0)
    return refuse(reader, "mlp_only_layers", "[] (experts in every layer)");
  return TRUE;
}

static gboolean
read_opt(const Reader *reader, Model *model)
{
  guint32 embedding_width;

  model->all_bias = TRUE;
  if (!read_frame(reader, model) || !get_count(reader, "ffn_dim", MAX_FFN, &model->ffn) ||
      !require_flag(reader, "enable_bias", TRUE) ||
      !require_flag(reader, "do_layer_norm_before", TRUE) ||
      !get_count_or(reader, "word_embed_proj_dim", MAX_HIDDEN, model->hidden, &embedding_width))
    return FALSE;
  if (embedding_width != model->hidden)
    return refuse(reader, "word_embed_proj_dim", "the same as hidden_size");
  model->learned_positions = model->max_position + OPT_POSITION_OFFSET;
  return TRUE;
}

static const struct {
  const char *type;
  gboolean (*read)(const Reader *reader, Model *model);
  gboolean tied; /* unless tie_word_embeddings says otherwise */
} kinds[] = {
    {"llama", read_llama, FALSE},     {"mistral", read_llama, FALSE},
    {"mixtral", read_mixtral, FALSE}, {"qwen2", read_qwen2, FALSE},
    {"qwen3", read_qwen3, FALSE},     {"qwen3_moe", read_qwen3_moe, FALSE},
    {"phi3", read_llama, FALSE},      {"gemma", read_llama, TRUE},
    {"opt", read_opt, TRUE},
};

static gboolean
refuse_kind(const Reader *reader, const char *type)
{
  g_autoptr(GString) known = g_string_new(NULL);

  if (type == NULL)
    return refuse(reader, "model_type", "the kind of model, such as \"llama\"");
  for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
    g_string_append_printf(known, "%s%s", i > 0 ? ", " : "", kinds[i].type);
  g_set_error(reader->error, MODEL_CONFIG_ERROR, MODEL_CONFIG_ERROR_UNKNOWN,
              "%s: model_type: found \"%.60s\", whose sizes are not known; known are %s",
              reader->path, type, known->str);
  return FALSE;
}

static gboolean
read_model(const Reader *reader, Model *model)
{
  const char *type = json_string_value(json_object_get(reader->root, "model_type"));

  for (guint i = 0; type != NULL && i < G_N_ELEMENTS(kinds); i++)
    if (g_str_equal(type, kinds[i].type))
      return kinds[i].read(reader, model) &&
             get_flag_or(reader, "tie_word_embeddings", kinds[i].tied, &model->tied_embeddings);
  return refuse_kind(reader, type);
}

static json_t *
load_object(const char *path, GError **error)
{
  g_autofree char *text = NULL;
  g_autoptr(json_t) root = NULL;
  json_error_t at;
  gsize n_bytes;

  if (!g_file_get_contents(path, &text, &n_bytes, NULL)) {
    int saved = errno;
    g_set_error(error, MODEL_CONFIG_ERROR, MODEL_CONFIG_ERROR_OPEN,
                "%s: cannot be read: %s; expected a model's config.json", path, g_strerror(saved));
    return NULL;
  }
  if (n_bytes > MAX_FILE_BYTES) {
    g_set_error(error, MODEL_CONFIG_ERROR, MODEL_CONFIG_ERROR_SYNTAX,
                "%s: found %" G_GSIZE_FORMAT " bytes, expected a model's config.json", path,
                n_bytes);
    return NULL;
  }
  root = json_loadb(text, n_bytes, JSON_REJECT_DUPLICATES, &at);
  if (root == NULL) {
    g_set_error(error, MODEL_CONFIG_ERROR, MODEL_CONFIG_ERROR_SYNTAX,
                "%s:%d:%d: %s; expected a model's config.json", path, at.line, at.column, at.text);
    return NULL;
  }
  if (!json_is_object(root)) {
    g_set_error(error, MODEL_CONFIG_ERROR, MODEL_CONFIG_ERROR_SYNTAX,
                "%s:1:1: found no JSON object, expected a model's config.json", path);
    return NULL;
  }
  return g_steal_pointer(&root);
}

Model *
model_config_read(const char *path, const char *name, GError **error)
{
  g_autoptr(json_t) root = load_object(path, error);
  g_autoptr(Model) model = g_new0(Model, 1);
  const Reader reader = {path, root, error};

  if (root == NULL)
    return NULL;
  model->name = g_strdup(name);
  return read_model(&reader, model) ? g_steal_pointer(&model) : NULL;
}
