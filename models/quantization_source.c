#include "quantization_source.h"

void
quantization_source_clear(QuantizationSource *source)
{
  g_clear_pointer(&source->found, json_decref);
  g_clear_pointer(&source->path, g_free);
  g_clear_pointer(&source->method, g_free);
}

/* bitsandbytes writes its switches, and not always its name; ModelOpt at times only who made it. */
static const char *
method_within(const json_t *found)
{
  const char *method = json_string_value(json_object_get(found, "quant_method"));
  const json_t *producer = json_object_get(found, "producer");

  if (method == NULL &&
      g_strcmp0(json_string_value(json_object_get(producer, "name")), "modelopt") == 0)
    return "modelopt";
  if (method == NULL && (json_is_true(json_object_get(found, "load_in_4bit")) ||
                         json_is_true(json_object_get(found, "load_in_8bit"))))
    return "bitsandbytes";
  return method;
}

/* config.json itself. An empty object says nothing. */
static void
find_within(const ConfigReader *reader, QuantizationSource *source)
{
  static const char *const keys[] = {"quantization_config", "compression_config"};

  for (guint i = 0; source->found == NULL && i < G_N_ELEMENTS(keys); i++) {
    const json_t *found = config_get_either(reader, keys[i]);
    if (found == NULL || (json_is_object(found) && json_object_size(found) == 0))
      continue;
    source->key = keys[i];
    source->found = json_incref((json_t *)found);
    source->path = g_strdup(reader->path);
    source->method = g_strdup(method_within(found));
  }
}

/* AutoAWQ has used AutoGPTQ's name of the file, too. */
static const char *
method_beside(const char *by_name, const json_t *found)
{
  const char *named = method_within(found);

  if (named != NULL || !g_str_equal(by_name, "gptq"))
    return named != NULL ? named : by_name;
  return json_object_get(found, "w_bit") != NULL || json_object_get(found, "zero_point") != NULL
             ? "awq"
             : by_name;
}

static gboolean
find_beside(const ConfigReader *reader, QuantizationSource *source)
{
  static const struct {
    const char *name, *key, *method, *expected;
  } files[] = {
      {"hf_quant_config.json", "quantization", "modelopt", "ModelOpt's hf_quant_config.json"},
      {"quantize_config.json", "bits", "gptq", "AutoGPTQ's quantize_config.json"},
      {"quant_config.json", "w_bit", "awq", "AutoAWQ's quant_config.json"},
  };
  g_autofree char *folder = g_path_get_dirname(reader->path);

  for (guint i = 0; source->found == NULL && i < G_N_ELEMENTS(files); i++) {
    g_autofree char *path = g_build_filename(folder, files[i].name, NULL);
    if (!g_file_test(path, G_FILE_TEST_EXISTS))
      continue;
    source->found = config_load(path, files[i].expected, reader->error);
    if (source->found == NULL)
      return FALSE;
    source->key = files[i].key;
    source->method = g_strdup(method_beside(files[i].method, source->found));
    source->path = g_steal_pointer(&path);
  }
  return TRUE;
}

gboolean
quantization_source_find(const ConfigReader *reader, QuantizationSource *source)
{
  const json_t *mlx = config_get_either(reader, "quantization");

  *source = (QuantizationSource){.key = "quantization_config"};
  find_within(reader, source);
  if (source->found != NULL)
    return TRUE;
  if (mlx != NULL)
    return config_refuse_value(reader, "quantization", mlx,
                               "none: it is MLX's, whose weights no engine here loads");
  return find_beside(reader, source);
}
