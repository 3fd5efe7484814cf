/* Tables of LLMServingSim and AIConfigurator: published ones, small ones, broken ones. */
#include "tests/import_fixture.h"

#include <glib/gstdio.h>
#include <string.h>

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

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
#define ADD(path, test) g_test_add(path, Fixture, NULL, set_up, test, tear_down)
  ADD("/import/llmservingsim/published", test_llmservingsim_published);
  ADD("/import/llmservingsim/ranks", test_llmservingsim_ranks);
  ADD("/import/llmservingsim/broken", test_llmservingsim_broken);
  ADD("/import/llmservingsim/meta", test_llmservingsim_meta);
  ADD("/import/aiconfigurator/h100", test_aiconfigurator_h100);
  ADD("/import/aiconfigurator/a100", test_aiconfigurator_a100);
  ADD("/import/aiconfigurator/small", test_aiconfigurator_small);
  ADD("/import/aiconfigurator/broken", test_aiconfigurator_broken);
#undef ADD
  return g_test_run();
}
