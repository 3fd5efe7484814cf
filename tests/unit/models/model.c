/* The shipped models' sizes against the published counts, and the reader against bad files. */
#include "calib/cost/pool_size.h"
#include "models/model_config.h"
#include "sim/kv_groups.h"

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
      {LLAMA ",\"sliding_window\":128}", 512, 16, "float16", 0},
      {LLAMA ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":4}}", 2048, 16, "float16", 0},
      {LLAMA ",\"rope_scaling\":{\"rope_type\":\"dynamic\",\"factor\":2.5}}", 1280, 16, "float16",
       0},
      {LLAMA ",\"rope_scaling\":{\"type\":\"longrope\",\"factor\":8}}", 512, 16, "float16", 0},
      {LLAMA ",\"rope_parameters\":{\"rope_type\":\"yarn\",\"factor\":4,"
             "\"original_max_position_embeddings\":300}}",
       1200, 16, "float16", 0},
      {LLAMA ",\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"linear\",\"factor\":2},"
             "\"sliding_attention\":{\"rope_type\":\"default\"}}}",
       1024, 16, "float16", 0},
      {LLAMA ",\"n_positions\":100}", 100, 16, "float16", 0},
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

/* The weights' bytes of a model of one product, by hand: 64 outputs of 256 inputs. */
#define PART                                                                                       \
  "{\"model_type\":\"llama\",\"hidden_size\":256,\"num_hidden_layers\":1,"                         \
  "\"num_attention_heads\":1,\"head_dim\":64,\"intermediate_size\":1024,"                          \
  "\"vocab_size\":10,\"max_position_embeddings\":64,\"quantization_config\":{"

