/* Tables of aiconfigurator: published ones, one of each kind, folders, broken ones. */
#include "tests/unit/calib/import_fixture.h"

#include <string.h>

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
  g_autofree char *moe =
      write_file(fixture, "moe_perf.txt", AI "latency\n" AI_ROW("moe_dispatch") "1\n");
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
  g_assert_nonnull(strstr(profile->note,
                          "1 rows of moe_perf.txt were left out: 1 of the operation moe_dispatch"));
  g_assert_nonnull(strstr(profile->note, "1 of the operation all_gather, which no cost asks for"));
  g_assert_nonnull(strstr(profile->note, "1 of beam search"));
}

/* A dtype none of whose small products takes less than the launch of one is left out, and told;
 * others of the file stay, whatever they take. */
static void
test_aiconfigurator_launches(Fixture *fixture, gconstpointer unused)
{
  static const struct {
    double least_ms; /* of the small fp8_block */
    guint kept;
  } cases[] = {{0.055, 10}, {0.045, 20}};
  Profile *profile = fixture->profile;

  (void)unused;
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GString) rows = g_string_new(AI_GEMM);
    g_autofree char *path = NULL;
    for (guint m = 1; m <= 9; m++)
      g_string_append_printf(rows,
                             AI_ROW("gemm") "fp8_block,%u,1024,2048,%g\n" AI_ROW(
                                 "gemm") "bfloat16,%u,1024,2048,0.004\n",
                             m, cases[i].least_ms + m * 1e-3, m);
    g_string_append(rows, AI_ROW("gemm") "fp8_block,4096,8192,8192,0.5\n");
    g_string_append(rows, AI_ROW("gemm") "bfloat16,4096,8192,8192,0.9\n");
    path = write_file(fixture, i == 0 ? "a.csv" : "b.csv", rows->str);
    g_array_set_size(profile->samples, 0);
    import(profile, path, NULL);
    expect_count(profile, OP_GEMM, cases[i].kept);
    if (i == 0) {
      g_assert_nonnull(strstr(profile->note,
                              "10 rows of a.csv were left out: 10 of fp8_block, of which "
                              "the shortest small one takes 56 us: timed without a graph"));
      g_assert_null(find(profile, OP_GEMM, "", "fp8_block", SHAPE(4096, 8192, 8192)));
    }
  }
  g_assert_null(strstr(profile->note, "b.csv were left out"));
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
      {AI "latency\n" AI_ROW("moe_dispatch") "1\n", "no table that is known"},
      {AI "latency\n" AI_ROW("moe") "1\n",
       "op_name is \"moe\", expected another, as the header has not the columns of this one"},
      {AI "gemm_type,m,n,k,latency\n" AI_ROW("gemm") "fp8,1,2,3,1\n", "op_name is \"gemm\""},
      {AI "gemm_dtype,m,n,k,batches,latency\n" AI_ROW("gemm") "fp8,1,2,3,1,1\n" /* */
       AI_ROW("gemm") "fp8,1,2,3,8,5\n",
       ":3:52: batches is \"8\", expected \"1\", as in the first row, of a column that is not "
       "known"},
      {AI_GEMM, "has a header and no rows"},
  };

  (void)unused;
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *path = write_file(fixture, "x_perf.csv", cases[i].content);
    import_fails(fixture, path, cases[i].message);
  }
}

#define AI_MOE                                                                                     \
  AI "moe_dtype,num_tokens,hidden_size,inter_size,topk,num_experts,moe_tp_size,moe_ep_size,"       \
     "distribution,latency\n"
#define AI_MLA AI "mla_dtype,kv_cache_dtype,num_heads,batch_size,isl,tp_size,step,latency\n"
#define AI_BLOCK                                                                                   \
  AI "model,architecture,mla_dtype,kv_cache_dtype,gemm_type,num_heads,batch_size,isl,tp_size,"     \
     "step,"                                                                                       \
     "latency\n"
#define AI_DELTA                                                                                   \
  AI "phase,batch_size,seq_len,num_tokens,d_model,d_conv,num_k_heads,head_k_dim,num_v_heads,"      \
     "head_v_dim,model_name,latency\n"
#define AI_MAMBA                                                                                   \
  AI "phase,batch_size,seq_len,num_tokens,d_model,d_state,d_conv,nheads,head_dim,n_groups,"        \
     "chunk_size,model_name,latency\n"

