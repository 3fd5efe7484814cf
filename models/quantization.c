/* The table of methods. Each method's function makes the rules (quantization_rules.h): which
 * modules have which format, the first rule that matches counts. */
#include "quantization.h"

#include <string.h>

#include "quantization_rules.h"
#include "quantization_source.h"

static void
rule_clear(gpointer data)
{
  module_pattern_free(((QuantizationRule *)data)->pattern);
}

void
quantization_free(Quantization *quantization)
{
  if (quantization == NULL)
    return;
  g_array_unref(quantization->rules);
  g_free(quantization);
}

static gboolean
read_fp8(Quantization *q, const ConfigReader *reader, const json_t *found)
{
  const json_t *block = json_object_get(found, "weight_block_size");
  WeightFormat format = FORMAT_FP8_TENSOR;

  /* A model with it keeps some parts in other formats. */
  if (json_string_value(json_object_get(found, "store_dtype")) != NULL)
    return config_refuse_value(reader, q->key, json_object_get(found, "store_dtype"),
                               "no \"store_dtype\": what it keeps otherwise is not known");

  if (json_is_array(block)) {
    json_int_t rows = json_integer_value(json_array_get(block, 0));
    json_int_t columns = json_integer_value(json_array_get(block, 1));
    if (rows < 1 || columns < 1 || rows > 65536 || columns > 65536)
      return config_refuse_value(reader, q->key, block, "a \"weight_block_size\" of two sizes");
    format = FORMAT_FP8_BLOCK;
    format.group_rows = (guint32)rows;
    format.group_columns = (guint32)columns;
  }
  return quantization_leave_out(q, reader, json_object_get(found, "modules_to_not_convert")) &&
         quantization_leave_out(q, reader, json_object_get(found, "ignored_layers")) &&
         quantization_add(q, reader, "Linear", format);
}

static gboolean
read_fbgemm(Quantization *q, const ConfigReader *reader, const json_t *found)
{
  return quantization_leave_out(q, reader, json_object_get(found, "modules_to_not_convert")) &&
         quantization_add(q, reader, "Linear", FORMAT_FP8_CHANNEL);
}

/* Integers of 4 or 8 bits in groups along the inputs; -1, one group. */
static gboolean
group_format(Quantization *q, const ConfigReader *reader, const json_t *found,
             gboolean has_zero_points, WeightFormat *format)
{
  const json_t *bits = json_object_get(found, "bits");
  const json_t *group = json_object_get(found, "group_size");
  json_int_t group_size;

  if (bits == NULL)
    bits = json_object_get(found, "w_bit");
  if (group == NULL)
    group = json_object_get(found, "q_group_size");
  group_size = group == NULL || json_is_null(group) ? 128 : json_integer_value(group);

  if (json_integer_value(bits) != 4 && json_integer_value(bits) != 8)
    return config_refuse_value(reader, q->key, found, "4 or 8 \"bits\"");
  if (group_size != -1 && (group_size < 1 || group_size > CONFIG_MAX_FFN))
    return config_refuse_value(reader, q->key, group, "a \"group_size\", or -1");
  *format = json_integer_value(bits) == 4 ? FORMAT_INT4_GROUP : FORMAT_INT8_GROUP;
  format->group_columns = group_size > 0 ? (guint32)group_size : 0;
  format->zero_bits = has_zero_points ? format->bits : 0;
  return TRUE;
}

static gboolean
read_awq(Quantization *q, const ConfigReader *reader, const json_t *found)
{
  const json_t *zero_point = json_object_get(found, "zero_point");
  WeightFormat format;

  return group_format(q, reader, found, zero_point == NULL || json_is_true(zero_point), &format) &&
         quantization_leave_out(q, reader, json_object_get(found, "modules_to_not_convert")) &&
         quantization_add(q, reader, "Linear", format);
}

/* GPTQModel's `dynamic`: modules that are left out (-:) or have other bits or groups (+:). */
static gboolean
read_dynamic(Quantization *q, const ConfigReader *reader, const json_t *dynamic,
             WeightFormat format)
{
  const char *key;
  json_t *value;

  json_object_foreach((json_t *)dynamic, key, value)
  {
    gboolean left_out = g_str_has_prefix(key, "-:");
    const char *expression = left_out || g_str_has_prefix(key, "+:") ? key + 2 : key;
    g_autofree char *pattern = g_strconcat("re:", expression, NULL);
    WeightFormat own = left_out ? q->plain : format;
    if (!left_out && json_object_get(value, "bits") != NULL &&
        !group_format(q, reader, value, format.zero_bits > 0, &own))
      return FALSE;
    if (!quantization_add(q, reader, pattern, own))
      return FALSE;
  }
  return TRUE;
}

static gboolean
read_gptq(Quantization *q, const ConfigReader *reader, const json_t *found)
{
  WeightFormat format, expert_format;

  if (!group_format(q, reader, found, json_is_false(json_object_get(found, "sym")), &format))
    return FALSE;
  if (json_is_true(json_object_get(found, "lm_head")))
    q->head = format;
  expert_format = format;
  expert_format.input_bytes = EXPERT_ORDER_BYTES;
  if (json_is_true(json_object_get(found, "desc_act")))
    format.input_bytes = EXPERT_ORDER_BYTES;
  return quantization_leave_out(q, reader, json_object_get(found, "modules_to_not_convert")) &&
         read_dynamic(q, reader, json_object_get(found, "dynamic"), format) &&
         quantization_add(q, reader, "experts", expert_format) &&
         quantization_add(q, reader, "Linear", format);
}