static void
test_quantizations(void)
{
  /* q, k, v and o: 4 x 64 x 256; gate, up and down: 3 x 1024 x 256. */
  enum { ATTENTION = 4 * 64 * 256, MLP = 3 * 1024 * 256, REST = 2 * (2 * 10 * 256 + 3 * 256) };
  static const struct {
    const char *text;
    guint64 bytes;
    const char *dtype;
    guint32 kv_bits;
  } cases[] = {
      {"\"quant_method\":\"fp8\"", ATTENTION + MLP + 7 * 4, "fp8", 16},
      /* Blocks: qkv 2 x 2, o 2 x 1, gate and up 16 x 2, down 2 x 8. */
      {"\"quant_method\":\"fp8\",\"weight_block_size\":[128,128]",
       ATTENTION + MLP + 4 * (2 * 2 + 2 * 1 + 16 * 2 + 2 * 8), "fp8_block", 16},
      {"\"quant_method\":\"fp8\",\"modules_to_not_convert\":[\"model.layers.0.self_attn\"]",
       2 * ATTENTION + MLP + 3 * 4, "fp8", 16},
      {"\"quant_method\":\"fbgemm_fp8\",\"modules_to_not_convert\":[\"lm_head\"]",
       ATTENTION + MLP + 4 * (192 + 256 + 2048 + 256), "fp8", 16},
      /* Groups of 128: 16 bits, and 4 of the zero point. */
      {"\"quant_method\":\"awq\",\"bits\":4,\"group_size\":128,\"zero_point\":true",
       (ATTENTION + MLP) / 2 + (192 * 2 + 256 + 2048 * 2 + 256 * 8) * 20 / 8, "int4", 16},
      {"\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":128,\"sym\":true",
       (ATTENTION + MLP) / 2 + (192 * 2 + 256 + 2048 * 2 + 256 * 8) * 2, "int4", 16},
      {"\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":128,\"sym\":true,"
       "\"dynamic\":{\"-:.*mlp.*\":{}}",
       ATTENTION / 2 + 2 * MLP + (192 * 2 + 256) * 2, "bfloat16", 16},
      {"\"quant_method\":\"bitsandbytes\",\"load_in_4bit\":true",
       (ATTENTION + MLP) / 2 + (ATTENTION + MLP) / 64 * 4, "nf4", 16},
      {"\"quant_method\":\"modelopt\",\"quant_algo\":\"NVFP4\",\"kv_cache_scheme\":{\"num_bits\":8}"
       ","
       "\"ignore\":[\"lm_head\",\"*self_attn*\"]",
       2 * ATTENTION + MLP / 2 + MLP / 16, "nvfp4", 8},
      {"\"quant_method\":\"modelopt\",\"quant_algo\":\"MIXED_PRECISION\",\"quantized_layers\":{"
       "\"model.layers.0.mlp.gate_proj\":{\"quant_algo\":\"FP8\"},"
       "\"model.layers.0.mlp.down_proj\":{\"quant_algo\":\"FP8\"}}",
       2 * ATTENTION + MLP + 3 * 4, "fp8", 16},
      {"\"quant_method\":\"compressed-tensors\",\"ignore\":[\"re:.*self_attn.*\"],\"config_"
       "groups\":{"
       "\"g\":{\"targets\":[\"Linear\"],\"weights\":{\"num_bits\":4,\"type\":\"float\","
       "\"group_size\":16}}}",
       2 * ATTENTION + MLP / 2 + MLP / 16, "nvfp4a16", 16},
      {"\"quant_method\":\"compressed-tensors\",\"ignore\":[\"re:.*self_attn.*\"],\"config_"
       "groups\":{"
       "\"g\":{\"targets\":[\"Linear\"],\"weights\":{\"num_bits\":4,\"type\":\"float\","
       "\"group_size\":16},\"input_activations\":{\"num_bits\":4}}}",
       2 * ATTENTION + MLP / 2 + MLP / 16, "nvfp4", 16},
      {"\"quant_method\":\"compressed-tensors\",\"config_groups\":{\"g\":{\"targets\":[\"Linear\"],"
       "\"weights\":{\"num_bits\":8,\"type\":\"int\",\"strategy\":\"channel\"}}}",
       ATTENTION + MLP + 4 * (192 + 256 + 2048 + 256), "int8", 16},
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *text = g_strconcat(PART, cases[i].text, "},\"dtype\":\"bfloat16\"}", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(Model) model = read_text(text, &error);

    g_test_message("%s", cases[i].text);
    g_assert_no_error(error);
    g_assert_cmpuint(model_weight_bytes(model), ==, cases[i].bytes + REST);
    g_assert_cmpstr(model->dtype, ==, cases[i].dtype);
    g_assert_cmpuint(model->kv_bits, ==, cases[i].kv_bits);
  }
}

/* The handed files, and what is known to be right of them. */
static void
test_handed_cases(void)
{
  static const struct {
    const char *file;
    double loaded_gib; /* 0: not known */
    guint64 kv_bytes;
    guint32 context;
  } cases[] = {
      {"nvidia-fp8/config.json", 67.7, 163840, 131072},
      {"qwen3-8b-yarn-ropeparameters.json", 0, 147456, 131072},
      {"deepseek-coder-6.7b.json", 0, 524288, 65536},
      {"phi3-mini-4k.json", 0, 393216, 4096},
      {"mistral-7b-v0.1.json", 0, 131072, 32768},
      {"zephyr-7b-awq.json", 0, 131072, 32768},
      {"qwen3-30b-a3b-w4a16.json", 15.68, 98304, 40960},
      {"qwen2-llama-attnbias.json", 0, 32768, 131072},
  };
  const char *shared = g_getenv("SPILLWAY_SHARED");

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *path = g_build_filename(shared != NULL ? shared : "../shared", "cases",
                                             "configs", cases[i].file, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(Model) model = NULL;

    if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
      g_test_skip("these files do not ship, and are not at hand");
      return;
    }
    model = model_config_read(path, cases[i].file, &error);
    g_assert_no_error(error);
    g_test_message("%s: %.3f GiB", cases[i].file, (double)model_rank_bytes(model, 1) / (1 << 30));
    g_assert_cmpuint(model_kv_bytes_per_token(model), ==, cases[i].kv_bytes);
    g_assert_cmpuint(model->max_position, ==, cases[i].context);
    if (cases[i].loaded_gib > 0)
      g_assert_cmpfloat_with_epsilon((double)model_rank_bytes(model, 1) / (1 << 30),
                                     cases[i].loaded_gib, cases[i].loaded_gib < 20 ? 0.005 : 0.05);
  }
}

