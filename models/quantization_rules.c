/* Which modules have which format: the first rule that matches counts. */
#include "quantization_rules.h"

gboolean
quantization_add(Quantization *q, const ConfigReader *reader, const char *modules,
                 WeightFormat format)
{
  g_autoptr(GError) error = NULL;
  QuantizationRule rule = {module_pattern_new(modules, &error), format};

  if (rule.pattern == NULL) {
    g_set_error(reader->error, MODEL_CONFIG_ERROR, MODEL_CONFIG_ERROR_VALUE,
                "%s: %s: found \"%.60s\", no regular expression: %s", reader->path, q->key, modules,
                error->message);
    return FALSE;
  }
  g_array_append_val(q->rules, rule);
  return TRUE;
}

gboolean
quantization_leave_out(Quantization *q, const ConfigReader *reader, const json_t *list)
{
  gsize i;
  json_t *entry;

  if (list == NULL || json_is_null(list))
    return TRUE;
  if (!json_is_array(list))
    return config_refuse_value(reader, q->key, list, "a list of modules that are left out");
  json_array_foreach(list, i, entry)
  {
    if (!json_is_string(entry))
      return config_refuse_value(reader, q->key, entry, "a module's name");
    if (!quantization_add(q, reader, json_string_value(entry), q->plain))
      return FALSE;
  }
  return TRUE;
}
