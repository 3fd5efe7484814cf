/* Tables of LLMServingSim: published ones, small ones, broken ones. */
#include "tests/unit/calib/import_fixture.h"

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
  expect_count(profile, OP_LAUNCH, 1);
  expect_ns(profile, OP_LAUNCH, "", "", SHAPE(1), 1750);
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

#define MOE_META                                                                                   \
  "vllm_version: 0.28.0\ngpu: NVIDIA RTX PRO 6000 Blackwell\nmodel: Qwen/Qwen3-30B-A3B\n"          \
  "variant: bf16\ncategory_provenance:\n  dense:\n    vllm_version: 0.19.0\n    profiled_at: "     \
  "'x'\n"                                                                                          \
  "  moe:\n    vllm_version: 0.28.0\nengine_effective:\n  vllm_version: no\n"

/* Experts by what a batch touches, whole on a device of a group or split; each table has its own
 * engine; a table that is not read is told. */
static void
test_experts(Fixture *fixture, gconstpointer unused)
{
  g_autofree char *meta = write_file(fixture, "meta.yaml", MOE_META);
  g_autofree char *moe = write_file(fixture, "tp2/moe.csv",
                                    "ep,tokens,activated_experts,time_us\n1,4,16,10\n2,4,16,7\n");
  g_autofree char *dense =
      write_file(fixture, "tp2/dense.csv", "layer,tokens,time_us\nmoe_gate,7,2.5\n");
  g_autofree char *other =
      write_file(fixture, "tp2/mtp.csv", "layer,tokens,time_us\nx,7,2.5\ny,7,1\n");
  const Profile *profile = fixture->profile;

  (void)unused;
  import(fixture->profile, fixture->folder, NULL);
  expect_count(profile, OP_MOE, 2);
  expect_ns(profile, OP_MOE, MOE_TOUCHED, "bfloat16", SHAPE(4, 2048, 768, 8, 128, 2, 1, 16), 1e4);
  expect_ns(profile, OP_MOE, MOE_TOUCHED, "bfloat16", SHAPE(4, 2048, 768, 8, 128, 1, 2, 16), 7e3);
  expect_ns(profile, OP_GEMM, "", "bfloat16", SHAPE(7, 128, 2048), 2500);
  g_assert_nonnull(strstr(profile->note, "2 rows of mtp.csv"));
  for (guint i = 0; i < profile->samples->len; i++) {
    const ProfileSample *sample = &g_array_index(profile->samples, ProfileSample, i);
    g_assert_cmpstr(g_array_index(profile->origins, ProfileOrigin, sample->origin).engine, ==,
                    sample->operation == OP_MOE      ? "vLLM 0.28.0"
                    : sample->operation == OP_LAUNCH ? ""
                                                     : "vLLM 0.19.0");
  }
}

static Model *
find_experts(const char *name, gpointer data, GError **error)
{
  (void)name;
  return find_model("qwen3-30b-a3b", data, error);
}

static void
test_experts_alone(Fixture *fixture, gconstpointer unused)
{
  static const ImportContext of_experts = {.find_model = find_experts};
  g_autofree char *path =
      write_file(fixture, "moe.csv", "tokens,activated_experts,time_us\n1,8,50.5\n");
  g_autofree char *many =
      write_file(fixture, "many.csv", "tokens,activated_experts,time_us\n64,129,50.5\n");
  g_autoptr(GError) error = NULL;

  (void)unused;
  import_fails(fixture, path, "give its config.json with --model");
  g_assert_false(profile_import(fixture->profile, many, NULL, &of_experts, &error));
  g_assert_nonnull(strstr(error->message, "at most the 128 experts"));
  g_free(fixture->profile->device);
  fixture->profile->device = g_strdup("rtx-pro-6000");
  g_assert_true(profile_import(fixture->profile, path, NULL, &of_experts, NULL));
  expect_ns(fixture->profile, OP_MOE, MOE_TOUCHED, "bfloat16", SHAPE(1, 2048, 768, 8, 128, 1, 1, 8),
            50500);
}