#define EXPERTS                                                                                    \
  ",\"num_experts\":4,\"num_experts_per_tok\":2,\"moe_intermediate_size\":8,"                      \
  "\"shared_expert_intermediate_size\":8"

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
      {"{\"model_type\":\"mamba9\"}", "\"mamba9\", whose layers are not known; known are llama"},
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
      {LLAMA ",\"attention_bias\":\"yes\"}", "attention_bias: found \"yes\""},
      {LLAMA ",\"mlp_bias\":1}", "true or false"},
      {LLAMA ",\"torch_dtype\":\"int3\"}", "torch_dtype: found \"int3\""},
      {LLAMA ",\"quantization_config\":{\"quant_method\":\"awq\"}}", "4 or 8"},
      {LLAMA ",\"quantization_config\":[]}", "known: fp8, fbgemm_fp8, compressed-tensors"},
      {LLAMA ",\"quantization_config\":{\"quant_method\":\"hqq\"}}", "the method \"hqq\""},
      {LLAMA ",\"quantization_config\":{\"quant_method\":\"modelopt\",\"quant_algo\":\"INT3\"}}",
       "found \"INT3\""},
      {LLAMA ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":0}}", "of a believable size"},
      {LLAMA ",\"rope_scaling\":{\"type\":\"yarn\",\"factor\":-4}}", "rope_scaling"},
      {LLAMA ",\"rope_scaling\":{\"type\":\"yarn\"}}", "rope_scaling"},
      {LLAMA ",\"rope_scaling\":3}", "an object or null"},
      {"{\"model_type\":\"mixtral\"," FRAME "}", "num_local_experts: found nothing"},
      {"{\"model_type\":\"exaone4\"," FRAME ",\"sliding_window_pattern\":-1}",
       "sliding_window_pattern: found -1"},
      {"{\"model_type\":\"mixtral\"," FRAME ",\"num_local_experts\":2,\"num_experts_per_tok\":3}",
       "num_experts_per_tok: found 3"},
      {"{\"model_type\":\"qwen3_next\"," FRAME EXPERTS ",\"decoder_sparse_step\":\"two\"}",
       "decoder_sparse_step: found \"two\""},
      {"{\"model_type\":\"qwen3_moe\"," FRAME EXPERTS ",\"mlp_only_layers\":[\"0\"]}",
       "mlp_only_layers: found [\"0\"]"},
      {"{\"model_type\":\"glm4_moe\"," FRAME EXPERTS ",\"first_k_dense_replace\":\"1\"}",
       "first_k_dense_replace: found \"1\""},
      {"{\"model_type\":\"glm4_moe\"," FRAME EXPERTS ",\"moe_layer_freq\":\"1\"}",
       "moe_layer_freq: found \"1\""},
      {"{\"model_type\":\"glm4_moe\"," FRAME EXPERTS ",\"moe_layer_freq\":[0]}",
       "0 or 1 for each layer"},
      {"{\"model_type\":\"glm4_moe\"," FRAME EXPERTS ",\"mlp_layer_types\":[\"dense\",\"both\"]}",
       "\"dense\" or \"sparse\" for each layer"},
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

/* Meta's first release of Llama 3.1 405B in FP8: 16 KV heads, attention and two layers'
 * feed-forward parts left out. vLLM's log has 57.75 GiB on each of 8 cards. */
static void
test_loaded_by_log(void)
{
  g_autoptr(GString) text = g_string_new(
      "{\"model_type\":\"llama\",\"num_hidden_layers\":126,\"hidden_size\":16384,"
      "\"num_attention_heads\":128,\"num_key_value_heads\":16,\"intermediate_size\":53248,"
      "\"vocab_size\":128256,\"max_position_embeddings\":131072,\"torch_dtype\":\"bfloat16\","
      "\"quantization_config\":{\"quant_method\":\"fbgemm_fp8\",\"modules_to_not_convert\":[");
  g_autoptr(GError) error = NULL;
  g_autoptr(Model) model = NULL;

  for (guint i = 0; i < 126; i++)
    g_string_append_printf(text, "\"model.layers.%u.self_attn\",", i);
  g_string_append(text, "\"model.layers.0.mlp\",\"model.layers.125.mlp\",\"lm_head\"]}}");
  model = read_text(text->str, &error);
  g_assert_no_error(error);
  g_assert_cmpfloat_with_epsilon((double)model_rank_bytes(model, 8) / (1 << 30), 57.75, 0.005);
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
  g_test_add_func("/model/quantizations", test_quantizations);
  g_test_add_func("/model/handed-cases", test_handed_cases);
  g_test_add_func("/model/bad-files", test_bad_files);
  g_test_add_func("/model/loaded-by-log", test_loaded_by_log);
  g_test_add_func("/model/no-file", test_no_file);
  return g_test_run();
}
