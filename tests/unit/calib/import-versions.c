/* Folders of aiconfigurator as its newest versions have them: files of several engines, libraries
 * of several versions, operations that look like others, columns that are not known. */
#include "tests/unit/calib/import_fixture.h"

#include <string.h>

#define ROW(engine, device, op) engine "," device "," op ",k,"
#define B200 "NVIDIA B200"
#define BLOCK                                                                                      \
  AI "model,architecture,mla_dtype,kv_cache_dtype,gemm_type,num_heads,batch_size,isl,tp_size,"     \
     "step,latency\n"
#define NCCL AI "nccl_dtype,num_gpus,message_size,latency\n"

static void
import_engine(Fixture *fixture, const char *path, const char *engine)
{
  const ImportContext meant = {.engine = engine};
  g_autoptr(GError) error = NULL;

  profile_import(fixture->profile, path, NULL, &meant, &error);
  g_assert_no_error(error);
}

static void
expect_refused(Fixture *fixture, const char *path, const char *engine, const char *message)
{
  const ImportContext meant = {.engine = engine};
  g_autoptr(GError) error = NULL;

  g_assert_false(profile_import(fixture->profile, path, NULL, &meant, &error));
  if (strstr(error->message, message) == NULL)
    g_error("\"%s\" is not in \"%s\"", message, error->message);
}

static void
expect_note(const Fixture *fixture, const char *text)
{
  if (strstr(fixture->profile->note, text) == NULL)
    g_error("\"%s\" is not in \"%s\"", text, fixture->profile->note);
}

/* A file of two versions: --engine takes the rows of one, its build's name with or without the
 * plus. */
static void
test_two_engines(Fixture *fixture, gconstpointer unused)
{
  g_autofree char *path =
      write_file(fixture, "gemm_perf.csv",
                 AI_GEMM ROW("VLLM,0.24.0", B200, "gemm") "fp8,1,2,3,1\n" /* */
                 ROW("VLLM,0.1.dev19262+gb6bbf29dd", B200, "gemm") "fp8,1,2,3,5\n");

  (void)unused;
  import_fails(fixture, path, "; --engine says which)");
  expect_refused(fixture, path, "vllm-0.25.0",
                 "no table is of vllm-0.25.0 (--engine); there are vllm-0.1.dev19262+gb6bbf29dd, "
                 "vllm-0.24.0");
  expect_refused(fixture, path, "vllm-0.1", "no table is of vllm-0.1 ");
  import_engine(fixture, path, "vllm-0.1.dev19262");
  expect_ns(fixture->profile, OP_GEMM, "", "fp8", SHAPE(1, 2, 3), 5e6);
  expect_note(fixture, "1 of the version 0.24.0, where vllm-0.1.dev19262 is asked for");
  g_assert_cmpstr(g_array_index(fixture->profile->origins, ProfileOrigin, 0).engine, ==,
                  "vLLM 0.1.dev19262+gb6bbf29dd");
}

/* Of NCCL's versions the newest counts, whatever its name sorts to. */
static void
test_library(Fixture *fixture, gconstpointer unused)
{
  g_autofree char *old = write_file(fixture, "b200/comm/nccl/2.9.1/nccl_perf.csv",
                                    NCCL "TRTLLM,2.9.1,NVIDIA B200,all_reduce,NCCL,half,2,128,3\n");
  g_autofree char *new =
      write_file(fixture, "b200/comm/nccl/2.29.2/nccl_perf.csv",
                 NCCL "TRTLLM,2.29.2,NVIDIA B200,all_reduce,NCCL,half,2,128,2\n"
                      "TRTLLM,2.29.2,NVIDIA B200,all_reduce,oneCCL,half,2,64,2\n");
  g_autofree char *wide = write_file(
      fixture, "b200/comm/sglang/1/wideep_deepep_ll_perf.csv",
      "framework,version,device,op_name,kernel_source,combine_avg_t_us\nsglang,1,B200,ll,k,1\n");

  (void)unused;
  import_engine(fixture, fixture->folder, NULL);
  expect_count(fixture->profile, OP_ALL_REDUCE, 1);
  expect_ns(fixture->profile, OP_ALL_REDUCE, "nccl", "float16", SHAPE(256, 2), 2e6);
  expect_note(fixture, "1 files are of older versions of a library than 2.29.2");
  expect_note(fixture, "1 of the all_reduce of oneCCL, which no engine here calls");
  expect_note(fixture, "1 files have the columns of no table that is read and were left out: "
                       "wideep_deepep_ll_perf.csv.");
}

/* Cards that count as one shipped device are two, and so are those that begin alike; one that is
 * not shipped is what is said. */
static void
test_cards(Fixture *fixture, gconstpointer unused)
{
  g_autofree char *one =
      write_file(fixture, "a/gemm_perf.csv",
                 AI_GEMM ROW("VLLM,0.24.0", "NVIDIA A100-SXM4-80GB", "gemm") "fp8,1,2,3,1\n");
  g_autofree char *other =
      write_file(fixture, "a/other_gemm_perf.csv",
                 AI_GEMM ROW("VLLM,0.24.0", "NVIDIA A800-SXM4-80GB", "gemm") "fp8,1,2,3,1\n");
  g_autofree char *pcie = write_file(
      fixture, "pcie.csv", AI_GEMM ROW("VLLM,0.24.0", "NVIDIA H100 PCIe", "gemm") "fp8,1,2,3,1\n");
  g_autofree char *sxm =
      write_file(fixture, "sxm.csv",
                 AI_GEMM ROW("VLLM,0.24.0", "NVIDIA H100 80GB HBM3", "gemm") "fp8,4,5,6,1\n");
  g_autofree char *newer =
      write_file(fixture, "b/gemm_perf.csv",
                 AI_GEMM ROW("VLLM,0.24.0", "NVIDIA B700 SXM6 AC", "gemm") "fp8,1,2,3,1\n");
  g_autofree char *a = g_build_filename(fixture->folder, "a", NULL);
  g_autofree char *b = g_build_filename(fixture->folder, "b", NULL);

  (void)unused;
  import_fails(fixture, a, "of the device NVIDIA A800-SXM4-80GB");
  g_free(fixture->profile->device);
  fixture->profile->device = g_strdup("b200");
  import_engine(fixture, b, NULL);
  expect_note(fixture, "Measured on \"NVIDIA B700 SXM6 AC\", taken for b200.");
  g_array_set_size(fixture->profile->samples, 0);
  import_engine(fixture, pcie, NULL);
  expect_refused(fixture, sxm, NULL, "of the device NVIDIA H100 80GB HBM3");
}

