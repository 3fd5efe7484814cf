/* Two methods in the words of the tools that make them: AMD's Quark, and torchao. Neither sets the
 * width of the KV cache: vLLM takes it from its own option beside them. */
#include "quantization_rules.h"

static gboolean
is_text(const json_t *object, const char *key, const char *text)
{
  return g_strcmp0(json_string_value(json_object_get(object, key)), text) == 0;
}

/* `weight` of Quark: one step, or two of which the weights keep the narrower: FP4 in groups of 16
 * below a scale of a tensor (NVFP4), int4 by channel below FP8. */
static gboolean
quark_format(Quantization *q, const ConfigReader *reader, const json_t *weight,
             WeightFormat *format)
{
  const json_t *first = json_is_array(weight) ? json_array_get(weight, 0) : weight;
  const json_t *second = json_array_get(weight, 1);
  json_int_t group = json_integer_value(json_object_get(first, "group_size"));
  gboolean by_tensor = is_text(first, "qscheme", "per_tensor");
  gboolean by_channel = is_text(first, "qscheme", "per_channel");

  if (weight == NULL || json_is_null(weight))
    *format = q->plain;
  else if (is_text(first, "dtype", "fp4") && is_text(first, "qscheme", "per_group") &&
           group == (second != NULL ? 16 : 32))
    *format = second != NULL ? FORMAT_NVFP4 : FORMAT_MXFP4;
  else if (is_text(first, "dtype", "fp8_e4m3") && is_text(second, "dtype", "int4") &&
           is_text(second, "qscheme", "per_channel")) {
    *format = FORMAT_INT4_GROUP;
    format->group_columns = 0;
  } else if (second == NULL && is_text(first, "dtype", "fp8_e4m3") && (by_tensor || by_channel))
    *format = by_tensor ? FORMAT_FP8_TENSOR : FORMAT_FP8_CHANNEL;
  else if (second == NULL && is_text(first, "dtype", "int8") && (by_tensor || by_channel))
    *format = FORMAT_INT8_CHANNEL;
  else
    return config_refuse_value(reader, q->key, weight,
                               "a \"weight\" that engines load: fp4 per_group of 32 or (NVFP4) 16, "
                               "fp8_e4m3 or int8 per_tensor or per_channel");
  return TRUE;
}

gboolean
quantization_read_quark(Quantization *q, const ConfigReader *reader, const json_t *found)
{
  const json_t *global = json_object_get(found, "global_quant_config");
  const json_t *types = json_object_get(found, "layer_type_quant_config");
  const char *modules;
  json_t *layer;
  WeightFormat format;

  if (json_object_size(types) > 0)
    return config_refuse_value(reader, q->key, types, "no \"layer_type_quant_config\"");
  if (!json_is_object(global))
    return config_refuse_value(reader, q->key, found, "a \"global_quant_config\"");
  if (!quantization_leave_out(q, reader, json_object_get(found, "exclude")))
    return FALSE;
  json_object_foreach(json_object_get(found, "layer_quant_config"), modules, layer)
  {
    if (!quark_format(q, reader, json_object_get(layer, "weight"), &format) ||
        !quantization_add(q, reader, modules, format))
      return FALSE;
  }
  return quark_format(q, reader, json_object_get(global, "weight"), &format) &&
         quantization_add(q, reader, "Linear", format);
}

/* A configuration of torchao: its class and that class's fields. */
static gboolean
torchao_format(Quantization *q, const ConfigReader *reader, const json_t *config,
               WeightFormat *format)
{
  const struct {
    const char *name;
    WeightFormat format;
  } classes[] = {
      {"Int4WeightOnlyConfig", FORMAT_INT4_GROUP},
      {"Float8DynamicActivationInt4WeightConfig", FORMAT_INT4_GROUP},
      {"Int8WeightOnlyConfig", FORMAT_INT8_CHANNEL},
      {"Int8DynamicActivationInt8WeightConfig", FORMAT_INT8_CHANNEL},
      {"Float8WeightOnlyConfig", FORMAT_FP8_CHANNEL},
      {"Float8DynamicActivationFloat8WeightConfig", FORMAT_FP8_TENSOR},
      {"NVFP4WeightOnlyConfig", FORMAT_NVFP4_WEIGHTS},
      {"NVFP4DynamicActivationNVFP4WeightConfig", FORMAT_NVFP4},
  };
  const char *name = json_string_value(json_object_get(config, "_type"));
  const json_t *data = json_object_get(config, "_data");
  const json_t *granularity = json_object_get(data, "granularity");
  json_int_t group = json_integer_value(json_object_get(data, "group_size"));
  g_autoptr(GString) known = g_string_new("a \"_type\" that is known: ");

  if (json_is_array(granularity))
    granularity = json_array_get(granularity, json_array_size(granularity) - 1);
  for (guint i = 0; i < G_N_ELEMENTS(classes); i++) {
    g_string_append_printf(known, "%s%s", i > 0 ? ", " : "", classes[i].name);
    if (g_strcmp0(name, classes[i].name) != 0)
      continue;
    *format = classes[i].format;
    if (g_str_equal(format->name, "int4")) {
      /* A scale and a zero point of 16 bits each. */
      format->zero_bits = format->scale_bits;
      if (group > 0 && group <= CONFIG_MAX_FFN)
        format->group_columns = (guint32)group;
    }
    if (g_str_equal(name, "Float8DynamicActivationFloat8WeightConfig") &&
        is_text(granularity, "_type", "PerRow"))
      *format = FORMAT_FP8_CHANNEL;
    return TRUE;
  }
  return config_refuse_value(reader, q->key, config, known->str);
}

/* Names of modules go first, then expressions for whole names, then `_default`; null leaves a
 * module out. */
static gboolean
torchao_modules(Quantization *q, const ConfigReader *reader, const json_t *modules)
{
  const char *name;
  json_t *config;

  for (int round = 0; round < 3; round++) {
    json_object_foreach((json_t *)modules, name, config)
    {
      gboolean is_expression = g_str_has_prefix(name, "re:");
      gboolean is_default = g_str_equal(name, "_default");
      WeightFormat format = q->plain;
      g_autofree char *pattern = is_expression ? g_strdup_printf("re:(?:%s)$", name + 3)
                                 : is_default  ? g_strdup("Linear")
                                               : g_strdup(name);
      if (round != (is_default ? 2 : is_expression ? 1 : 0))
        continue;
      if ((!json_is_null(config) && !torchao_format(q, reader, config, &format)) ||
          !quantization_add(q, reader, pattern, format))
        return FALSE;
    }
  }
  return TRUE;
}

gboolean
quantization_read_torchao(Quantization *q, const ConfigReader *reader, const json_t *found)
{
  const json_t *type = json_object_get(found, "quant_type");
  const json_t *config = json_object_get(type, "default");
  const json_t *data = json_object_get(config, "_data");
  const json_t *modules = json_object_get(data, "module_fqn_to_config");
  WeightFormat format;

  if (modules == NULL)
    modules = json_object_get(data, "fqn_to_config");
  if (!json_is_object(config))
    return config_refuse_value(reader, q->key, found,
                               "a \"quant_type\" with a \"default\" that has a \"_type\"");
  if (!quantization_leave_out(q, reader, json_object_get(found, "modules_to_not_convert")))
    return FALSE;
  if (json_is_object(modules))
    return torchao_modules(q, reader, modules);
  return torchao_format(q, reader, config, &format) &&
         quantization_add(q, reader, "Linear", format);
}
