/* The two methods with formats for groups of modules: compressed-tensors (llm-compressor) and
 * ModelOpt. Both write `config_groups` and `kv_cache_scheme`. */
#include "quantization_rules.h"

#include <string.h>

static gboolean
is_text(const json_t *object, const char *key, const char *text)
{
  return g_strcmp0(json_string_value(json_object_get(object, key)), text) == 0;
}

static gboolean
read_kv_scheme(Quantization *q, const ConfigReader *reader, const json_t *scheme)
{
  if (scheme == NULL || json_is_null(scheme))
    return TRUE;
  if (json_integer_value(json_object_get(scheme, "num_bits")) != 8 &&
      g_strcmp0(json_string_value(scheme), "FP8") != 0)
    return config_refuse_value(reader, q->key, scheme, "a \"kv_cache_scheme\" of 8 \"num_bits\"");
  q->kv_bits = 8;
  return TRUE;
}

/* Floats of 4 bits: NVFP4 in groups of 16, MXFP4 of 32. Of 8: one scale a tensor, a channel, a
 * block or (MXFP8) 32 inputs. Integers of 4 and 8 bits: by channel or by group. */
static gboolean
weights_format(Quantization *q, const ConfigReader *reader, const json_t *weights,
               WeightFormat *format)
{
  json_int_t bits = json_integer_value(json_object_get(weights, "num_bits"));
  json_int_t group = json_integer_value(json_object_get(weights, "group_size"));
  const json_t *block = json_object_get(weights, "block_structure");
  gboolean is_float = is_text(weights, "type", "float");

  if (bits == 4 && is_float && (group == 16 || group == 32))
    *format = group == 16 ? FORMAT_NVFP4 : FORMAT_MXFP4;
  else if (bits == 8 && is_float && group == 32)
    *format = FORMAT_MXFP8;
  else if (bits == 8 && is_float && json_array_size(block) == 2)
    *format = FORMAT_FP8_BLOCK;
  else if (bits == 8 && is_float && group <= 0)
    *format = is_text(weights, "strategy", "channel") ? FORMAT_FP8_CHANNEL : FORMAT_FP8_TENSOR;
  else if ((bits == 4 || bits == 8) && !is_float && group > 0 && group <= CONFIG_MAX_FFN) {
    *format = bits == 4 ? FORMAT_INT4_GROUP : FORMAT_INT8_GROUP;
    format->group_columns = (guint32)group;
  } else if ((bits == 4 || bits == 8) && !is_float && group <= 0) {
    *format = bits == 4 ? FORMAT_INT4_GROUP : FORMAT_INT8_CHANNEL;
    format->group_columns = 0;
  } else
    return config_refuse_value(reader, q->key, weights,
                               "\"weights\" of 8 \"num_bits\", or of 4: integers, NVFP4 or MXFP4");
  if (format->group_columns > 0 && !is_float &&
      json_is_false(json_object_get(weights, "symmetric")))
    format->zero_bits = format->bits;
  return TRUE;
}

/* One entry of `config_groups`, for the modules that it names. */
static gboolean
read_group(Quantization *q, const ConfigReader *reader, const json_t *group)
{
  const json_t *targets = json_object_get(group, "targets");
  WeightFormat format, expert_format;
  gsize i;
  json_t *target;

  if (!weights_format(q, reader, json_object_get(group, "weights"), &format))
    return FALSE;
  if (g_str_equal(format.name, "nvfp4") &&
      !json_is_object(json_object_get(group, "input_activations")))
    format = FORMAT_NVFP4_WEIGHTS;
  expert_format = format;
  if (format.bits == 4 && g_str_equal(format.name, "int4"))
    expert_format.input_bytes = EXPERT_ORDER_BYTES;
  if (json_array_size(targets) == 0)
    return quantization_add(q, reader, "experts", expert_format) &&
           quantization_add(q, reader, "Linear", format);
  json_array_foreach(targets, i, target)
  {
    const char *modules = json_string_value(target);
    if (modules == NULL)
      return config_refuse_value(reader, q->key, targets, "\"targets\" that are names");
    if (g_str_equal(modules, "Linear") && !quantization_add(q, reader, "experts", expert_format))
      return FALSE;
    if (!quantization_add(q, reader, modules,
                          strstr(modules, "experts") != NULL ? expert_format : format))
      return FALSE;
  }
  return TRUE;
}

/* The first rule that matches counts, so groups that name modules are read before those for every
 * product. */
static gboolean
read_groups(Quantization *q, const ConfigReader *reader, const json_t *groups)
{
  const char *name;
  json_t *group;

  if (json_object_size(groups) == 0)
    return config_refuse_value(reader, q->key, groups, "\"config_groups\" with \"weights\"");
  for (int general = 0; general <= 1; general++) {
    json_object_foreach((json_t *)groups, name, group)
    {
      const json_t *targets = json_object_get(group, "targets");
      const char *first = json_string_value(json_array_get(targets, 0));
      if ((first == NULL || g_str_equal(first, "Linear")) == general &&
          !read_group(q, reader, group))
        return FALSE;
    }
  }
  return TRUE;
}

