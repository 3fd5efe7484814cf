/* Imports: what published tables become, by numbers read off them by hand (skips where the public
 * data is absent), small tables written here, and broken ones. */
#include "calib/import/import.h"

#include "calib/import/csv_table.h"
#include "models/model_config.h"

#include <glib/gstdio.h>
#include <string.h>

typedef struct {
  char *folder;
  Profile *profile;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer unused)
{
  (void)unused;
  fixture->folder = g_dir_make_tmp("spillway-import-XXXXXX", NULL);
  fixture->profile = profile_new("", "");
}

static void
remove_folder(const char *path)
{
  g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name(folder)) != NULL) {
    g_autofree char *file = g_build_filename(path, name, NULL);
    if (g_file_test(file, G_FILE_TEST_IS_DIR))
      remove_folder(file);
    else
      g_unlink(file);
  }
  g_rmdir(path);
}

static void
tear_down(Fixture *fixture, gconstpointer unused)
{
  (void)unused;
  remove_folder(fixture->folder);
  g_free(fixture->folder);
  profile_free(fixture->profile);
}

/* Writes a file below the fixture's folder; the caller frees its path. */
static char *
write_file(const Fixture *fixture, const char *name, const char *content)
{
  char *path = g_build_filename(fixture->folder, name, NULL);
  g_autofree char *parent = g_path_get_dirname(path);
  g_autoptr(GError) error = NULL;

  g_assert_cmpint(g_mkdir_with_parents(parent, 0700), ==, 0);
  g_file_set_contents(path, content, -1, &error);
  g_assert_no_error(error);
  return path;
}

/* The shipped models by the last part of a published name. */
static Model *
find_model(const char *name, gpointer data, GError **error)
{
  const char *root = g_getenv("SPILLWAY_SRCDIR"), *slash = strrchr(name, '/');
  g_autofree char *lower = g_ascii_strdown(slash != NULL ? slash + 1 : name, -1);
  g_autofree char *file = g_strconcat(lower, ".json", NULL);
  g_autofree char *path = g_build_filename(root != NULL ? root : ".", "models", file, NULL);

  (void)data;
  return model_config_read(path, lower, error);
}

static const ImportContext context = {.find_model = find_model};

/* NULL and a skip if the public data is not there; the caller frees it. */
static char *
shared_path(const char *file)
{
  const char *shared = g_getenv("SPILLWAY_SHARED");
  g_autofree char *path = NULL;

  if (shared == NULL) {
    g_test_skip("SPILLWAY_SHARED is not set");
    return NULL;
  }
  path = g_build_filename(shared, "data", "profiles", file, NULL);
  if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
    g_test_skip("the public tables are not there");
    return NULL;
  }
  return g_steal_pointer(&path);
}

static void
import(Profile *profile, const char *path, const char *format)
{
  g_autoptr(GError) error = NULL;
  gint64 start_us = g_get_monotonic_time();
  guint before = profile->samples->len;

  profile_import(profile, path, format, &context, &error);
  g_assert_no_error(error);
  g_test_message("%s: %u samples in %.3f s", path, profile->samples->len - before,
                 (double)(g_get_monotonic_time() - start_us) / 1e6);
}

/* The import fails with a message that ends in `expected`, and leaves the profile alone. */
static void
import_fails(Fixture *fixture, const char *path, const char *expected)
{
  g_autoptr(GError) error = NULL;
  guint before = fixture->profile->samples->len;

  g_assert_false(profile_import(fixture->profile, path, NULL, &context, &error));
  g_assert_nonnull(error);
  if (strstr(error->message, expected) == NULL)
    g_error("\"%s\" is not in \"%s\"", expected, error->message);
  g_assert_cmpuint(fixture->profile->samples->len, ==, before);
  g_assert_cmpstr(fixture->profile->device, ==, "");
}

static const ProfileSample *
find(const Profile *profile, OperationKind kind, const char *variant, const char *dtype,
     const gint64 *shape)
{
  guint n;
  const ProfileSample *samples = profile_samples(profile, kind, &n);

  for (guint i = 0; i < n; i++)
    if (g_str_equal(samples[i].variant, variant) && g_str_equal(samples[i].dtype, dtype) &&
        memcmp(samples[i].shape, shape, operation_n_shape(kind) * sizeof *shape) == 0)
      return &samples[i];
  return NULL;
}