static Model *
find_family(const char *name, gpointer data, GError **error)
{
  const char *source = g_getenv("SPILLWAY_SRCDIR");
  g_autofree char *path = g_strdup_printf("%s/tests/models/families/%s.json",
                                          source != NULL ? source : ".", (const char *)data);

  (void)name;
  return model_config_read(path, data, error);
}

static void
import_family(Fixture *fixture, const char *family)
{
  const ImportContext of_family = {.find_model = find_family, .data = (gpointer)family};
  g_autoptr(GError) error = NULL;

  profile_import(fixture->profile, fixture->folder, NULL, &of_family, &error);
  g_assert_no_error(error);
}

static void
expect_note(const Fixture *fixture, const char *text)
{
  if (strstr(fixture->profile->note, text) == NULL)
    g_error("\"%s\" is not in \"%s\"", text, fixture->profile->note);
}

#define FAMILY_META(variant)                                                                       \
  "vllm_version: 0.28.0\ngpu: NVIDIA RTX PRO 6000 Blackwell\nmodel: x/y\nvariant: " variant "\n"
#define KEYED "layer,prefill_chunk,prefill_key,n_decode,kv_decode,decode_q_len,time_us\n"

/* MiniMax-M3: three kernels on the same axes are two operations, of which one is a sum; the dense
 * layers' width is not the experts'. */
static void
test_sparse(Fixture *fixture, gconstpointer unused)
{
  g_autofree char *meta = write_file(fixture, "meta.yaml", FAMILY_META("bf16"));
  g_autofree char *attention =
      write_file(fixture, "tp1/attention.csv",
                 "layer,prefill_chunk,kv_prefill,n_decode,kv_decode,decode_q_len,time_us\n"
                 "attention,0,0,4,256,1,5\nsparse_attention,0,0,4,256,1,7\nindexer,0,0,4,256,1,2\n"
                 "indexer,0,0,4,256,1,4\nsparse_attention,0,0,4,256,1,9\n"
                 "indexer,0,0,8,256,1,2\nattention,0,0,4,256,3,50\nother,0,0,4,256,1,50\n");
  g_autofree char *dense =
      write_file(fixture, "tp1/dense.csv",
                 "layer,tokens,time_us\nqkv_proj,7,1\nsparse_qkv_proj,7,2\nsparse_o_proj,7,3\n"
                 "gate_up_proj,7,4\nact_fn,7,5\ndown_proj,7,6\n");
  const Profile *profile = fixture->profile;

  (void)unused;
  import_family(fixture, "minimax-m3");
  expect_count(profile, OP_ATTENTION, 1);
  expect_ns(profile, OP_ATTENTION, "", "bfloat16", SHAPE(0, 0, 0, 4, 256, 64, 4, 128), 5e3);
  expect_count(profile, OP_ATTENTION_SPARSE, 1);
  expect_ns(profile, OP_ATTENTION_SPARSE, "", "bfloat16", SHAPE(0, 0, 0, 4, 256, 64, 4, 128, 2048),
            11e3); /* two rows of each kernel, 8 and 3 in the mean */
  expect_ns(profile, OP_GEMM, "", "bfloat16", SHAPE(7, 72 * 128, 6144), 1e3);
  expect_ns(profile, OP_GEMM, "", "bfloat16", SHAPE(7, 77 * 128, 6144), 2e3);
  expect_ns(profile, OP_GEMM, "", "bfloat16", SHAPE(7, 6144, 64 * 128), 3e3);
  expect_ns(profile, OP_GEMM, "", "bfloat16", SHAPE(7, 2 * 12288, 6144), 4e3);
  expect_ns(profile, OP_ELEMENTWISE, "activation", "bfloat16", SHAPE(7, 12288), 5e3);
  expect_ns(profile, OP_GEMM, "", "bfloat16", SHAPE(7, 6144, 12288), 6e3);
  expect_note(fixture, "1 rows were left out: decodes of several tokens each");
  expect_note(fixture, "1 rows were left out: the layer other");
  expect_note(fixture, "1 rows were left out: shapes of sparse attention that lack");
}