static void
test_experts(Fixture *fixture, gconstpointer unused)
{
  g_autofree char *path =
      write_file(fixture, "moe_perf.csv",
                 AI_MOE AI_ROW("moe") "fp8_block,16,7168,2048,8,256,4,2,power_law_1.01,0.25\n" /* */
                 AI_ROW("moe") "fp8_block,16,7168,2048,8,256,4,2,balanced,0.5\n"               /* */
                 AI_ROW("moe_dispatch") "fp8_block,16,7168,2048,8,256,4,2,balanced,0.5\n");
  g_autofree char *wide =
      write_file(fixture, "wideep_moe_perf.csv",
                 AI_MOE AI_ROW("moe") "fp8_block,16,7168,2048,8,256,1,72,power_law_1.01,9\n");
  const Profile *profile = fixture->profile;

  (void)unused;
  import(fixture->profile, fixture->folder, NULL);
  expect_count(profile, OP_MOE, 2);
  expect_ns(profile, OP_MOE, "power_law_1.01", "fp8_block", SHAPE(16, 7168, 2048, 8, 256, 4, 2, 0),
            25e4);
  expect_ns(profile, OP_MOE, "balanced", "fp8_block", SHAPE(16, 7168, 2048, 8, 256, 4, 2, 0), 5e5);
  g_assert_nonnull(strstr(profile->note, "1 of the operation moe_dispatch"));
  g_assert_nonnull(strstr(profile->note, "1 rows of wideep_moe_perf.csv were left out"));
}

/* Of kernels, with heads or with the degree that divides DeepSeek's 128; of blocks. */
static void
test_latent(Fixture *fixture, gconstpointer unused)
{
  g_autofree char *kernels =
      write_file(fixture, "generation_mla_perf.csv",
                 AI_MLA AI_ROW("mla_generation") "bfloat16,fp8,16,4,1,8,255,0.5\n" /* */
                 AI_ROW("mla_context") "bfloat16,bfloat16,16,2,512,8,0,1\n");
  g_autofree char *degree =
      write_file(fixture, "old_mla_perf.csv",
                 AI "mla_dtype,kv_cache_dtype,batch_size,isl,tp_size,step,latency\n" /* */
                 AI_ROW("mla_generation") "bfloat16,bfloat16,4,1,4,255,0.75\n");
  g_autofree char *blocks = write_file(
      fixture, "mla_generation_module_perf.csv",
      AI_BLOCK AI_ROW("mla_generation_module") "m,DeepseekV3ForCausalLM,bfloat16,bfloat16,"
                                               "fp8_block,16,4,1,1,255,2\n" /* */
      AI_ROW("dsa_generation_module") "m,GlmMoeDsaForCausalLM,bfloat16,bfloat16,bfloat16,16,4,1,1,"
                                      "255,3\n" /* */
      AI_ROW("mla_generation_module") "m,NobodyKnows,bfloat16,bfloat16,bfloat16,16,4,1,1,255,3\n");
  g_autofree char *bmm = write_file(fixture, "mla_bmm_perf.csv",
                                    AI "bmm_dtype,num_tokens,num_heads,latency\n" /* */
                                    AI_ROW("mla_gen_pre") "bfloat16,4,16,1\n");
  const Profile *profile = fixture->profile;

  (void)unused;
  import(fixture->profile, fixture->folder, NULL);
  expect_count(profile, OP_MLA, 5);
  expect_ns(profile, OP_MLA, "", "bfloat16+fp8kv", SHAPE(0, 0, 0, 4, 256, 16, 512, 64, 128), 5e5);
  expect_ns(profile, OP_MLA, "", "bfloat16", SHAPE(2, 512, 0, 0, 0, 16, 512, 64, 128), 1e6);
  expect_ns(profile, OP_MLA, "", "bfloat16", SHAPE(0, 0, 0, 4, 256, 32, 512, 64, 128), 75e4);
  expect_ns(profile, OP_MLA, ATTENTION_BLOCK "DeepseekV3ForCausalLM/fp8_block", "bfloat16",
            SHAPE(0, 0, 0, 4, 256, 16, 512, 64, 128), 2e6);
  expect_ns(profile, OP_MLA, ATTENTION_BLOCK "GlmMoeDsaForCausalLM/bfloat16", "bfloat16",
            SHAPE(0, 0, 0, 4, 256, 16, 512, 64, 256), 3e6);
  g_assert_nonnull(strstr(profile->note, "1 of the architecture NobodyKnows"));
  g_assert_nonnull(strstr(profile->note, "1 of products absorbed into latent attention"));
}