#define SHAPE(...) ((const gint64[OPERATION_SHAPE_MAX]){__VA_ARGS__})

static void
expect_ns(const Profile *profile, OperationKind kind, const char *variant, const char *dtype,
          const gint64 *shape, double ns)
{
  const ProfileSample *sample = find(profile, kind, variant, dtype, shape);

  g_assert_nonnull(sample);
  g_assert_cmpfloat_with_epsilon(sample->median_ns, ns, ns * 1e-9);
}

static void
expect_count(const Profile *profile, OperationKind kind, guint expected)
{
  guint n;

  profile_samples(profile, kind, &n);
  g_assert_cmpuint(n, ==, expected);
}

/* ---- LLMServingSim ---- */

#define META                                                                                       \
  "vllm_version: 0.19.0\ncuda_version: '13.0'\ngpu: NVIDIA RTX PRO 6000 Blackwell\n"               \
  "profiled_at: '2026-04-24T12:44:27+00:00'\nmodel: meta-llama/Llama-3.1-8B\nvariant: bf16\n"      \
  "engine_effective:\n  hf_overrides:\n    num_hidden_layers: 1\nmeasurement_iterations: 3\n"

static void
test_llmservingsim_published(Fixture *fixture, gconstpointer unused)
{
  g_autofree char *path = shared_path("llmservingsim/rtxpro6000-llama-3.1-8b");
  const Profile *profile = fixture->profile;

  (void)unused;
  if (path == NULL)
    return;
  import(fixture->profile, path, NULL);
  g_assert_cmpstr(profile->device, ==, "rtx-pro-6000");
  g_assert_cmpstr(profile->name, ==, "rtx-pro-6000");
  expect_count(profile, OP_GEMM, 4 * 152 + 40);
  expect_count(profile, OP_ELEMENTWISE, 5 * 152);
  expect_count(profile, OP_SAMPLING, 40);
  expect_count(profile, OP_ATTENTION, 19364);
  expect_count(profile, OP_ATTENTION_SKEW, 3 * 13009);
  expect_ns(profile, OP_GEMM, "", "bfloat16", SHAPE(1, 128256, 4096), 714006);
  expect_ns(profile, OP_SAMPLING, "", "bfloat16", SHAPE(256, 128256), 164150);
  expect_ns(profile, OP_ELEMENTWISE, "activation", "bfloat16", SHAPE(1, 14336), 2677.33);
  expect_ns(profile, OP_ATTENTION, "", "bfloat16", SHAPE(0, 0, 0, 1, 16, 32, 8, 128), 8352.33);
  expect_ns(profile, OP_ATTENTION, "", "bfloat16", SHAPE(1, 2048, 2048, 0, 0, 32, 8, 128), 421174);
  expect_ns(profile, OP_ATTENTION_SKEW, "max", "bfloat16", SHAPE(0, 0, 2, 1, 128, 512, 32, 8, 128),
            50143);
  const ProfileOrigin *origin = &g_array_index(profile->origins, ProfileOrigin, 0);
  g_assert_cmpstr(origin->engine, ==, "vLLM 0.19.0");
  g_assert_cmpstr(origin->cuda, ==, "13.0");
  g_assert_cmpstr(origin->measured_model, ==, "meta-llama/Llama-3.1-8B");
}

