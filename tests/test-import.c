/* Imports: what published tables become, by numbers read off them by hand (skips where the public
 * data is absent), small tables written here, and broken ones. */
#include "calib/import.h"

#include "calib/csv_table.h"
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
  g_autofree char *attention = write_file(
      fixture, "x/perf/tp2/attention.csv",
      "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n16,32,4,64,1e1\n0,0,4,64,8\n");
  g_autofree char *path = g_build_filename(fixture->folder, "x", NULL);
  const Profile *profile = fixture->profile;

  (void)unused;
  import(fixture->profile, path, "auto");
  expect_count(profile, OP_GEMM, 2);
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
      {"NVIDIA H20", NULL},
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

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/import/devices", test_devices);
#define ADD(path, test) g_test_add(path, Fixture, NULL, set_up, test, tear_down)
  ADD("/import/unknown", test_unknown);
  ADD("/import/llmservingsim/published", test_llmservingsim_published);
  ADD("/import/llmservingsim/ranks", test_llmservingsim_ranks);
  ADD("/import/llmservingsim/broken", test_llmservingsim_broken);
  ADD("/import/llmservingsim/meta", test_llmservingsim_meta);
#undef ADD
  return g_test_run();
}
