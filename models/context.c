#include "context.h"

#include <string.h>

static const char *const length_keys[] = {
    "max_position_embeddings", "n_positions",         "max_seq_len",    "seq_length",
    "max_target_positions",    "max_sequence_length", "max_seq_length", "seq_len",
};

/* rope_scaling, or rope_parameters; of those that differ by layer type, the full attention's. */
static const json_t *
find_scaling(const ConfigReader *reader, const char **key)
{
  const json_t *scaling = config_get(reader, *key = "rope_scaling");
  const json_t *full;

  if (scaling == NULL)
    scaling = config_get(reader, *key = "rope_parameters");
  full = json_object_get(scaling, "full_attention");
  return json_is_object(full) ? full : scaling;
}

static const char *
scaling_type(const json_t *scaling)
{
  const char *type = json_string_value(json_object_get(scaling, "rope_type"));

  return type != NULL ? type : json_string_value(json_object_get(scaling, "type"));
}

static gboolean
shortest_length(const ConfigReader *reader, ModelContext *context)
{
  const char *key = NULL;

  for (guint i = 0; i < G_N_ELEMENTS(length_keys); i++) {
    guint32 length;
    if (!config_has(reader, length_keys[i]))
      continue;
    if (!config_count(reader, length_keys[i], CONFIG_MAX_POSITION, &length))
      return FALSE;
    if (key == NULL || length < context->max_position) {
      key = length_keys[i];
      context->max_position = length;
    }
  }
  /* Cohere's: it counts whatever the others say. */
  if (config_has(reader, "model_max_length")) {
    key = "model_max_length";
    if (!config_count(reader, key, CONFIG_MAX_POSITION, &context->max_position))
      return FALSE;
  }
  if (key == NULL)
    return config_refuse(reader, "max_position_embeddings", "the longest context, in tokens");
  context->source = g_strdup(key);
  return TRUE;
}

/* By a factor of 1 or more, of the original length where the file has it and the kind is yarn. */
static gboolean
stretch(const ConfigReader *reader, const char *key, const json_t *scaling, const char *type,
        ModelContext *context)
{
  const json_t *found = json_object_get(scaling, "factor");
  const json_t *original = json_object_get(scaling, "original_max_position_embeddings");
  gboolean from_original = g_str_equal(type, "yarn") && json_is_number(original);
  double length = from_original ? json_number_value(original) : context->max_position;
  double factor = found == NULL || json_is_null(found) ? 1 : json_number_value(found);
  char *source;

  if ((found == NULL && g_str_equal(type, "yarn")) || !(factor * length >= 1) ||
      factor * length > CONFIG_MAX_POSITION)
    return config_refuse_value(reader, key, scaling,
                               "a \"factor\" and original length of a believable size");
  if (factor == 1 && !from_original)
    return TRUE;
  source =
      g_strdup_printf("%s: %s, %g x %s %.0f", key, type, factor,
                      from_original ? "original_max_position_embeddings" : context->source, length);
  g_free(context->source);
  context->source = source;
  context->max_position = (guint32)(factor * length);
  return TRUE;
}

/* Gemma 3 states the stretched length, whatever the kind. */
static gboolean
states_stretched(const ConfigReader *reader)
{
  const char *family = config_text(reader, "model_type");

  return family != NULL && strstr(family, "gemma3") != NULL;
}

static gboolean
is_longrope(const char *type)
{
  return g_strcmp0(type, "longrope") == 0 || g_strcmp0(type, "su") == 0;
}

/* Beside the scaling, where Phi has it; within it vLLM does not look. */
static gboolean
read_unstretched(const ConfigReader *reader, const char *type, ModelContext *context)
{
  static const char *const key = "original_max_position_embeddings";

  if (!is_longrope(type) || !config_has(reader, key))
    return TRUE;
  if (!config_count(reader, key, CONFIG_MAX_POSITION, &context->unstretched))
    return FALSE;
  if (context->unstretched >= context->max_position)
    context->unstretched = 0;
  return TRUE;
}

static gboolean
read_sglang(const ConfigReader *reader, const json_t *scaling, const char *type,
            ModelContext *context)
{
  static const char *const keys[] = {
      "max_sequence_length",     "seq_length", "max_seq_len", "model_max_length",
      "max_position_embeddings", NULL};
  const char *key = config_key(reader, keys);
  const json_t *found = json_object_get(scaling, "factor");
  gboolean stretches = json_is_number(found) && g_strcmp0(type, "llama3") != 0 &&
                       json_object_get(scaling, "original_max_position_embeddings") == NULL &&
                       !states_stretched(reader);
  guint32 length = context->max_position;
  double stretched;

  if (config_has(reader, key) && !config_count(reader, key, CONFIG_MAX_POSITION, &length))
    return FALSE;
  stretched = stretches ? json_number_value(found) * length : length;
  context->sglang = (guint32)CLAMP(stretched, 1, CONFIG_MAX_POSITION);
  return TRUE;
}

static gboolean
read_scaled(const ConfigReader *reader, ModelContext *context)
{
  /* TeleChat 3 states the stretched length, which vLLM before pull request 56446 stretches again.
   */
  static const char *const unstretched[] = {"default",      "llama3",         "longrope", "su",
                                            "proportional", "telechat3-yarn", NULL};
  const char *key, *type;
  const json_t *scaling = find_scaling(reader, &key);

  if (!shortest_length(reader, context))
    return FALSE;
  if (scaling != NULL && !json_is_object(scaling))
    return config_refuse_value(reader, key, scaling, "an object or null");
  type = scaling_type(scaling);
  if (!read_unstretched(reader, type, context) || !read_sglang(reader, scaling, type, context))
    return FALSE;
  if (type == NULL || g_strv_contains(unstretched, type) || states_stretched(reader))
    return TRUE;
  return stretch(reader, key, scaling, type, context);
}

gboolean
context_read(const ConfigReader *reader, ModelContext *context)
{
  gboolean is_read = read_scaled(reader, context);

  if (!is_read)
    g_clear_pointer(&context->source, g_free);
  return is_read;
}