static void
test_llmservingsim_ranks(Fixture *fixture, gconstpointer unused)
{
  g_autofree char *meta = write_file(fixture, "x/perf/meta.yaml", META);
  g_autofree char *one = write_file(fixture, "x/perf/tp1/dense.csv",
                                    "layer,tokens,time_us\nqkv_proj,7,2.5\nmystery,7,1\n");
  g_autofree char *two = write_file(fixture, "x/perf/tp2/dense.csv",
                                    "layer,tokens,time_us\r\nqkv_proj,7.0,\"1.5\"\r\n");
  g_autofree char *heads = write_file(fixture, "x/perf/tp2/per_sequence.csv",
                                      "layer,sequences,time_us\nlm_head,3,700\nsampler,3,20\n");
  g_autofree char *attention = write_file(
      fixture, "x/perf/tp2/attention.csv",
      "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n16,32,4,64,1e1\n0,0,4,64,8\n");
  g_autofree char *path = g_build_filename(fixture->folder, "x", NULL);
  const Profile *profile = fixture->profile;

  (void)unused;
  import(fixture->profile, path, "auto");
  expect_count(profile, OP_GEMM, 3);
  expect_ns(profile, OP_GEMM, "", "bfloat16", SHAPE(3, 64128, 4096), 7e5);
  expect_ns(profile, OP_SAMPLING, "", "bfloat16", SHAPE(3, 64128), 2e4);
  expect_ns(profile, OP_GEMM, "", "bfloat16", SHAPE(7, 6144, 4096), 2500);
  expect_ns(profile, OP_GEMM, "", "bfloat16", SHAPE(7, 3072, 4096), 1500);
  expect_ns(profile, OP_ATTENTION, "", "bfloat16", SHAPE(1, 16, 32, 4, 64, 16, 4, 128), 10000);
  expect_ns(profile, OP_ATTENTION, "", "bfloat16", SHAPE(0, 0, 0, 4, 64, 16, 4, 128), 8000);
  g_assert_nonnull(strstr(profile->note, "mystery"));
  g_assert_cmpuint(g_array_index(profile->samples, ProfileSample, 0).count, ==, 3);
}

static void
test_llmservingsim_broken(Fixture *fixture, gconstpointer unused)
{
  static const struct {
    const char *content, *message;
  } cases[] = {
      {"", "dense.csv: is empty"},
      {"layer,tokens,time_us\n", "has a header and no rows"},
      {"layer,tokens\nqkv_proj,7\n", "dense.csv:1:1: the header has no column time_us"},
      {"layer,tokens,tokens,time_us\nqkv_proj,7,7,1\n", "the column tokens is there twice"},
      {"layer,tokens,time_us\nqkv_proj,7,nan\n",
       "dense.csv:2:12: time_us is \"nan\", expected a time above 0"},
      {"layer,tokens,time_us\nqkv_proj,7,-1\n", "time_us is \"-1\""},
      {"layer,tokens,time_us\nqkv_proj,7,0\n", "time_us is \"0\""},
      {"layer,tokens,time_us\nqkv_proj,7,1e999\n", "time_us is \"1e999\""},
      {"layer,tokens,time_us\nqkv_proj,0,1\n", "tokens is \"0\", expected a whole number, 1"},
      {"layer,tokens,time_us\nqkv_proj,1.5,1\n", "tokens is \"1.5\", expected a whole number"},
      {"layer,tokens,time_us\nqkv_proj,,1\n", "dense.csv:2:10: tokens is empty"},
      {"layer,tokens,time_us\nqkv_proj,99999999999999999999999,1\n", "expected a whole number"},
      {"layer,tokens,time_us\nqkv_proj,7,1\nqkv_pr",
       "dense.csv:3:1: 1 cells, expected 3 as in the header; the file seems to be cut off"},
      {"layer,tokens,time_us\n\"qkv_proj,7,1\n", "the quotes do not pair"},
  };
  g_autofree char *meta = write_file(fixture, "meta.yaml", META);

  (void)unused;
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *path = write_file(fixture, "dense.csv", cases[i].content);
    import_fails(fixture, path, cases[i].message);
  }
}

static void
test_llmservingsim_meta(Fixture *fixture, gconstpointer unused)
{
  g_autofree char *dense = write_file(fixture, "dense.csv", "layer,tokens,time_us\nqkv_proj,7,1\n");
  g_autofree char *none = write_file(fixture, "meta.yaml", "gpu: X\n");

  (void)unused;
  import_fails(fixture, fixture->folder, "has no line \"model: …\"");
  g_autofree char *other =
      write_file(fixture, "meta.yaml", "gpu: X\nmodel: org/Unheard-Of-1B\nvariant: bf16\n");
  import_fails(fixture, fixture->folder, "\"org/Unheard-Of-1B\" is needed");
  import_fails(fixture, fixture->folder, "--model");
}

/* ---- aiconfigurator ---- */

#define AI "framework,version,device,op_name,kernel_source,"
#define AI_ROW(op) "VLLM,0.14.0,NVIDIA H100 80GB HBM3," op ",k,"
#define AI_GEMM AI "gemm_dtype,m,n,k,latency\n"
#define AI_ATTENTION                                                                               \
  AI "batch_size,isl,num_heads,num_key_value_heads,head_dim,beam_width,attn_dtype,kv_cache_dtype," \
     "step,latency\n"