static gboolean
read_auto_round(Quantization *q, const ConfigReader *reader, const json_t *found)
{
  const json_t *extra = json_object_get(found, "extra_config");
  gboolean symmetric = !json_is_false(json_object_get(found, "sym"));
  WeightFormat format, own;
  const char *module;
  json_t *value;

  if (!group_format(q, reader, found, !symmetric, &format))
    return FALSE;
  json_object_foreach((json_t *)extra, module, value)
  {
    /* A name, or an expression that is found anywhere in one. */
    g_autofree char *pattern = strpbrk(module, "*+?^$()[]{}|\\") != NULL
                                   ? g_strdup_printf("re:.*(?:%s)", module)
                                   : g_strdup(module);
    own = q->plain;
    if (json_integer_value(json_object_get(value, "bits")) < 16 &&
        !group_format(q, reader, value, !symmetric, &own))
      return FALSE;
    if (!quantization_add(q, reader, pattern, own))
      return FALSE;
  }
  return quantization_add(q, reader, "Linear", format);
}

static gboolean
read_bitsandbytes(Quantization *q, const ConfigReader *reader, const json_t *found)
{
  gboolean wide = json_is_true(json_object_get(found, "load_in_8bit"));
  WeightFormat format = wide ? FORMAT_INT8_CHANNEL : FORMAT_NF4;

  if (!wide && !json_is_true(json_object_get(found, "load_in_4bit")))
    return config_refuse_value(reader, q->key, found, "\"load_in_4bit\" or \"load_in_8bit\"");
  /* Scales that are quantized themselves: 8 bits, and 32 for 256 of them. */
  if (!wide && json_is_true(json_object_get(found, "bnb_4bit_use_double_quant")))
    format.scale_bits = 8;
  return quantization_leave_out(q, reader, json_object_get(found, "llm_int8_skip_modules")) &&
         quantization_add(q, reader, "Linear", format);
}

/* gpt-oss: only the experts. */
static gboolean
read_mxfp4(Quantization *q, const ConfigReader *reader, const json_t *found)
{
  return quantization_leave_out(q, reader, json_object_get(found, "modules_to_not_convert")) &&
         quantization_add(q, reader, "experts", FORMAT_MXFP4);
}

static const struct {
  const char *name;
  gboolean (*read)(Quantization *q, const ConfigReader *reader, const json_t *found);
} methods[] = {
    {"fp8", read_fp8},
    {"fbgemm_fp8", read_fbgemm},
    {"compressed-tensors", quantization_read_compressed_tensors},
    {"compressed_tensors", quantization_read_compressed_tensors},
    {"modelopt", quantization_read_modelopt},
    {"modelopt_fp4", quantization_read_modelopt},
    {"modelopt_mixed", quantization_read_modelopt},
    {"awq", read_awq},
    {"awq_marlin", read_awq},
    {"gptq", read_gptq},
    {"gptq_marlin", read_gptq},
    {"auto-round", read_auto_round},
    {"intel/auto-round", read_auto_round},
    {"bitsandbytes", read_bitsandbytes},
    {"mxfp4", read_mxfp4},
    {"quark", quantization_read_quark},
    {"torchao", quantization_read_torchao},
};

static gboolean
read_method(Quantization *q, const ConfigReader *reader, const QuantizationSource *source)
{
  const json_t *found = source->found;
  const char *method = source->method;
  g_autoptr(GString) known = g_string_new("a \"quant_method\" that is known: ");

  for (guint i = 0; method != NULL && i < G_N_ELEMENTS(methods); i++)
    if (g_str_equal(method, methods[i].name))
      return methods[i].read(q, reader, found);
  for (guint i = 0; i < G_N_ELEMENTS(methods); i++)
    g_string_append_printf(known, "%s%s", i > 0 ? ", " : "", methods[i].name);
  if (method == NULL)
    return config_refuse_value(reader, q->key, found, known->str);
  g_set_error(reader->error, MODEL_CONFIG_ERROR, MODEL_CONFIG_ERROR_VALUE,
              "%s: %s: found the method \"%.60s\", whose sizes are not known; expected %s",
              reader->path, q->key, method, known->str);
  return FALSE;
}

Quantization *
quantization_read(const ConfigReader *reader, const char *plain_name)
{
  g_autoptr(Quantization) q = g_new0(Quantization, 1);
  g_auto(QuantizationSource) source = {0};
  ConfigReader file = {.error = reader->error};

  q->rules = g_array_new(FALSE, FALSE, sizeof(QuantizationRule));
  g_array_set_clear_func(q->rules, rule_clear);
  if (!quantization_source_find(reader, &source))
    return NULL;
  file.path = source.path;
  q->key = source.key;
  q->plain = (WeightFormat){.name = plain_name, .bits = 16};
  q->head = q->plain;
  if (source.found != NULL && !read_method(q, &file, &source))
    return NULL;
  /* A dtype of 8 bits: the products', with one scale each. */
  if (g_str_equal(plain_name, "fp8")) {
    q->plain.name = q->head.name = "bfloat16";
    if (q->rules->len == 0 && !quantization_add(q, reader, "Linear", FORMAT_FP8_TENSOR))
      return NULL;
  }
  return g_steal_pointer(&q);
}

const WeightFormat *
quantization_format(const Quantization *quantization, const char *module)
{
  for (guint i = 0; i < quantization->rules->len; i++) {
    const QuantizationRule *rule = &g_array_index(quantization->rules, QuantizationRule, i);
    if (module_pattern_matches(rule->pattern, module))
      return &rule->format;
  }
  return &quantization->plain;
}

const WeightFormat *
quantization_plain(const Quantization *quantization)
{
  return &quantization->plain;
}

const WeightFormat *
quantization_head(const Quantization *quantization)
{
  return &quantization->head;
}

guint32
quantization_kv_bits(const Quantization *quantization)
{
  return quantization->kv_bits;
}
