/* The shipped models' sizes against the published counts, and the reader against bad files. */
#include "models/model_config.h"

#include <glib/gstdio.h>
#include <string.h>

typedef struct {
  const char *name;
  guint64 parameters;
  guint64 kv_bytes_per_token;
} Published;

static const Published published[] = {
    {"llama-2-7b", 6738415616, 512 << 10},    {"yarn-llama-2-7b-64k", 6738415616, 512 << 10},
    {"llama-2-13b", 13015864320, 800 << 10},  {"llama-2-70b", 68976648192, 320 << 10},
    {"llama-3-8b", 8030261248, 128 << 10},    {"llama-3.1-8b", 8030261248, 128 << 10},
    {"llama-3-70b", 70553706496, 320 << 10},  {"llama-3.1-70b", 70553706496, 320 << 10},
    {"llama-3.2-1b", 1235814400, 32 << 10},   {"llama-3.2-3b", 3212749824, 112 << 10},
    {"mistral-7b", 7241732096, 128 << 10},    {"mixtral-8x7b", 46702792704, 128 << 10},
    {"opt-13b", 12853473280, 800 << 10},      {"qwen2.5-0.5b", 494032768, 12 << 10},
    {"qwen2.5-7b", 7615616512, 56 << 10},     {"qwen2.5-14b", 14770033664, 192 << 10},
    {"qwen2.5-32b", 32763876352, 256 << 10},  {"qwen2.5-72b", 72706203648, 320 << 10},
    {"qwen3-8b", 8190735360, 144 << 10},      {"qwen3-32b", 32762123264, 256 << 10},
    {"qwen3-30b-a3b", 30532122624, 96 << 10},
};

static Model *
shipped(const char *name)
{
  const char *root = g_getenv("SPILLWAY_SRCDIR");
  g_autofree char *file = g_strconcat(name, ".json", NULL);
  g_autofree char *path = g_build_filename(root != NULL ? root : ".", "models", file, NULL);
  g_autoptr(GError) error = NULL;
  Model *model = model_config_read(path, name, &error);

  g_assert_no_error(error);
  return model;
}

static void
test_published_sizes(void)
{
  for (guint i = 0; i < G_N_ELEMENTS(published); i++) {
    g_autoptr(Model) model = shipped(published[i].name);

    g_test_message("%s", published[i].name);
    g_assert_cmpuint(model_parameters(model), ==, published[i].parameters);
    g_assert_cmpuint(model_kv_bytes_per_token(model), ==, published[i].kv_bytes_per_token);
    g_assert_cmpuint(model_weight_bytes(model), ==, 2 * published[i].parameters);
  }
}

static void
test_arithmetic(void)
{
  g_autoptr(Model) dense = shipped("llama-2-7b");
  g_autoptr(Model) sparse = shipped("mixtral-8x7b");
  g_autoptr(Model) copy = model_copy(sparse);
  double layer = 4.0 * 4096 * 4096 + 3.0 * 4096 * 11008;

  g_assert_cmpuint(model_active_parameters(dense), ==, model_parameters(dense));
  g_assert_cmpuint(model_active_parameters(copy), ==, 12879925248);
  g_assert_cmpstr(copy->name, ==, "mixtral-8x7b");
  g_assert_cmpfloat(model_linear_flops_per_token(dense), ==, 2 * 32 * layer);
  g_assert_cmpfloat(model_head_flops(dense), ==, 2.0 * 32000 * 4096);
  /* One decode reads its context and itself; a prefill in two parts costs what it costs whole. */
  g_assert_cmpfloat(model_attention_flops(dense, 1, 99), ==, 4.0 * 32 * 4096 * 100);
  g_assert_cmpfloat(model_attention_flops(dense, 300, 0) + model_attention_flops(dense, 200, 300),
                    ==, model_attention_flops(dense, 500, 0));
}

/* Reads `text` as a config.json. */
static Model *
read_text(const char *text, GError **error)
{
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp("spillway-model-XXXXXX.json", &path, NULL);
  Model *model;

  g_assert_cmpint(fd, >=, 0);
  g_assert_true(g_close(fd, NULL));
  g_assert_true(g_file_set_contents(path, text, -1, NULL));
  model = model_config_read(path, "made-up", error);
  g_assert_cmpint(g_remove(path), ==, 0);
  return model;
}