static void
test_aiconfigurator_h100(Fixture *fixture, gconstpointer unused)
{
  g_autofree char *path = shared_path("aiconfigurator");
  Profile *profile = fixture->profile;
  const ProfileSample *derived;
  guint n, n_derived = 0;
  double expected;

  (void)unused;
  if (path == NULL)
    return;
  import_fails(fixture, path, "say which with --device");
  g_free(profile->device);
  profile->device = g_strdup("h100-sxm");
  import(profile, path, NULL);
  g_assert_cmpstr(profile->name, ==, "h100-sxm");
  expect_count(profile, OP_GEMM, 26040);
  const ProfileSample *samples = profile_samples(profile, OP_ATTENTION, &n);
  for (guint i = 0; i < n; i++)
    n_derived += samples[i].derived;
  g_assert_cmpuint(n - n_derived, ==, 10914 - 816 + 10870);
  g_test_message("%u derived", n_derived);
  expect_ns(profile, OP_GEMM, "", "bfloat16", SHAPE(4096, 4096, 4096), 156046.21834225124);
  expect_ns(profile, OP_GEMM, "", "fp8", SHAPE(4096, 4096, 4096), 286647.10786607533);
  expect_ns(profile, OP_GEMM, "", "fp8_block", SHAPE(4096, 4096, 4096), 346795.55892944336);
  expect_ns(profile, OP_ATTENTION, "", "bfloat16", SHAPE(4, 2048, 0, 0, 0, 32, 8, 128),
            372885.3464126587);
  expect_ns(profile, OP_ATTENTION, "", "bfloat16+fp8kv", SHAPE(4, 2048, 0, 0, 0, 32, 8, 128),
            398314.6746953328);
  /* twice 134217728 elements of two bytes */
  expect_ns(profile, OP_ALL_REDUCE, "nccl", "float16", SHAPE(268435456, 8), 1090140);
  expect_ns(profile, OP_ALL_REDUCE, "custom", "bfloat16", SHAPE(2048, 8), 4532.159864902496);
  derived = find(profile, OP_ATTENTION, "", "bfloat16", SHAPE(4, 1024, 1024, 0, 0, 32, 8, 128));
  g_assert_nonnull(derived);
  expected = 11642.667154471079 + 0.75 * (372885.3464126587 - 11642.667154471079);
  g_assert_cmpfloat_with_epsilon(derived->median_ns, expected, 1e-3);
  g_assert_cmpuint(derived->derived, ==, 1);
}

static void
test_aiconfigurator_a100(Fixture *fixture, gconstpointer unused)
{
  g_autofree char *path =
      shared_path("aiconfigurator/a100_sxm_attention_vllm_0.14.0_generation_attention_perf.csv");

  (void)unused;
  if (path == NULL)
    return;
  import(fixture->profile, path, NULL);
  g_assert_cmpstr(fixture->profile->device, ==, "a100-80gb");
  expect_count(fixture->profile, OP_ATTENTION, 5431);
  expect_ns(fixture->profile, OP_ATTENTION, "", "bfloat16", SHAPE(0, 0, 0, 64, 4096, 32, 8, 128),
            681615.9884134928);
}