/* Of SGLang on Hopper prompts are timed in the latent space, which its servers do not compute. */
static void
test_absorbed_prompts(Fixture *fixture, gconstpointer unused)
{
  g_autofree char *kernels =
      write_file(fixture, "mla_perf.csv",
                 AI_MLA "SGLang,0.5.14,NVIDIA H200,mla_context,flash_attention,"
                        "bfloat16,bfloat16,16,1,8192,8,0,2\n"
                        "SGLang,0.5.14,NVIDIA H200,mla_context,trtllm_mla,"
                        "bfloat16,bfloat16,16,1,4096,8,0,1\n"
                        "SGLang,0.5.14,NVIDIA H200,mla_generation,flash_attention,"
                        "bfloat16,bfloat16,16,4,1,8,255,0.5\n");

  (void)unused;
  import(fixture->profile, fixture->folder, NULL);
  expect_ns(fixture->profile, OP_MLA, "", "bfloat16", SHAPE(0, 0, 0, 4, 256, 16, 512, 64, 128),
            5e5);
  g_assert_null(
      find(fixture->profile, OP_MLA, "", "bfloat16", SHAPE(1, 8192, 0, 0, 0, 16, 512, 64, 128)));
  g_assert_nonnull(strstr(fixture->profile->note, "1 of prompts' latent attention"));
}

static void
test_states(Fixture *fixture, gconstpointer unused)
{
  g_autofree char *delta =
      write_file(fixture, "gdn_perf.csv",
                 AI_DELTA AI_ROW("gdn") "context,2,64,128,2560,4,16,128,32,64,m,0.02\n" /* */
                 AI_ROW("gdn") "generation,8,1,8,2560,4,16,128,32,64,m,0.004\n"         /* */
                 AI_ROW("gdn") "verify,8,4,8,2560,4,16,128,32,64,m,0.004\n");
  g_autofree char *mamba =
      write_file(fixture, "mamba2_perf.csv",
                 AI_MAMBA AI_ROW("mamba2") "context,2,64,128,4096,128,4,96,80,8,256,m,0.03\n");
  const Profile *profile = fixture->profile;

  (void)unused;
  import(fixture->profile, fixture->folder, NULL);
  expect_count(profile, OP_RECURRENT, 3);
  expect_ns(profile, OP_RECURRENT, "gdn/k/prefill", "bfloat16",
            SHAPE(2, 64, 2560, 16, 128, 32, 64, 4, 0), 2e4);
  expect_ns(profile, OP_RECURRENT, "gdn/k/decode", "bfloat16",
            SHAPE(8, 1, 2560, 16, 128, 32, 64, 4, 0), 4e3);
  expect_ns(profile, OP_RECURRENT, "mamba2/k/prefill", "bfloat16",
            SHAPE(2, 64, 4096, 8, 128, 96, 80, 4, 256), 3e4);
  g_assert_nonnull(strstr(profile->note, "1 of checking drafted tokens"));
}

/* KDA: the kernel that holds a decode's convolution too is left out, and so is a convolution that
 * takes as long whatever the prompt. */
static void
test_delta_attention(Fixture *fixture, gconstpointer unused)
{
#define KDA_ROW(kernel) "VLLM,0.1,NVIDIA H100 80GB HBM3,kda," kernel ","
  g_autoptr(GString) rows = g_string_new(AI_DELTA);
  g_autofree char *path = NULL;
  const Profile *profile = fixture->profile;

  (void)unused;
  g_string_append(rows,
                  KDA_ROW("fused_kda_decode") "generation,8,1,8,7168,4,96,128,96,128,m,0.05\n");
  g_string_append(rows, KDA_ROW("packed") "generation,8,1,8,7168,4,96,128,96,128,m,0.04\n");
  for (guint n = 1; n <= 8; n++)
    g_string_append_printf(rows,
                           KDA_ROW("conv1d") "context,1,%u,%u,7168,4,96,128,96,128,m,0.43\n" /* */
                           KDA_ROW("flashkda_fwd") "context,1,%u,%u,7168,4,96,128,96,128,m,0.02\n",
                           n, n, n, n);
  path = write_file(fixture, "kda_perf.csv", rows->str);
  import(fixture->profile, path, NULL);
  expect_count(profile, OP_RECURRENT, 9);
  expect_ns(profile, OP_RECURRENT, "kda/packed/decode", "bfloat16",
            SHAPE(8, 1, 7168, 96, 128, 96, 128, 4, 0), 4e4);
  g_assert_nonnull(strstr(profile->note, "1 of a decode's convolution and state in one kernel"));
  g_assert_nonnull(strstr(profile->note, "8 of kda/conv1d/prefill, of which the shortest small one "
                                         "takes 430 us"));
}