#define FRAME                                                                                      \
  "\"hidden_size\":64,\"num_hidden_layers\":2,\"num_attention_heads\":4,\"intermediate_size\":96," \
  "\"vocab_size\":100,\"max_position_embeddings\":512"
#define LLAMA "{\"model_type\":\"llama\"," FRAME

static void
test_optional_keys(void)
{
  static const struct {
    const char *text;
    guint32 max_position, weight_bits;
    const char *dtype;
    guint64 parameters;
  } cases[] = {
      {LLAMA "}", 512, 16, "float16", 2 * 64 * 100 + 64 + 2 * (4 * 4096 + 3 * 64 * 96 + 128)},
      {LLAMA ",\"dtype\":\"bfloat16\",\"tie_word_embeddings\":true}", 512, 16, "bfloat16",
       64 * 100 + 64 + 2 * (4 * 4096 + 3 * 64 * 96 + 128)},
      {LLAMA ",\"num_key_value_heads\":2,\"head_dim\":8}", 512, 16, "float16",
       2 * 6400 + 64 + 2 * (64 * (4 + 4) * 8 + 64 * 32 + 3 * 64 * 96 + 128)},
      {LLAMA ",\"torch_dtype\":\"float32\",\"quantization_config\":{\"quant_method\":\"fp8\"}}",
       512, 8, "fp8", 0},
      {LLAMA ",\"quantization_config\":{\"quant_method\":\"awq\",\"bits\":4}}", 512, 4, "int4", 0},
      {LLAMA ",\"quantization_config\":{\"quant_method\":\"compressed-tensors\",\"config_groups\":"
             "{\"group_0\":{\"weights\":{\"num_bits\":8,\"type\":\"float\"}}},"
             "\"kv_cache_scheme\":null}}",
       512, 8, "fp8", 0},
      {LLAMA ",\"quantization_config\":{\"quant_method\":\"compressed-tensors\",\"config_groups\":"
             "{\"group_0\":{\"weights\":{\"num_bits\":4,\"type\":\"int\"}}}}}",
       512, 4, "int4", 0},
      {LLAMA ",\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4.0,"
             "\"original_max_position_embeddings\":512}}",
       2048, 16, "float16", 0},
      {LLAMA ",\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8}}", 512, 16, "float16", 0},
      {LLAMA ",\"sliding_window\":128}", 128, 16, "float16", 0},
      {LLAMA ",\"sliding_window\":128,\"use_sliding_window\":false}", 512, 16, "float16", 0},
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(Model) model = read_text(cases[i].text, &error);

    g_assert_no_error(error);
    g_assert_cmpuint(model->max_position, ==, cases[i].max_position);
    g_assert_cmpuint(model->weight_bits, ==, cases[i].weight_bits);
    g_assert_cmpstr(model->dtype, ==, cases[i].dtype);
    if (cases[i].parameters != 0)
      g_assert_cmpuint(model_parameters(model), ==, cases[i].parameters);
    g_assert_cmpuint(model_weight_bytes(model), <=, 2 * model_parameters(model));
  }
}

static void
test_kv_dtype(void)
{
  static const char *const scheme =
      LLAMA ",\"quantization_config\":{\"quant_method\":\"compressed-tensors\",\"config_groups\":"
            "{\"group_0\":{\"weights\":{\"num_bits\":8,\"type\":\"float\"}}},"
            "\"kv_cache_scheme\":{\"num_bits\":8,\"type\":\"float\"}}}";
  g_autoptr(Model) plain = read_text(LLAMA "}", NULL), narrow = read_text(scheme, NULL);

  g_assert_cmpuint(model_kv_bytes_per_token(plain), ==, 2 * 2 * 64 * 2);
  g_assert_cmpuint(model_kv_bytes_per_token(narrow), ==, 2 * 2 * 64);
  g_assert_true(model_set_kv_cache_dtype(plain, "fp8_e5m2"));
  g_assert_cmpuint(model_kv_bytes_per_token(plain), ==, 2 * 2 * 64);
  g_assert_true(model_set_kv_cache_dtype(narrow, "auto"));
  g_assert_cmpuint(model_kv_bytes_per_token(narrow), ==, 2 * 2 * 64);
  g_assert_true(model_set_kv_cache_dtype(narrow, "bfloat16"));
  g_assert_cmpuint(model_kv_bytes_per_token(narrow), ==, 2 * 2 * 64 * 2);
  g_assert_false(model_set_kv_cache_dtype(narrow, "fp9"));
}