static void
test_aiconfigurator_small(Fixture *fixture, gconstpointer unused)
{
  g_autofree char *gemm =
      write_file(fixture, "gemm_perf.txt",
                 AI_GEMM AI_ROW("gemm") "float16,1,2,3,0.5\n" AI_ROW("gemm") "fp8,1,2,3,.25\n" /* */
                 AI_ROW("gemm") "fp8,1,2,3,.75\n");
  g_autofree char *attention = write_file(
      fixture, "attention_perf.txt",
      AI_ATTENTION AI_ROW("context_attention") "2,1,4,0,64,1,bfloat16,bfloat16,0,0.01\n" /* */
      AI_ROW("context_attention") "2,16,4,0,64,1,bfloat16,bfloat16,0,0.02\n"             /* */
      AI_ROW("context_attention") "2,32,4,0,64,1,bfloat16,bfloat16,0,0.05\n"             /* */
      AI_ROW("generation_attention") "2,1,4,0,64,4,bfloat16,bfloat16,7,9\n"              /* */
      AI_ROW("generation_attention") "2,1,4,0,64,1,bfloat16,bfloat16,7,0.04\n");
  g_autofree char *comm =
      write_file(fixture, "nccl_perf.txt",
                 AI "nccl_dtype,num_gpus,message_size,latency\n" /* */
                 AI_ROW("all_gather") "half,2,128,1\n" AI_ROW("all_reduce") "half,2,128,2\n");
  g_autofree char *moe = write_file(fixture, "moe_perf.txt", AI "latency\n" AI_ROW("moe") "1\n");
  const Profile *profile = fixture->profile;

  (void)unused;
  import(fixture->profile, fixture->folder, NULL);
  expect_count(profile, OP_GEMM, 2);
  expect_ns(profile, OP_GEMM, "", "float16", SHAPE(1, 2, 3), 5e5);
  expect_ns(profile, OP_GEMM, "", "fp8", SHAPE(1, 2, 3), 5e5); /* of two rows */
  g_assert_cmpfloat(find(profile, OP_GEMM, "", "fp8", SHAPE(1, 2, 3))->p90_ns, ==, 75e4);
  expect_count(profile, OP_ATTENTION, 5);
  expect_ns(profile, OP_ATTENTION, "", "bfloat16", SHAPE(0, 0, 0, 2, 8, 4, 4, 64), 4e4);
  expect_ns(profile, OP_ATTENTION, "", "bfloat16", SHAPE(2, 16, 16, 0, 0, 4, 4, 64), 4e4);
  expect_count(profile, OP_ALL_REDUCE, 1);
  expect_ns(profile, OP_ALL_REDUCE, "custom", "float16", SHAPE(256, 2), 2e6);
  g_assert_nonnull(strstr(profile->note, "moe_perf.txt is of an operation that is not known"));
}

static void
test_aiconfigurator_broken(Fixture *fixture, gconstpointer unused)
{
  static const struct {
    const char *content, *message;
  } cases[] = {
      {AI_GEMM AI_ROW("gemm") "float16,1,2,3,inf\n", ":2:56: latency is \"inf\""},
      {AI_GEMM AI_ROW("gemm") "float16,1,-2,3,1\n", "n is \"-2\", expected a whole number"},
      {AI "gemm_dtype,m,n,latency\n" AI_ROW("gemm") "fp8,1,2,3\n", "has no column k"},
      {AI_GEMM AI_ROW("gemm") "float16,1,2\n", "8 cells, expected 10"},
      {AI_ATTENTION AI_ROW("context_attention") "2,0,4,0,64,1,bfloat16,bfloat16,0,1\n",
       "isl is \"0\""},
      {AI "nccl_dtype,num_gpus,message_size,latency\n" AI_ROW("all_reduce") "int3,2,128,1\n",
       "nccl_dtype is \"int3\", expected half"},
      {AI "latency\n" AI_ROW("moe") "1\n", "no table that is known"},
      {AI_GEMM, "has a header and no rows"},
  };

  (void)unused;
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *path = write_file(fixture, "x_perf.csv", cases[i].content);
    import_fails(fixture, path, cases[i].message);
  }
}

/* ---- Vidur and Frontier ---- */

#define VIDUR                                                                                      \
  "time_stats.mlp_up_proj.min,time_stats.mlp_up_proj.max,time_stats.mlp_up_proj.median,"           \
  "time_stats.mlp_up_proj.std,time_stats.input_layernorm.median,"                                  \
  "time_stats.post_attention_layernorm.median,n_head,n_kv_head,n_embd,n_expanded_embd,"            \
  "use_gated_mlp,num_tokens,num_tensor_parallel_workers\n"

