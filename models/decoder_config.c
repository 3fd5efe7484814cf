#include "decoder_config.h"

#include <math.h>
#include <string.h>

#include "config_reader.h"

/* A positive number of one of the file's objects; an absent or null key gives *value as it is. */
static gboolean
get_number(const ConfigReader *reader, const json_t *object, const char *key, double *value)
{
  const ConfigReader inner = {
      .path = reader->path, .root = object != NULL ? object : reader->root, .error = reader->error};

  return object == NULL || config_number_or(&inner, key, *value, value);
}

static gboolean
read_scaling_values(const ConfigReader *reader, const json_t *scaling, RopeConfig *rope)
{
  double original = rope->original_position;

  if (!get_number(reader, scaling, "factor", &rope->factor) ||
      !get_number(reader, scaling, "original_max_position_embeddings", &original) ||
      !get_number(reader, scaling, "low_freq_factor", &rope->low_freq_factor) ||
      !get_number(reader, scaling, "high_freq_factor", &rope->high_freq_factor) ||
      !get_number(reader, scaling, "beta_fast", &rope->beta_fast) ||
      !get_number(reader, scaling, "beta_slow", &rope->beta_slow))
    return FALSE;
  if (rope->kind == ROPE_LLAMA3 && !(rope->high_freq_factor > rope->low_freq_factor))
    return config_refuse_value(reader, "rope_scaling", scaling,
                               "a high_freq_factor above low_freq_factor");
  rope->original_position = (guint32)original;
  rope->attention_factor = 1;
  if (rope->kind == ROPE_YARN && rope->factor > 1)
    rope->attention_factor = 0.1 * log(rope->factor) + 1;
  return get_number(reader, scaling, "attention_factor", &rope->attention_factor);
}

/* rope_scaling, or as newer files have it, rope_parameters with the base among them. */
static gboolean
read_rope(const ConfigReader *reader, const Model *model, RopeConfig *rope)
{
  static const struct {
    const char *name;
    RopeKind kind;
  } kinds[] = {
      {"default", ROPE_PLAIN},
      {"linear", ROPE_LINEAR},
      {"llama3", ROPE_LLAMA3},
      {"yarn", ROPE_YARN},
  };
  const json_t *parameters = json_object_get(reader->root, "rope_parameters");
  const json_t *scaling = json_object_get(reader->root, "rope_scaling");
  const char *type;

  *rope = (RopeConfig){
      .theta = 10000,
      .factor = 1,
      .low_freq_factor = 1,
      .high_freq_factor = 4,
      .beta_fast = 32,
      .beta_slow = 1,
      .attention_factor = 1,
      .original_position = model->max_position,
  };
  if (!get_number(reader, reader->root, "rope_theta", &rope->theta) ||
      !get_number(reader, parameters, "rope_theta", &rope->theta))
    return FALSE;
  if (!json_is_object(scaling))
    scaling = parameters;
  if (!json_is_object(scaling))
    return TRUE;
  type = json_string_value(json_object_get(scaling, "rope_type"));
  if (type == NULL)
    type = json_string_value(json_object_get(scaling, "type"));
  for (guint i = 0; type != NULL && i < G_N_ELEMENTS(kinds); i++)
    if (g_str_equal(type, kinds[i].name)) {
      rope->kind = kinds[i].kind;
      return read_scaling_values(reader, scaling, rope);
    }
  return config_refuse_value(reader, "rope_scaling", scaling,
                             "the type default, linear, llama3 or yarn");
}

/* What model_config.h takes, but whose arithmetic is another. */
static gboolean
check_kind(const ConfigReader *reader, const Model *model)
{
  static const char *const known[] = {"llama", "mistral", "qwen2", "qwen3", NULL};
  const char *activation = config_text(reader, "hidden_act");
  double rotated;

  if (!g_strv_contains(known, model->family))
    return config_refuse(
        reader, "model_type",
        "\"llama\", \"mistral\", \"qwen2\" or \"qwen3\": others can be simulated, not run");
  if (model->weight_bits != 16)
    return config_refuse(reader, "quantization_config",
                         "none: quantized weights can be simulated, not run");
  if (!model_is_uniform(model))
    return config_refuse(reader, "sliding_window",
                         "none: layers with a window can be simulated, not run");
  if (config_has(reader, "hidden_act") && g_strcmp0(activation, "silu") != 0)
    return config_refuse(reader, "hidden_act", "\"silu\"");
  if (!config_number_or(reader, "partial_rotary_factor", 1, &rotated) ||
      (rotated != 1 &&
       !config_refuse(reader, "partial_rotary_factor", "1: heads are rotated whole")))
    return FALSE;
  if (strcmp(model->family, "qwen2") != 0 &&
      (!config_require_flag(reader, "attention_bias", FALSE) ||
       !config_require_flag(reader, "mlp_bias", FALSE)))
    return FALSE;
  if (model->head_dim % 2 != 0) {
    g_set_error(reader->error, MODEL_CONFIG_ERROR, MODEL_CONFIG_ERROR_VALUE,
                "%s: heads of %u elements: expected an even number, whose halves are rotated",
                reader->path, model->head_dim);
    return FALSE;
  }
  return TRUE;
}

DecoderConfig *
decoder_config_read(const char *path, const char *name, GError **error)
{
  g_autoptr(DecoderConfig) config = g_new0(DecoderConfig, 1);
  g_autoptr(json_t) root = NULL;
  ConfigReader reader = {.path = path, .error = error};

  config->path = g_strdup(path);
  config->model = model_config_read(path, name, error);
  if (config->model == NULL)
    return NULL;
  root = config_load(path, "a model's config.json", error);
  if (root == NULL)
    return NULL;
  reader.root = root;
  config->rms_epsilon = 1e-6;
  if (!check_kind(&reader, config->model) ||
      !get_number(&reader, root, "rms_norm_eps", &config->rms_epsilon) ||
      !read_rope(&reader, config->model, &config->rope))
    return NULL;
  return g_steal_pointer(&config);
}

void
decoder_config_free(DecoderConfig *config)
{
  if (config == NULL)
    return;
  model_free(config->model);
  g_free(config->path);
  g_free(config);
}