static void
test_quantize(Fixture *fixture, gconstpointer unused)
{
  g_autofree char *path = write_file(fixture, "computescale_perf.txt",
                                     AI "quant_dtype,m,k,latency\n"             /* */
                                     AI_ROW("compute_scale") "fp8,16,4096,1\n"  /* */
                                     AI_ROW("compute_scale") "fp8,1,4096,0.0\n" /* */
                                     AI_ROW("scale_matrix") "fp8,16,4096,2\n");
  const Profile *profile = fixture->profile;

  (void)unused;
  import(fixture->profile, path, NULL);
  expect_ns(profile, OP_ELEMENTWISE, ELEMENTWISE_QUANTIZE_SCALE, "fp8", SHAPE(16, 4096), 1e6);
  expect_ns(profile, OP_ELEMENTWISE, ELEMENTWISE_QUANTIZE, "fp8", SHAPE(16, 4096), 2e6);
  expect_count(profile, OP_ELEMENTWISE, 2);
  g_assert_nonnull(strstr(profile->note, "1 of quantizing with a time of 0"));
}

/* Rows with a window are of an operation of their own, chunks after a full window once. */
static void
test_windows(Fixture *fixture, gconstpointer unused)
{
#define AI_WINDOWS                                                                                 \
  AI "batch_size,isl,num_heads,num_key_value_heads,head_dim,beam_width,attn_dtype,kv_cache_dtype," \
     "step,window_size,latency\n"
  g_autofree char *path = write_file(
      fixture, "attention.csv",
      AI_WINDOWS AI_ROW(
          "generation_attention") "8,1,32,8,128,1,bfloat16,bfloat16,255,0,0.01\n"       /* */
      AI_ROW("generation_attention") "8,1,32,8,128,1,bfloat16,bfloat16,255,128,0.005\n" /* */
      AI_ROW("generation_attention") "8,1,32,8,128,4,bfloat16,bfloat16,255,0,0.04\n"    /* */
      AI_ROW("context_attention") "1,1,32,8,128,1,bfloat16,bfloat16,0,128,0.01\n"       /* */
      AI_ROW("context_attention") "1,128,32,8,128,1,bfloat16,bfloat16,0,128,0.03\n"     /* */
      AI_ROW("context_attention") "1,512,32,8,128,1,bfloat16,bfloat16,0,128,0.11\n"     /* */
      AI_ROW("context_attention") "1,1024,32,8,128,1,bfloat16,bfloat16,0,128,0.21\n");
  const Profile *profile = fixture->profile;
  double share = (384.0 * 128) / (128.0 * 128 / 2 + 384 * 128);

  (void)unused;
  import(fixture->profile, path, NULL);
  expect_count(profile, OP_ATTENTION, 1);
  expect_ns(profile, OP_ATTENTION, "", "bfloat16", SHAPE(0, 0, 0, 8, 256, 32, 8, 128), 1e4);
  expect_ns(profile, OP_ATTENTION_WINDOW, "", "bfloat16", SHAPE(0, 0, 0, 8, 256, 32, 8, 128, 128),
            5e3);
  expect_ns(profile, OP_ATTENTION_WINDOW, "", "bfloat16", SHAPE(1, 384, 128, 0, 0, 32, 8, 128, 128),
            1e4 + share * 1e5);
  expect_count(profile, OP_ATTENTION_WINDOW, 1 + 4 + 2); /* 512 and 1024 after 128 */
  g_assert_nonnull(strstr(profile->note, "1 rows of attention.csv were left out: 1 of beam"));
}