static void
test_vidur_published(Fixture *fixture, gconstpointer unused)
{
  g_autofree char *path = shared_path("vidur/a100_meta-llama_Meta-Llama-3-8B_mlp.csv");
  const Profile *profile = fixture->profile;
  const ProfileSample *up, *norm;

  (void)unused;
  if (path == NULL)
    return;
  import(fixture->profile, path, NULL);
  g_assert_cmpstr(profile->device, ==, "a100-80gb");
  g_assert_cmpstr(g_array_index(profile->origins, ProfileOrigin, 0).measured_model, ==,
                  "meta-llama_Meta-Llama-3-8B");
  /* 451 token counts at four degrees; norms, embedding and residual do not depend on the degree */
  expect_count(profile, OP_GEMM, 4 * 4 * 451);
  expect_count(profile, OP_ELEMENTWISE, 2 * 4 * 451 + 3 * 451);
  expect_ns(profile, OP_GEMM, "", "float16", SHAPE(64, 14336, 4096), 81000);
  up = find(profile, OP_GEMM, "", "float16", SHAPE(64, 28672, 4096));
  g_assert_nonnull(up);
  g_assert_cmpfloat_with_epsilon(up->median_ns, 173000, 1e-3);
  g_assert_cmpfloat_with_epsilon(up->p10_ns, 163000, 1e-3);
  g_assert_cmpfloat_with_epsilon(up->p90_ns, 184000, 1e-3);
  norm = find(profile, OP_ELEMENTWISE, "norm", "float16", SHAPE(64, 4096));
  g_assert_nonnull(norm);
  g_assert_true(norm->median_ns >= 4000 && norm->median_ns <= 5000);
}

static void
test_vidur_host(Fixture *fixture, gconstpointer unused)
{
  g_autofree char *path = shared_path("vidur/a100_cpu_overheads_v2.csv");

  (void)unused;
  if (path == NULL)
    return;
  import(fixture->profile, path, "vidur");
  expect_count(fixture->profile, OP_HOST, 12);
  expect_ns(fixture->profile, OP_HOST, "vidur-tp2", "", SHAPE(8, 8), 3694692.236752948);
}

static void
test_vidur_folder(Fixture *fixture, gconstpointer unused)
{
  g_autofree char *path = shared_path("vidur");

  (void)unused;
  if (path == NULL)
    return;
  import_fails(fixture, path, "a profile is of one device");
  g_free(fixture->profile->device);
  fixture->profile->device = g_strdup("a100-80gb");
  import(fixture->profile, path, NULL);
  g_assert_nonnull(find(fixture->profile, OP_HOST, "vidur-tp2", "", SHAPE(8, 8)));
  g_assert_nonnull(strstr(fixture->profile->note, "1 files are of other devices"));
}

static void
test_vidur_small(Fixture *fixture, gconstpointer unused)
{
  g_autofree char *path = write_file(fixture, "a100/org/model/mlp.csv",
                                     VIDUR ".1,.4,.2,.01,.001,.003,8,4,64,256,False,5,2\n");
  const Profile *profile = fixture->profile;

  (void)unused;
  import(fixture->profile, path, NULL);
  g_assert_cmpstr(profile->device, ==, "a100-80gb");
  g_assert_cmpstr(g_array_index(profile->origins, ProfileOrigin, 0).measured_model, ==,
                  "org/model");
  expect_count(profile, OP_GEMM, 1);
  expect_ns(profile, OP_GEMM, "", "float16", SHAPE(5, 128, 64), 2e5);
  expect_ns(profile, OP_ELEMENTWISE, "norm", "float16", SHAPE(5, 64), 2e3);
}

static void
test_vidur_broken(Fixture *fixture, gconstpointer unused)
{
  static const struct {
    const char *content, *message;
  } cases[] = {
      {VIDUR ".1,.4,0,.01,1,1,8,4,64,256,True,5,2\n", "median is \"0\", expected a time above 0"},
      {VIDUR ".1,.4,.2,nan,1,1,8,4,64,256,True,5,2\n", "std is \"nan\", expected a number"},
      {VIDUR ".1,.4,.2,.1,1,1,8,4,64,256,True,5,3\n", "workers is \"3\", expected a divisor"},
      {VIDUR ".1,.4,.2,.1,1,1,7,4,64,256,True,5,1\n", "n_embd is \"64\", expected a multiple"},
      {VIDUR ".1,.4,.2,.1,1,1,8,4,64,256,True,,1\n", "num_tokens is empty"},
  };

  (void)unused;
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *path = write_file(fixture, "a100_x_mlp.csv", cases[i].content);
    import_fails(fixture, path, cases[i].message);
  }
}

#define FRONTIER                                                                                   \
  "time_stats.attn_prefill.median,time_stats.attn_decode.median,"                                  \
  "time_stats.attn_kv_cache_save.median,n_embd,n_q_head,n_kv_head,num_tensor_parallel_workers,"    \
  "batch_size,prefill_chunk_size,kv_cache_size,is_prefill,attention_backend\n"

