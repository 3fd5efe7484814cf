/* What a device's file says of formats, of groups of devices and of latent attention, in the costs
 * that come of it. */
#include "tests/unit/calib/shipped_fixture.h"

#include "calib/cost/profile_cost.h"
#include "calib/cost/roofline.h"
#include "sim/units.h"
#include "tests/unit/calib/add_sample.h"

#include <string.h>

static const WhatIf plain_what_if = {WHAT_IF_SCALES(WHAT_IF_AS_IT_IS)};

/* The experts of 16384 tokens of a layer, split over eight devices. */
static gint64
experts_ps(const Device *device, const char *model_name)
{
  const ExpertSplit split = {.tp = 8, .engines = 1, .groups = 1};
  g_autoptr(Model) model = shipped_model(model_name);
  const Layer *layer = &model->kinds[model->n_kinds - 1];

  g_assert_cmpuint(layer->experts, >, 1);
  return roofline_experts_ps(device, &plain_what_if, 16384, layer, &split);
}

static void
assert_ratio(gint64 after, gint64 before, double least, double most)
{
  g_assert_cmpfloat((double)after / (double)before, >, least);
  g_assert_cmpfloat((double)after / (double)before, <, most);
}

/* Each share counts for its format alone: half of it takes up to twice the time. */
static void
test_shares(void)
{
  static const struct {
    gsize offset;
    const char *models[4]; /* the first has the format */
  } cases[] = {
      {G_STRUCT_OFFSET(Device, experts_compute_share),
       {"glm-4.6", "deepseek-r1", "deepseek-r1-nvfp4", "gpt-oss-120b"}},
      {G_STRUCT_OFFSET(Device, experts_fp8_block_compute_share),
       {"deepseek-r1", "glm-4.6", "deepseek-r1-nvfp4", "gpt-oss-120b"}},
      {G_STRUCT_OFFSET(Device, experts_fp4_compute_share),
       {"deepseek-r1-nvfp4", "glm-4.6", "deepseek-r1", "gpt-oss-120b"}},
      {G_STRUCT_OFFSET(Device, experts_mxfp4_compute_share),
       {"gpt-oss-120b", "glm-4.6", "deepseek-r1", "deepseek-r1-nvfp4"}},
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
    for (guint j = 0; j < G_N_ELEMENTS(cases[i].models); j++) {
      g_autoptr(Device) device = shipped_device("b200");
      double *share = (double *)G_STRUCT_MEMBER_P(device, cases[i].offset);
      gint64 before = experts_ps(device, cases[i].models[j]);

      *share /= 2;
      if (j == 0)
        assert_ratio(experts_ps(device, cases[i].models[j]), before, 1.3, 2.01);
      else
        g_assert_cmpint(experts_ps(device, cases[i].models[j]), ==, before);
    }
}

/* AIConfigurator's table of the B200 has 2359 us for the experts of 16384 tokens of DeepSeek-R1, an
 * eighth of each, in FP8 under SGLang 0.5.14, and 1083 in NVFP4. */
static void
test_tables(void)
{
  g_autoptr(Device) device = shipped_device("b200");

  g_assert_cmpfloat_with_epsilon((double)experts_ps(device, "deepseek-r1") / PS_PER_US, 2359, 470);
  g_assert_cmpfloat_with_epsilon((double)experts_ps(device, "deepseek-r1-nvfp4") / PS_PER_US, 1083,
                                 215);
}

/* What a file leaves out is as the figure that it refines. */
static void
test_left_out(void)
{
  g_autoptr(Device) device = shipped_device("h100-sxm");

  g_assert_cmpfloat(device->gemm_fp8_memory_efficiency, ==, device->gemm_memory_efficiency);
  g_assert_cmpfloat(device->experts_fp8_block_compute_share, ==, device->experts_compute_share);
  g_assert_cmpfloat(device->experts_4bit_memory_efficiency, ==, device->gemm_memory_efficiency);
  g_assert_cmpfloat(device->experts_mxfp4_compute_share, ==, 0);
  g_assert_cmpfloat(device->decode_latent_efficiency, ==, device->decode_efficiency);
  g_assert_cmpfloat(device->allreduce_8_bytes_per_s, ==, device->allreduce_bytes_per_s);
  g_assert_cmpfloat(device->allreduce_step_ps, ==, 0);
}

static RooflineConfig
ranks_config(const Device *device, const Model *model, guint32 ranks)
{
  return (RooflineConfig){.device = device,
                          .model = model,
                          .block_size = 16,
                          .tensor_parallel_size = ranks,
                          .scheduler = HOST_VLLM_V1,
                          .what_if = WHAT_IF_NONE};
}

static gint64
comm_ps(const Device *device, guint32 tp, guint32 tokens)
{
  g_autoptr(Model) model = shipped_model("llama-3.1-70b");
  RooflineConfig config = ranks_config(device, model, tp);
  g_autoptr(CostModel) costs = roofline_new(&config, NULL);
  const CostChunk chunk = {.tokens = tokens};
  const CostShape shape = {.prefills = &chunk, .n_prefills = 1, .sampled = 1, .sequences = 1};
  CostPiece piece;

  g_assert_nonnull(costs);
  cost_model_step(costs, &shape, 1, &piece);
  return piece.base_ps[COST_COMM];
}

/* MiniMax's norms are over all heads: a further sum a layer, of two numbers a token, whatever the
 * number of tokens. */
static void
test_norm_sums(void)
{
  g_autoptr(Device) device = shipped_device("h100-sxm");
  g_autoptr(Model) model = shipped_model("minimax-m2");
  const RooflineConfig config = {.device = device,
                                 .model = model,
                                 .block_size = 16,
                                 .tensor_parallel_size = 8,
                                 .expert_groups = 8,
                                 .scheduler = HOST_VLLM_V1,
                                 .what_if = WHAT_IF_NONE};

  for (guint32 tokens = 1; tokens <= 4096; tokens *= 64) {
    const CostShape shape = {
        .contexts.count = tokens, .contexts.sum = tokens, .sampled = tokens, .sequences = tokens};
    CostPiece with, without;
    for (guint wide = 0; wide < 2; wide++) {
      model->kinds[0].mixer.normed_wide = wide == 1;
      g_autoptr(CostModel) costs = roofline_new(&config, NULL);
      cost_model_step(costs, &shape, 1, wide == 1 ? &with : &without);
    }
    g_assert_cmpuint(model->n_kinds, ==, 1);
    g_assert_cmpfloat_with_epsilon((double)(with.base_ps[COST_COMM] - without.base_ps[COST_COMM]),
                                   62 * device->allreduce_direct_latency_ps, 2);
  }
}

/* L40S: 160 sums of 8192 x 8192 elements over two, four and eight devices by each rate, and of one
 * token by the steps of a ring. */
static void
test_groups_of_devices(void)
{
  g_autoptr(Device) device = shipped_device("l40s");
  const double bytes = 160.0 * 2 * 8192 * 8192, ranks[] = {2, 4, 8};
  const double rates[] = {device->allreduce_bytes_per_s, device->allreduce_4_bytes_per_s,
                          device->allreduce_8_bytes_per_s};

  for (guint i = 0; i < G_N_ELEMENTS(ranks); i++) {
    double ring = 2 * (ranks[i] - 1) / ranks[i] * bytes / rates[i] * (double)PS_PER_S;
    double fixed =
        160 * (device->allreduce_latency_ps + (ranks[i] - 1) * device->allreduce_step_ps);
    double one = ring / 8192 + fixed;

    g_assert_cmpfloat_with_epsilon((double)comm_ps(device, (guint32)ranks[i], 8192), ring + fixed,
                                   1e-6 * ring);
    g_assert_cmpfloat_with_epsilon((double)comm_ps(device, (guint32)ranks[i], 1), one, 1e-3 * one);
  }
  g_assert_cmpfloat(rates[0], >, 4 * rates[1]);
}

/* An engine without symmetric memory sums 256 KiB to 8 MiB over eight H100s by two shots of its own
 * kernel, which take more than the roofline's line and than a table of an engine that has it; NCCL
 * sums those beyond, and other messages, devices and engines are as they were. */
static void
check_own_sums(const Profile *profile, guint32 ranks, guint64 tokens, double expected_us)
{
  g_autoptr(Device) device = shipped_device("h100-sxm");
  g_autoptr(Model) model = shipped_model("llama-3.1-70b");
  RooflineConfig config = ranks_config(device, model, ranks);
  const CostChunk chunk = {.tokens = (guint32)tokens};
  const CostShape shape = {.prefills = &chunk, .n_prefills = 1, .sampled = 1, .sequences = 1};
  gint64 sums_ps[2];

  for (guint own = 0; own < 2; own++) {
    g_autoptr(CostModel) costs = NULL;
    CostPiece piece;
    config.own_sums = own == 1;
    costs =
        profile != NULL ? profile_cost_new(profile, &config, NULL) : roofline_new(&config, NULL);
    g_assert_nonnull(costs);
    cost_model_step(costs, &shape, 1, &piece);
    sums_ps[own] = piece.base_ps[COST_COMM];
  }
  if (expected_us == 0)
    g_assert_cmpint(sums_ps[1], ==, sums_ps[0]);
  else
    g_assert_cmpfloat_with_epsilon((double)sums_ps[1], 160 * expected_us * PS_PER_US, 1e6);
}

static void
test_own_sums(void)
{
  g_autoptr(Device) device = shipped_device("h100-sxm");
  g_autoptr(Profile) profile = profile_new("sums", "h100-sxm");
  double latency_us = device->allreduce_two_shots_latency_ps / PS_PER_US;
  double token_us = 2 * 7.0 / 8 * 16384 / device->allreduce_8_bytes_per_s * 1e6;

  profile_add_origin(profile, &(const ProfileOrigin){.source = "made here"});
  for (gint64 m = 1; m <= 4096; m *= 64)
    add_sample(profile, OP_GEMM, "", "bfloat16", (const gint64[]){m, 8192, 1024}, 5000.0 + m);
  for (gint64 bytes = 1024; bytes <= 1 << 30; bytes *= 1024) {
    add_sample(profile, OP_ALL_REDUCE, "custom", "bfloat16", (const gint64[]){bytes, 8}, 5000);
    add_sample(profile, OP_ALL_REDUCE, "nccl", "bfloat16", (const gint64[]){bytes, 8}, 90000);
  }
  profile_seal(profile);
  g_assert_cmpfloat(latency_us, >, device->allreduce_latency_ps / PS_PER_US);
  for (guint with = 0; with < 2; with++) {
    const Profile *tables = with == 1 ? profile : NULL;
    check_own_sums(tables, 8, 15, 0); /* 240 KiB */
    check_own_sums(tables, 8, 16, latency_us + 16 * token_us);
    check_own_sums(tables, 8, 512, latency_us + 512 * token_us);
  }
  check_own_sums(NULL, 8, 513, 0);
  check_own_sums(profile, 8, 513, 90);
  check_own_sums(NULL, 4, 64, 0);
}

/* What a decode over long contexts takes of attention. */
static gint64
reading_ps(const Device *device, const char *model_name, guint32 kv_bits)
{
  g_autoptr(Model) model = shipped_model(model_name);
  model->kv_bits = kv_bits;
  const RooflineConfig config = {.device = device,
                                 .model = model,
                                 .block_size = 16,
                                 .tensor_parallel_size = 8,
                                 .scheduler = HOST_VLLM_V1,
                                 .what_if = WHAT_IF_NONE};
  g_autoptr(CostModel) costs = roofline_new(&config, NULL);
  const CostShape shape = {
      .contexts.count = 64, .contexts.sum = 1 << 20, .sampled = 64, .sequences = 64};
  CostPiece piece;

  cost_model_step(costs, &shape, 1, &piece);
  return piece.base_ps[COST_ATTENTION];
}

/* KV is read by the share of its kind of attention, and of its width. */
static void
test_reading(void)
{
  static const struct {
    gsize offset;
    const char *model;
    guint32 kv_bits; /* the one that half of the share counts for */
  } cases[] = {
      {G_STRUCT_OFFSET(Device, decode_latent_efficiency), "deepseek-r1", 16},
      {G_STRUCT_OFFSET(Device, decode_fp8_efficiency), "llama-3.1-70b", 8},
      {G_STRUCT_OFFSET(Device, decode_efficiency), "llama-3.1-70b", 16},
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
    for (guint j = 0; j < G_N_ELEMENTS(cases); j++) {
      g_autoptr(Device) device = shipped_device("h200");
      gint64 before = reading_ps(device, cases[j].model, cases[j].kv_bits);
      *(double *)G_STRUCT_MEMBER_P(device, cases[i].offset) /= 2;
      if (i == j)
        assert_ratio(reading_ps(device, cases[j].model, cases[j].kv_bits), before, 1.6, 2.01);
      else
        g_assert_cmpint(reading_ps(device, cases[j].model, cases[j].kv_bits), ==, before);
    }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/formats/shares", test_shares);
  g_test_add_func("/formats/tables", test_tables);
  g_test_add_func("/formats/left-out", test_left_out);
  g_test_add_func("/formats/groups-of-devices", test_groups_of_devices);
  g_test_add_func("/formats/own-sums", test_own_sums);
  g_test_add_func("/formats/reading", test_reading);
  g_test_add_func("/formats/norm-sums", test_norm_sums);
  return g_test_run();
}
