/* Imports: what published tables become, by numbers read off them by hand (skips where the public
 * data is absent), small tables written here, and broken ones. */
#include "tests/unit/calib/import_fixture.h"

#include <glib/gstdio.h>
#include <string.h>

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
      {"NVIDIA H20-3e", NULL},
      {"NVIDIA B200", "b200"},
      {"NVIDIA GB200", "gb200"},
      {"NVIDIA B300 SXM6 AC", "b300"},
      {"NVIDIA GB300", "gb300"},
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