static void
test_frontier_published(Fixture *fixture, gconstpointer unused)
{
  g_autofree char *path = shared_path("frontier/a800_llama-2-7b_attention.csv");
  const Profile *profile = fixture->profile;

  (void)unused;
  if (path == NULL)
    return;
  import(fixture->profile, path, NULL);
  g_assert_cmpstr(profile->device, ==, "a100-80gb");
  expect_count(profile, OP_ATTENTION, 10112 + 536);
  expect_count(profile, OP_ELEMENTWISE, 128 + 82);
  expect_ns(profile, OP_ATTENTION, "", "float16", SHAPE(1, 512, 1024, 0, 0, 32, 32, 128), 150000);
  expect_ns(profile, OP_ATTENTION, "", "float16", SHAPE(0, 0, 0, 128, 1344, 32, 32, 128), 1563000);
  g_assert_cmpstr(
      find(profile, OP_ATTENTION, "", "float16", SHAPE(1, 512, 1024, 0, 0, 32, 32, 128))->kernel,
      ==, "flashinfer");
}

static void
test_frontier_small(Fixture *fixture, gconstpointer unused)
{
  g_autofree char *path =
      write_file(fixture, "h100_x_attention.csv",
                 FRONTIER ".5,0,.25,64,8,4,2,3,16,32,True,B.FA\n0,.5,.01,64,8,4,2,3,0,32,False,\n");
  const Profile *profile = fixture->profile;

  (void)unused;
  import(fixture->profile, path, "auto");
  expect_ns(profile, OP_ATTENTION, "", "float16", SHAPE(3, 16, 32, 0, 0, 4, 2, 8), 5e5);
  expect_ns(profile, OP_ATTENTION, "", "float16", SHAPE(0, 0, 0, 3, 32, 4, 2, 8), 5e5);
  expect_ns(profile, OP_ELEMENTWISE, "kv_write", "float16", SHAPE(3, 32), 1e4);
  expect_ns(profile, OP_ELEMENTWISE, "kv_write_prefill", "float16", SHAPE(48, 32), 25e4);
  import(fixture->profile, path, "vidur");
  g_assert_cmpuint(profile->samples->len, ==, 4); /* the later import's */
}

static void
test_frontier_broken(Fixture *fixture, gconstpointer unused)
{
  static const struct {
    const char *content, *message;
  } cases[] = {
      {FRONTIER "0,0,.1,64,8,4,1,3,16,32,True,\n", "attn_prefill.median is \"0\""},
      {FRONTIER "1,0,.1,64,8,4,1,3,16,32,perhaps,\n", "is_prefill is \"perhaps\", expected True"},
      {FRONTIER "1,0,.1,64,8,4,3,3,16,32,True,\n", "expected a divisor of n_q_head"},
      {FRONTIER "1,0,.1,64,8,4,1,3,0,32,True,\n", "prefill_chunk_size is \"0\""},
      {FRONTIER "1,0,.1,64,0,4,1,3,16,32,True,\n", "n_q_head is \"0\""},
  };

  (void)unused;
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *path = write_file(fixture, "a100_x_attention.csv", cases[i].content);
    import_fails(fixture, path, cases[i].message);
  }
}

/* ---- all ---- */