/* DeepSeek V3.2: the key is the mean over the chunk's tokens, many short chunks among them. */
static void
test_keys(Fixture *fixture, gconstpointer unused)
{
  g_autofree char *meta = write_file(fixture, "meta.yaml", FAMILY_META("fp8"));
  g_autofree char *attention = write_file(
      fixture, "tp1/attention.csv",
      KEYED "attention,1024,32.0,0,0,1,7\nindexer,1024,32.0,0,0,1,1\n"       /* 16 of 64 */
            "attention,1024,2048.0,2,64,1,8\nindexer,1024,2048.0,2,64,1,2\n" /* after 1536 */
            "attention,1000,70.0,0,0,1,8\n"                                  /* 8 of 125 */
            "attention,1024,1e-30,0,0,1,8\n"); /* more chunks than tokens */
  g_autofree char *dense =
      write_file(fixture, "tp1/dense.csv", "layer,tokens,time_us\ndown_proj,7,6\nmla_b_proj,7,6\n");
  g_autofree char *none = write_file(fixture, "bad/meta.yaml", FAMILY_META("fp8"));
  g_autofree char *bad =
      write_file(fixture, "bad/attention.csv", KEYED "attention,1024,0,0,0,1,7\n");
  const ImportContext of_family = {.find_model = find_family, .data = (gpointer) "deepseek-v3.2"};
  g_autoptr(GError) error = NULL;
  const Profile *profile = fixture->profile;

  (void)unused;
  import_family(fixture, "deepseek-v3.2");
  expect_count(profile, OP_ATTENTION, 0);
  expect_count(profile, OP_MLA, 2);
  expect_ns(profile, OP_MLA, MLA_SPARSE, "bfloat16", SHAPE(16, 64, 0, 0, 0, 128, 512, 64, 128),
            8e3);
  expect_ns(profile, OP_MLA, MLA_SPARSE, "bfloat16", SHAPE(1, 1024, 1536, 2, 64, 128, 512, 64, 128),
            1e4);
  expect_note(fixture, "1 rows were left out: chunks that are not equal");
  expect_note(fixture, "1 rows were left out: the layer mla_b_proj");
  g_assert_false(profile_import(fixture->profile, bad, NULL, &of_family, &error));
  g_assert_nonnull(strstr(error->message, "prefill_key is \"0\", expected a mean above 0"));
}

/* Qwen3.5: the queries' gate is in their product, heads are those of attention, and kernels over a
 * state are by regime. */
static void
test_state_tables(Fixture *fixture, gconstpointer unused)
{
  g_autofree char *meta = write_file(fixture, "meta.yaml", FAMILY_META("bf16-kvfp8"));
  g_autofree char *attention =
      write_file(fixture, "tp2/attention.csv", KEYED "attention,0,0,4,256,1,5\n");
  g_autofree char *states = write_file(
      fixture, "tp2/linear_attention.csv",
      "layer,prefill_tokens,n_decode,time_us\ngdn_conv_prefill,64,0,3\ngdn_post_conv,64,0,4\n"
      "gdn_prefill,64,0,9\ngdn_conv_decode,0,8,2\ngdn_decode,0,8,6\ngdn_decode_mixed,64,8,6\n"
      "gdn_prefill,64,8,9\n");
  g_autofree char *dense = write_file(
      fixture, "tp2/dense.csv",
      "layer,tokens,time_us\nqkv_proj,7,1\ngdn_in_proj,7,2\ngdn_out_proj,7,3\nattn_glue,7,9\n");
  const Profile *profile = fixture->profile;

  (void)unused;
  import_family(fixture, "qwen3.5-27b");
  expect_ns(profile, OP_ATTENTION, "", "bfloat16+fp8kv", SHAPE(0, 0, 0, 4, 256, 12, 2, 256), 5e3);
  expect_ns(profile, OP_GEMM, "", "bfloat16", SHAPE(7, (2 * 12 + 2 * 2) * 256, 5120), 1e3);
  expect_count(profile, OP_RECURRENT, 4);
  expect_ns(profile, OP_RECURRENT, "gdn/chunk_gated_delta_rule/prefill", "bfloat16",
            SHAPE(1, 64, 5120, 8, 128, 24, 128, 4, 0), 13e3);
  expect_ns(profile, OP_RECURRENT, "gdn/causal_conv1d_update/decode", "bfloat16",
            SHAPE(8, 1, 5120, 8, 128, 24, 128, 4, 0), 2e3);
  expect_ns(profile, OP_GEMM, "", "bfloat16", SHAPE(7, 5120, 24 * 128), 3e3);
  expect_note(fixture,
              "2 rows were left out: layers with a state in a step of prefills and decodes");
}

