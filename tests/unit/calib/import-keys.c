/* Tables that differ in what is no field of a key, the engine's version or the card, are not
 * imported into one profile; of two kernels at one shape one counts.
 */
#include "calib/import/import.h"

#include <glib/gstdio.h>
#include <string.h>

/* Tables as aiconfigurator writes them. */
typedef struct {
  const char *engine, *device, *kernel;
  double scale;
} Table;

static char *
write_gemm(const char *folder, const char *name, const Table *table, guint step)
{
  char *path = g_build_filename(folder, name, NULL);
  GString *text =
      g_string_new("framework,version,device,op_name,kernel_source,gemm_dtype,m,n,k,latency\n");

  for (guint m = step; m <= 64; m += step)
    g_string_append_printf(text, "VLLM,%s,%s,gemm,%s,bfloat16,%u,4096,4096,%g\n", table->engine,
                           table->device, table->kernel, m, table->scale * (0.01 + 0.001 * m));
  g_assert_true(g_file_set_contents(path, text->str, -1, NULL));
  g_string_free(text, TRUE);
  return path;
}

static void
test_imports(void)
{
  static const Table tables_of[] = {
      {"0.19.0", "NVIDIA H100 80GB HBM3", "vllm_default", 1},
      {"0.14.0", "NVIDIA H100 80GB HBM3", "vllm_default", 3},
      {"0.19.0", "NVIDIA A100-SXM4-80GB", "vllm_default", 3},
  };
  g_autofree char *folder = g_dir_make_tmp("spillway-keys-XXXXXX", NULL);
  g_autofree char *first = write_gemm(folder, "first.csv", &tables_of[0], 4);

  for (guint i = 1; i < G_N_ELEMENTS(tables_of); i++) {
    g_autofree char *second = write_gemm(folder, "second.csv", &tables_of[i], 1);
    g_autoptr(Profile) profile = profile_new("", "");
    g_autoptr(GError) error = NULL;
    guint before;
    g_assert_true(profile_import(profile, first, NULL, NULL, NULL));
    before = profile->samples->len;
    g_assert_false(profile_import(profile, second, NULL, NULL, &error));
    g_assert_error(error, IMPORT_ERROR, IMPORT_ERROR_MIXED);
    g_assert_nonnull(strstr(error->message, i == 1 ? "0.14.0" : "A100"));
    g_assert_cmpuint(profile->samples->len, ==, before);
    g_unlink(second);
  }
  g_unlink(first);
  g_rmdir(folder);
}

/* Two engines or two cards in one file; and two kernels at the same shapes. */
static void
test_one_file(void)
{
  static const Table own = {"0.19.0", "NVIDIA H100 80GB HBM3", "a", 1};
  static const Table others[] = {{"0.18.0", "NVIDIA H100 80GB HBM3", "a", 3},
                                 {"0.19.0", "NVIDIA A100-SXM4-80GB", "a", 3},
                                 {"0.19.0", "NVIDIA H100 80GB HBM3", "b", 3}};
  g_autofree char *folder = g_dir_make_tmp("spillway-keys-XXXXXX", NULL);
  g_autofree char *first = write_gemm(folder, "first.csv", &own, 2);

  for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
    g_autofree char *second = write_gemm(folder, "second.csv", &others[i], 4);
    g_autofree char *a = NULL, *b = NULL, *both = NULL;
    g_autoptr(Profile) profile = profile_new("", "");
    g_autoptr(GError) error = NULL;
    gboolean worked;
    guint n;
    const ProfileSample *samples;
    g_file_get_contents(first, &a, NULL, NULL);
    g_file_get_contents(second, &b, NULL, NULL);
    both = g_strconcat(a, strchr(b, '\n') + 1, NULL);
    g_file_set_contents(second, both, -1, NULL);
    worked = profile_import(profile, second, NULL, NULL, &error);
    g_assert_true(worked == (i == 2));
    if (!worked)
      g_assert_nonnull(strstr(error->message, "as in the first row"));
    samples = profile_samples(profile, OP_GEMM, &n);
    for (guint s = 0; s < n; s++)
      g_assert_cmpfloat_with_epsilon(samples[s].median_ns,
                                     1e6 * (0.01 + 0.001 * (double)samples[s].shape[0]), 1);
    g_unlink(second);
  }
  g_unlink(first);
  g_rmdir(folder);
}

/* Tables of TensorRT-LLM of before have no kernel_source. */
static void
test_without_kernel(void)
{
  static const char text[] =
      "framework,version,device,op_name,batch_size,isl,num_heads,num_key_value_heads,head_dim,"
      "beam_width,attn_dtype,kv_cache_dtype,step,latency\n"
      "TRTLLM,1.0,NVIDIA B200,context_attention,1,2,4,4,16,1,bfloat16,bfloat16,0,0.321\n";
  g_autofree char *folder = g_dir_make_tmp("spillway-keys-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(folder, "attention.csv", NULL);
  g_autoptr(Profile) profile = profile_new("", "");
  guint n;
  const ProfileSample *samples;

  g_file_set_contents(path, text, -1, NULL);
  g_assert_true(profile_import(profile, path, NULL, NULL, NULL));
  samples = profile_samples(profile, OP_ATTENTION, &n);
  g_assert_cmpuint(n, ==, 1);
  g_assert_cmpfloat_with_epsilon(samples[0].median_ns, 321000, 1e-6);
  g_assert_cmpstr(samples[0].kernel, ==, "");
  g_unlink(path);
  g_rmdir(folder);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/import/keys/engines", test_imports);
  g_test_add_func("/import/keys/one-file", test_one_file);
  g_test_add_func("/import/keys/without-kernel", test_without_kernel);
  return g_test_run();
}