static void
test_devices(void)
{
  static const char *const cases[][2] = {
      {"NVIDIA H100 80GB HBM3", "h100-sxm"},
      {"NVIDIA H100 PCIe", "h100-pcie"},
      {"NVIDIA A100-SXM4-80GB", "a100-80gb"},
      {"NVIDIA A100-SXM4-40GB", "a100-40gb"},
      {"RTXPRO6000", "rtx-pro-6000"},
      {"NVIDIA RTX PRO 6000 Blackwell Server Edition", "rtx-pro-6000"},
      {"a800", "a100-80gb"},
      {"NVIDIA GH200 480GB", "gh200"},
      {"NVIDIA H200", "h200"},
      {"h100-sxm", "h100-sxm"},
      {"NVIDIA GeForce RTX 4090", "rtx-4090"},
      {"NVIDIA GeForce RTX 4090 Laptop GPU", NULL},
      {"NVIDIA H20", "h20"},
      {"NVIDIA RTX A6000", "rtx-a6000"},
      {"NVIDIA L4", "l4"},
      {"NVIDIA L40", NULL},
      {"NVIDIA L40S", "l40s"},
      {"NVIDIA A10", "a10"},
      {"NVIDIA A10G", NULL},
      {"NVIDIA T4", NULL},
      {"", NULL},
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
    g_assert_cmpstr(import_guess_device(cases[i][0]), ==, cases[i][1]);
}

static void
test_unknown(Fixture *fixture, gconstpointer unused)
{
  g_autofree char *path = write_file(fixture, "x.csv", "a,b\n1,2\n");
  g_autoptr(GError) error = NULL;

  (void)unused;
  import_fails(fixture, path, "no table that is known");
  import_fails(fixture, "/nowhere", "there is no such file");
  g_assert_false(profile_import(fixture->profile, path, "excel", &context, &error));
  g_assert_error(error, IMPORT_ERROR, IMPORT_ERROR_UNKNOWN);
}

/* Tables with a few bytes changed or cut off are imported or refused, and nothing else. */
static void
test_mutations(Fixture *fixture, gconstpointer unused)
{
  static const struct {
    const char *name, *content;
  } tables[] = {
      {"dense.csv", "layer,tokens,time_us\nqkv_proj,7,\"2.5\"\nact_fn,8,1e1\n"},
      {"gemm.csv", AI_GEMM AI_ROW("gemm") "float16,1,2,3,0.5\n"},
      {"attention.csv",
       AI_ATTENTION AI_ROW("context_attention") "2,16,4,0,64,1,bfloat16,bfloat16,0,0.02\n" /* */
       AI_ROW("context_attention") "2,32,4,0,64,1,bfloat16,bfloat16,0,0.05\n"},
      {"a100_x_mlp.csv", VIDUR ".1,.4,.2,.01,.001,.003,8,4,64,256,False,5,2\n"},
      {"a100_x_attention.csv", FRONTIER ".5,0,.25,64,8,4,2,3,16,32,True,B.FA\n"},
  };
  static const char bytes[] = ",\n\"\r#-.09e\xff\0";
  g_autofree char *meta = write_file(fixture, "meta.yaml", META);

  (void)unused;
  for (guint i = 0; i < 1000; i++) {
    guint table = (guint)g_test_rand_int_range(0, G_N_ELEMENTS(tables));
    g_autofree char *content = g_strdup(tables[table].content);
    g_autofree char *path = g_build_filename(fixture->folder, tables[table].name, NULL);
    g_autoptr(Profile) profile = profile_new("", "");
    g_autoptr(GError) error = NULL;
    int length = (int)strlen(content), left = g_test_rand_int_range(0, length + 1);
    for (int changes = g_test_rand_int_range(0, 4); changes > 0; changes--)
      content[g_test_rand_int_range(0, length)] =
          bytes[g_test_rand_int_range(0, (int)sizeof bytes - 1)];
    g_assert_true(g_file_set_contents(path, content, g_test_rand_bit() ? left : length, NULL));
    g_assert_true(profile_import(profile, path, NULL, &context, &error) == (error == NULL));
    g_assert_true((profile->samples->len > 0) == (error == NULL));
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/import/devices", test_devices);
#define ADD(path, test) g_test_add(path, Fixture, NULL, set_up, test, tear_down)
  ADD("/import/unknown", test_unknown);
  ADD("/import/mutations", test_mutations);
  ADD("/import/llmservingsim/published", test_llmservingsim_published);
  ADD("/import/llmservingsim/ranks", test_llmservingsim_ranks);
  ADD("/import/llmservingsim/broken", test_llmservingsim_broken);
  ADD("/import/llmservingsim/meta", test_llmservingsim_meta);
  ADD("/import/aiconfigurator/h100", test_aiconfigurator_h100);
  ADD("/import/aiconfigurator/a100", test_aiconfigurator_a100);
  ADD("/import/aiconfigurator/small", test_aiconfigurator_small);
  ADD("/import/aiconfigurator/broken", test_aiconfigurator_broken);
  ADD("/import/vidur/published", test_vidur_published);
  ADD("/import/vidur/host", test_vidur_host);
  ADD("/import/vidur/folder", test_vidur_folder);
  ADD("/import/vidur/small", test_vidur_small);
  ADD("/import/vidur/broken", test_vidur_broken);
  ADD("/import/frontier/published", test_frontier_published);
  ADD("/import/frontier/small", test_frontier_small);
  ADD("/import/frontier/broken", test_frontier_broken);
#undef ADD
  return g_test_run();
}