/* Collectives of a card, by themselves. */
static void
test_hardware(Fixture *fixture, gconstpointer unused)
{
#define COLLECTIVES                                                                                \
  "spec:\n  gpu_name: NVIDIA RTX PRO 6000 Blackwell Server Edition\nmeasured:\n  interconnect:\n"  \
  "    npus: 2\n    dtype: bfloat16\n    samples:\n    - collective: all_gather\n      bytes: "    \
  "4096\n      us: 10.5\n    - collective: all_reduce\n      bytes: 8192\n      us: 20\n"
  g_autofree char *path =
      write_file(fixture, "hardware.yaml",
                 COLLECTIVES "      us_graphed: 12.5\n      repeats_us:\n      - 12.5\n");
  g_autofree char *bad =
      write_file(fixture, "x/hardware.yaml", COLLECTIVES "      us_graphed: soon\n");
  g_autofree char *half = write_file(fixture, "h/hardware.yaml", COLLECTIVES "    npus: 2.5\n");
  g_autofree char *none = write_file(fixture, "y/hardware.yaml", "spec:\n  gpu_name: X\n");
  /* Another interconnect behind the first, and words in quotes. */
  g_autofree char *two =
      write_file(fixture, "z/hardware.yaml",
                 COLLECTIVES "  four:\n    npus: 4\n    dtype: 'bfloat16'\n    samples:\n"
                             "    - collective: \"all_reduce\"\n      bytes: 8192\n      us: 30\n");

  (void)unused;
  import_fails(fixture, bad, ":14: us_graphed is \"soon\", expected a number above 0");
  import_fails(fixture, half, ":14: npus is \"2.5\", expected a whole number above 0");
  import_fails(fixture, none, "has no sample of an all_reduce");
  import(fixture->profile, path, NULL);
  expect_count(fixture->profile, OP_ALL_REDUCE, 1);
  expect_ns(fixture->profile, OP_ALL_REDUCE, "nccl", "bfloat16", SHAPE(8192, 2), 12500);
  g_assert_cmpstr(fixture->profile->device, ==, "rtx-pro-6000");
  expect_note(fixture, "1 rows were left out: the collective all_gather");
  g_array_set_size(fixture->profile->samples, 0);
  import(fixture->profile, two, NULL);
  expect_count(fixture->profile, OP_ALL_REDUCE, 2);
  expect_ns(fixture->profile, OP_ALL_REDUCE, "nccl", "bfloat16", SHAPE(8192, 2), 20000);
  expect_ns(fixture->profile, OP_ALL_REDUCE, "nccl", "bfloat16", SHAPE(8192, 4), 30000);
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
  ADD("/import/llmservingsim/experts", test_experts);
  ADD("/import/llmservingsim/experts-alone", test_experts_alone);
  ADD("/import/llmservingsim/sparse", test_sparse);
  ADD("/import/llmservingsim/hardware", test_hardware);
  ADD("/import/llmservingsim/keys", test_keys);
  ADD("/import/llmservingsim/states", test_state_tables);
#undef ADD
  return g_test_run();
}