/* SYSTEM/OP/BACKEND/VERSION: tables of two versions, of which one is meant, and NCCL's of none. */
static void
test_folders(Fixture *fixture, gconstpointer unused)
{
  static const char head[] = "framework,version,device,op_name,kernel_source,";
  g_autofree char *new = g_strconcat(
      head, "gemm_dtype,m,n,k,latency\nVLLM,0.19.0,NVIDIA H100 80GB HBM3,gemm,k,fp8,1,2,3,1\n",
      NULL);
  g_autofree char *old = g_strconcat(
      head, "gemm_dtype,m,n,k,latency\nVLLM,0.14.0,NVIDIA H100 80GB HBM3,gemm,k,fp8,1,2,3,5\n",
      NULL);
  g_autofree char *sglang = g_strconcat(
      head, "gemm_dtype,m,n,k,latency\nSGLang,0.5.9,NVIDIA H100 80GB HBM3,gemm,k,fp8,1,2,3,7\n",
      NULL);
  g_autofree char *nccl = g_strconcat(head,
                                      "nccl_dtype,num_gpus,message_size,latency\nTRTLLM,2.29.2,"
                                      "NVIDIA H100 80GB HBM3,all_reduce,NCCL,half,2,128,3\n",
                                      NULL);
  g_autofree char *a = write_file(fixture, "h100_sxm/gemm/vllm/0.19.0/gemm_perf.csv", new);
  g_autofree char *b = write_file(fixture, "h100_sxm/gemm/vllm/0.14.0/gemm_perf.csv", old);
  g_autofree char *c = write_file(fixture, "h100_sxm/gemm/sglang/0.5.9/gemm_perf.csv", sglang);
  g_autofree char *d = write_file(fixture, "h100_sxm/comm/nccl/2.29.2/nccl_perf.csv", nccl);
  g_autofree char *e = write_file(fixture, "h100_sxm/moe/vllm/0.19.0/moe_perf.parquet", "PAR1...");
  const ImportContext meant = {.engine = "vllm-0.19.0"};
  g_autoptr(GError) error = NULL;

  (void)unused;
  import_fails(fixture, fixture->folder, "say which with --engine");
  profile_import(fixture->profile, fixture->folder, NULL, &meant, &error);
  g_assert_no_error(error);
  expect_count(fixture->profile, OP_GEMM, 1);
  expect_ns(fixture->profile, OP_GEMM, "", "fp8", SHAPE(1, 2, 3), 1e6);
  expect_count(fixture->profile, OP_ALL_REDUCE, 1);
  g_assert_nonnull(strstr(fixture->profile->note, "2 files are of other engines than vllm-0.19.0"));
  g_assert_nonnull(strstr(fixture->profile->note, "1 of its tables are parquet"));
}

/* What is not read is answered with what makes it so. */
static void
test_unread(Fixture *fixture, gconstpointer unused)
{
  g_autofree char *parquet = write_file(fixture, "a b/gemm_perf.parquet", "PAR1....");
  g_autofree char *folder = g_build_filename(fixture->folder, "a b", NULL);
  g_autofree char *pointer =
      write_file(fixture, "c/gemm_perf.txt", "version https://git-lfs.github.com/spec/v1\n");

  (void)unused;
  import_fails(fixture, parquet, "pandas.read_parquet(f).to_csv(f[:-7] + \"csv\", index=False)");
  import_fails(fixture, folder, "a b' -name '*.parquet'");
  import_fails(fixture, pointer, "git lfs pull");
  g_autofree char *made =
      write_file(fixture, "a b/gemm_perf.csv", AI_GEMM AI_ROW("gemm") "fp8,1,2,3,1\n");
  import(fixture->profile, folder, NULL);
  g_assert_null(strstr(fixture->profile->note, "parquet"));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
#define ADD(path, test) g_test_add(path, Fixture, NULL, set_up, test, tear_down)
  ADD("/import/aiconfigurator/h100", test_aiconfigurator_h100);
  ADD("/import/aiconfigurator/a100", test_aiconfigurator_a100);
  ADD("/import/aiconfigurator/small", test_aiconfigurator_small);
  ADD("/import/aiconfigurator/launches", test_aiconfigurator_launches);
  ADD("/import/aiconfigurator/broken", test_aiconfigurator_broken);
  ADD("/import/aiconfigurator/experts", test_experts);
  ADD("/import/aiconfigurator/latent", test_latent);
  ADD("/import/aiconfigurator/absorbed-prompts", test_absorbed_prompts);
  ADD("/import/aiconfigurator/states", test_states);
  ADD("/import/aiconfigurator/delta-attention", test_delta_attention);
  ADD("/import/aiconfigurator/quantize", test_quantize);
  ADD("/import/aiconfigurator/windows", test_windows);
  ADD("/import/aiconfigurator/folders", test_folders);
  ADD("/import/aiconfigurator/unread", test_unread);
#undef ADD
  return g_test_run();
}