static void
test_bad_files(void)
{
  static const struct {
    const char *text, *expected;
  } cases[] = {
      {"", ":1:0:"},
      {"{\n\"model_type\": \"llama\",\n", ":3:0:"},
      {"[1, 2]", "no JSON object"},
      {"timestamp,input_length\n1,2\n", "expected a model's config.json"},
      {"{}", "model_type: found nothing"},
      {"{\"model_type\":\"mamba\"}", "known are llama, mistral"},
      {"{\"model_type\":7}", "model_type: found 7"},
      {"{\"model_type\":\"llama\"}", "num_hidden_layers: found nothing"},
      {LLAMA ",\"num_key_value_heads\":0}", "num_key_value_heads: found 0, expected a whole"},
      {LLAMA ",\"num_key_value_heads\":-4}", "found -4"},
      {LLAMA ",\"num_key_value_heads\":3}", "a divisor of num_attention_heads"},
      {LLAMA ",\"num_key_value_heads\":8}", "a divisor of num_attention_heads"},
      {LLAMA ",\"num_key_value_heads\":2.0}", "found 2.0"},
      {LLAMA ",\"num_key_value_heads\":\"2\"}", "found \"2\""},
      {LLAMA ",\"head_dim\":99999999}", "head_dim: found 99999999"},
      {LLAMA ",\"head_dim\":99999999999999999999999}", "too big integer"},
      {LLAMA ",\"head_dim\":1,\"head_dim\":2}", "duplicate"},
      {LLAMA ",\"attention_bias\":true}", "attention_bias: found true"},
      {LLAMA ",\"mlp_bias\":1}", "true or false"},
      {LLAMA ",\"torch_dtype\":\"int3\"}", "torch_dtype: found \"int3\""},
      {LLAMA ",\"quantization_config\":{\"quant_method\":\"awq\"}}", "4 or 8"},
      {LLAMA ",\"quantization_config\":[]}", "fp8, compressed-tensors, gptq or awq"},
      {LLAMA ",\"rope_scaling\":{\"type\":\"yarn\",\"factor\":-4}}", "rope_scaling"},
      {LLAMA ",\"rope_scaling\":{\"type\":\"yarn\"}}", "rope_scaling"},
      {LLAMA ",\"rope_scaling\":3}", "an object or null"},
      {"{\"model_type\":\"mixtral\"," FRAME "}", "num_local_experts: found nothing"},
      {"{\"model_type\":\"mixtral\"," FRAME ",\"num_local_experts\":2,\"num_experts_per_tok\":3}",
       "num_experts_per_tok: found 3"},
      {"{\"model_type\":\"qwen3_moe\"," FRAME ",\"num_experts\":4,\"num_experts_per_tok\":2,"
       "\"moe_intermediate_size\":8,\"mlp_only_layers\":[0]}",
       "mlp_only_layers: found [0]"},
      {"{\"model_type\":\"opt\"," FRAME "}", "ffn_dim: found nothing"},
      {"{\"model_type\":\"opt\"," FRAME ",\"ffn_dim\":8,\"word_embed_proj_dim\":32}",
       "word_embed_proj_dim: found 32"},
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(Model) model = read_text(cases[i].text, &error);

    g_assert_null(model);
    g_assert_nonnull(error);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, cases[i].expected));
    g_assert_nonnull(strstr(error->message, "spillway-model-"));
    g_assert_null(strchr(error->message, '\n'));
  }
}

static void
test_no_file(void)
{
  g_autoptr(GError) error = NULL;

  g_assert_null(model_config_read("no/such/config.json", "x", &error));
  g_assert_error(error, MODEL_CONFIG_ERROR, MODEL_CONFIG_ERROR_OPEN);
  g_assert_nonnull(strstr(error->message, "no/such/config.json"));
  g_clear_error(&error);
  g_assert_null(model_config_read("/", "x", &error));
  g_assert_error(error, MODEL_CONFIG_ERROR, MODEL_CONFIG_ERROR_OPEN);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/model/published-sizes", test_published_sizes);
  g_test_add_func("/model/arithmetic", test_arithmetic);
  g_test_add_func("/model/optional-keys", test_optional_keys);
  g_test_add_func("/model/kv-dtype", test_kv_dtype);
  g_test_add_func("/model/bad-files", test_bad_files);
  g_test_add_func("/model/no-file", test_no_file);
  return g_test_run();
}