gboolean
quantization_read_compressed_tensors(Quantization *q, const ConfigReader *reader,
                                     const json_t *found)
{
  const json_t *sparsity = json_object_get(found, "sparsity_config");

  if (json_object_size(sparsity) > 0 && !is_text(sparsity, "format", "dense"))
    return config_refuse_value(reader, q->key, sparsity, "no \"sparsity_config\", or a dense one");
  return read_kv_scheme(q, reader, json_object_get(found, "kv_cache_scheme")) &&
         quantization_leave_out(q, reader, json_object_get(found, "ignore")) &&
         read_groups(q, reader, json_object_get(found, "config_groups"));
}

/* ModelOpt's names of formats. */
static gboolean
algorithm_format(Quantization *q, const ConfigReader *reader, const json_t *object,
                 WeightFormat *format)
{
  const struct {
    const char *name;
    WeightFormat format;
  } algorithms[] = {
      {"FP8", FORMAT_FP8_TENSOR},
      {"FP8_PER_CHANNEL_PER_TOKEN", FORMAT_FP8_CHANNEL},
      {"FP8_PB_WO", FORMAT_FP8_BLOCK},
      {"NVFP4", FORMAT_NVFP4},
      {"NVFP4_AWQ", FORMAT_NVFP4},
      {"W4A16_NVFP4", FORMAT_NVFP4_WEIGHTS},
      {"MXFP8", FORMAT_MXFP8},
      {"W4A16_MXFP4", FORMAT_MXFP4},
      {"W4A8_MXFP4_FP8", FORMAT_MXFP4},
      {"W4A16_AWQ", FORMAT_INT4_GROUP},
      {"W4A8_AWQ", FORMAT_INT4_GROUP},
      {"W8A16", FORMAT_INT8_CHANNEL},
      {"W8A8_SQ_PER_CHANNEL", FORMAT_INT8_CHANNEL},
  };
  const json_t *found = json_object_get(object, "quant_algo");
  json_int_t group = json_integer_value(json_object_get(object, "group_size"));
  g_autoptr(GString) known = g_string_new("a \"quant_algo\" that is known: ");

  for (guint i = 0; i < G_N_ELEMENTS(algorithms); i++) {
    if (g_strcmp0(json_string_value(found), algorithms[i].name) == 0) {
      *format = algorithms[i].format;
      if (group > 0 && group <= CONFIG_MAX_FFN && format->group_columns > 0 &&
          format->group_rows == 1)
        format->group_columns = (guint32)group;
      return TRUE;
    }
    g_string_append_printf(known, "%s%s", i > 0 ? ", " : "", algorithms[i].name);
  }
  return config_refuse_value(reader, q->key, found, known->str);
}

static gboolean
read_mixed(Quantization *q, const ConfigReader *reader, const json_t *layers)
{
  const char *module;
  json_t *value;

  if (json_object_size(layers) == 0)
    return config_refuse_value(reader, q->key, layers,
                               "\"quantized_layers\" beside MIXED_PRECISION");
  json_object_foreach((json_t *)layers, module, value)
  {
    WeightFormat format;
    if (!algorithm_format(q, reader, value, &format) ||
        !quantization_add(q, reader, module, format))
      return FALSE;
  }
  return TRUE;
}

/* kv_cache_quant_algo: none, or FP8. */
static gboolean
read_kv_algorithm(Quantization *q, const ConfigReader *reader, const json_t *found)
{
  const char *name = json_string_value(found);

  if (found == NULL || json_is_null(found) || g_strcmp0(name, "NONE") == 0)
    return TRUE;
  if (g_strcmp0(name, "FP8") != 0)
    return config_refuse_value(reader, "kv_cache_quant_algo", found, "\"FP8\" or null");
  q->kv_bits = 8;
  return TRUE;
}

gboolean
quantization_read_modelopt(Quantization *q, const ConfigReader *reader, const json_t *found)
{
  const json_t *inner = json_object_get(found, "quantization");
  WeightFormat format;

  if (json_is_object(inner))
    found = inner;
  if (!read_kv_algorithm(q, reader, json_object_get(found, "kv_cache_quant_algo")) ||
      !read_kv_scheme(q, reader, json_object_get(found, "kv_cache_scheme")) ||
      !quantization_leave_out(q, reader, json_object_get(found, "exclude_modules")) ||
      !quantization_leave_out(q, reader, json_object_get(found, "ignore")))
    return FALSE;
  if (is_text(found, "quant_algo", "MIXED_PRECISION"))
    return read_mixed(q, reader, json_object_get(found, "quantized_layers"));
  /* Only the KV cache is quantized, or the groups say it all. */
  if (json_string_value(json_object_get(found, "quant_algo")) == NULL)
    return json_object_size(json_object_get(found, "config_groups")) > 0
               ? read_groups(q, reader, json_object_get(found, "config_groups"))
               : q->kv_bits > 0 || algorithm_format(q, reader, found, &format);
  return algorithm_format(q, reader, found, &format) &&
         quantization_add(q, reader, "Linear", format);
}