/* Kernels of a block are not the block, and a block without its indexer is another. */
static void
test_blocks(Fixture *fixture, gconstpointer unused)
{
#define GLM "m,GlmMoeDsaForCausalLM,bfloat16,fp8_e4m3,fp8_block,16,4,"
  g_autofree char *path = write_file(
      fixture, "dsa_perf.csv",
      BLOCK ROW("SGLang,1", B200, "dsa_generation_module") GLM "1,1,255,3\n"            /* */
      ROW("SGLang,1", B200, "dsa_generation_module_skip_indexer") GLM "1,1,255,2\n"     /* */
      ROW("SGLang,1", B200, "glm5_topk_module") GLM "1,1,255,0.0\n"                     /* */
      ROW("SGLang,1", B200, "glm5_mqa_logits_module") GLM "4,1,0,0.1\n"                 /* */
      ROW("SGLang,1", B200, "msa_generation_module") "m,MiniMaxM3ForCausalLM,bfloat16," /* */
                                                     "bfloat16,nvfp4,32,4,1,2,255,5\n"  /* */
      ROW("SGLang,1", B200, "msa_context_module") "m,MiniMaxM3ForCausalLM,bfloat16,"    /* */
                                                  "bfloat16,nvfp4,8,1,64,8,128,6\n"     /* */
      ROW("SGLang,1", B200, "msa_context_module") "m,Other,bfloat16,bfloat16,nvfp4,8,1,64,8,0,6\n");
  const Profile *profile = fixture->profile;

  (void)unused;
  import(fixture->profile, path, NULL);
  expect_count(profile, OP_MLA, 2);
  expect_ns(profile, OP_MLA, ATTENTION_BLOCK "GlmMoeDsaForCausalLM/fp8_block", "bfloat16+fp8kv",
            SHAPE(0, 0, 0, 4, 256, 16, 512, 64, 256), 3e6);
  expect_ns(profile, OP_MLA, ATTENTION_BLOCK "GlmMoeDsaForCausalLM/fp8_block" ATTENTION_SHARED,
            "bfloat16+fp8kv", SHAPE(0, 0, 0, 4, 256, 16, 512, 64, 256), 2e6);
  expect_count(profile, OP_ATTENTION_SPARSE, 2);
  expect_ns(profile, OP_ATTENTION_SPARSE, ATTENTION_BLOCK "MiniMaxM3ForCausalLM/nvfp4", "bfloat16",
            SHAPE(0, 0, 0, 4, 256, 32, 2, 128, 2048), 5e6);
  expect_ns(profile, OP_ATTENTION_SPARSE, ATTENTION_BLOCK "MiniMaxM3ForCausalLM/nvfp4", "bfloat16",
            SHAPE(1, 64, 128, 0, 0, 8, 1, 128, 2048), 6e6);
  expect_note(fixture, "1 of the operation glm5_topk_module, which no cost asks for");
  expect_note(fixture, "1 of the operation glm5_mqa_logits_module");
  expect_note(fixture, "1 of the architecture Other, whose widths are not known");
}

/* Blocks over picked KV are read as strictly as others. */
static void
test_broken_blocks(Fixture *fixture, gconstpointer unused)
{
#define MSA(batch, isl)                                                                            \
  BLOCK ROW("SGLang,1", B200, "msa_context_module") "m,MiniMaxM3ForCausalLM,bfloat16,bfloat16,"    \
                                                    "nvfp4,32," batch "," isl ",2,0,5\n"
  g_autofree char *batch = write_file(fixture, "batch.csv", MSA("0", "16"));
  g_autofree char *isl = write_file(fixture, "isl.csv", MSA("4", "0"));
  g_autofree char *heads =
      write_file(fixture, "heads.csv",
                 AI "mla_dtype,kv_cache_dtype,batch_size,isl,tp_size,step,latency\n" ROW(
                     "VLLM,0.14.0", B200, "mla_context") "bfloat16,bfloat16,1,16,3,0,1\n");

  (void)unused;
  import_fails(fixture, batch, "batch_size is \"0\", expected a whole number, 1 or more");
  import_fails(fixture, isl, "isl is \"0\", expected a whole number, 1 or more");
  import_fails(fixture, heads, "tp_size is \"3\", expected a divisor of DeepSeek-V3's 128 heads");
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
#define ADD(path, test) g_test_add(path, Fixture, NULL, set_up, test, tear_down)
  ADD("/import/versions/engines", test_two_engines);
  ADD("/import/versions/library", test_library);
  ADD("/import/versions/cards", test_cards);
  ADD("/import/versions/blocks", test_blocks);
  ADD("/import/versions/broken-blocks", test_broken_blocks);
#undef ADD
  return g_test_run();
}
