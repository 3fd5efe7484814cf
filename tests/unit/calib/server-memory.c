/* What a server takes beside weights and KV, against start-up logs of vLLM: its own parts, and the
 * tokens of KV that it had left. */
#include "calib/cost/pool_size.h"
#include "calib/cost/roofline.h"

#include "tests/unit/calib/shipped_fixture.h"

#define GIB (1024.0 * 1024 * 1024)

/* A log: what was started, and what it said. */
typedef struct {
  const char *model, *card;
  guint32 version, tp, tokens, seqs;
  double utilization;
  guint64 kv_tokens;
  double weights_gib, activation_gib;
} Log;

static const Log logs[] = {
    {"llama-3.1-8b", "h100-sxm", 19, 1, 8192, 1024, 0.95, 476000, 14.99, 1.89},
    {"llama-3.1-8b", "h100-sxm", 19, 2, 8192, 1024, 0.95, 1044688, 7.51, 1.89},
    {"llama-3.1-8b", "h100-sxm", 19, 4, 8192, 1024, 0.95, 2209792, 3.77, 1.89},
    {"qwen2.5-7b", "h100-sxm", 19, 1, 8192, 1024, 0.95, 1096000, 14.25, 2.21},
    {"qwen2.5-7b", "h100-sxm", 19, 2, 8192, 1024, 0.95, 2390592, 7.12, 2.21},
    {"qwen2.5-7b", "h100-sxm", 19, 4, 8192, 1024, 0.95, 5043280, 3.55, 2.21},
    {"qwen3-30b-a3b", "h100-sxm", 19, 1, 8192, 1024, 0.95, 168288, 56.88, 2.68},
    {"llama-3.1-8b", "rtx-4090", 19, 1, 2048, 256, 0.9, 41408, 14.99, 0},
    /* llm-d-benchmark's measurements of late 2025; tokens from GiB. */
    {"llama-3.1-8b", "h100-sxm", 12, 1, 8192, 1024, 0.9, 420905, 14.99, 4.76},
    {"qwen3-32b", "h100-sxm", 12, 1, 8192, 1024, 0.9, 18227, 61.03, 5.64},
    {"llama-3.1-8b", "h100-sxm", 32, 1, 8192, 1024, 0.92, 460496, 14.99, 0},
};

static PoolSize
pool_of(const Log *log, const Device *device, const Model *model)
{
  const PoolSizeRequest request = {
      {device, model, log->version, log->tp, log->tokens, log->seqs}, log->utilization, 16};
  g_autoptr(GError) error = NULL;
  PoolSize pool;

  g_assert_true(pool_size_find(&request, &pool, &error));
  g_assert_no_error(error);
  return pool;
}

static void
test_logs(void)
{
  for (guint i = 0; i < G_N_ELEMENTS(logs); i++) {
    const Log *log = &logs[i];
    g_autoptr(Device) device = shipped_device(log->card);
    g_autoptr(Model) model = shipped_model(log->model);
    PoolSize pool = pool_of(log, device, model);
    double tokens = (double)pool.num_gpu_blocks * 16;

    g_test_message("%s on %u x %s, 0.%u: %.0f tokens, logged %" G_GUINT64_FORMAT, log->model,
                   log->tp, log->card, log->version, tokens, log->kv_tokens);
    g_assert_cmpfloat_with_epsilon(tokens / (double)log->kv_tokens, 1, 0.01);
    g_assert_cmpfloat_with_epsilon((double)pool.weight_bytes / GIB, log->weights_gib, 0.011);
    if (log->activation_gib > 0)
      g_assert_cmpfloat_with_epsilon((double)pool.server.activation_bytes / GIB,
                                     log->activation_gib, 0.016);
  }
}

static ServerMemory
memory_of(const char *name, const char *model_name, guint32 version, guint32 tp, guint32 tokens,
          guint32 seqs)
{
  g_autoptr(Device) device = shipped_device(name);
  g_autoptr(Model) model = shipped_model(model_name);
  const ServerSetup setup = {device, model, version, tp, tokens, seqs};

  return server_memory_find(&setup);
}

/* One 14B model's activation was logged as 5.64 GiB before 0.17, and 2.23 from then on. */
static void
test_versions(void)
{
  ServerMemory sorted = memory_of("h100-sxm", "qwen2.5-14b", 16, 1, 8192, 1024);
  ServerMemory masked = memory_of("h100-sxm", "qwen2.5-14b", 17, 1, 8192, 1024);

  g_assert_cmpfloat_with_epsilon((double)sorted.activation_bytes / GIB, 5.64, 0.01);
  g_assert_cmpfloat_with_epsilon((double)masked.activation_bytes / GIB, 2.23, 0.01);
  g_assert_cmpstr(sorted.activation_peak, ==, "sampler, sorting");
  g_assert_cmpuint(memory_of("h100-sxm", "qwen2.5-14b", 19, 1, 8192, 1024).graph_bytes, ==, 0);
  g_assert_cmpuint(memory_of("h100-sxm", "qwen2.5-14b", 21, 1, 8192, 1024).graph_bytes, >, 0);
  /* Model runner V2 asks its sampler for less. */
  g_assert_cmpuint(memory_of("h100-sxm", "qwen2.5-14b", 30, 1, 8192, 1024).activation_bytes, <,
                   masked.activation_bytes);
}

/* The sampler's peak is the same on every rank, the forward pass's falls. */
static void
test_ranks(void)
{
  ServerMemory one = memory_of("h100-sxm", "qwen2.5-14b", 19, 1, 8192, 1024);
  ServerMemory four = memory_of("h100-sxm", "qwen2.5-14b", 19, 4, 8192, 1024);
  ServerMemory wide = memory_of("a100-80gb", "llama-2-7b", 19, 1, 16384, 8);
  ServerMemory split = memory_of("a100-80gb", "llama-2-7b", 19, 2, 16384, 8);

  g_assert_cmpuint(one.activation_bytes, ==, four.activation_bytes);
  g_assert_cmpuint(four.non_torch_bytes, >, one.non_torch_bytes + (guint64)GIB);
  g_assert_cmpstr(wide.activation_peak, ==, "forward pass");
  g_assert_cmpuint(split.activation_bytes, <, wide.activation_bytes);
}

/* Experts' workspaces lie beside the sampler's peak, and are split. */
static void
test_experts(void)
{
  ServerMemory one = memory_of("h100-sxm", "qwen3-30b-a3b", 19, 1, 8192, 1024);
  ServerMemory half = memory_of("h100-sxm", "qwen3-30b-a3b", 19, 1, 4096, 1024);

  /* Half of 8192 tokens x 8 experts x 2 x 2048 x 2 bytes, and of the hidden states. */
  g_assert_cmpuint(one.activation_bytes - half.activation_bytes, ==,
                   4096ULL * 8 * 2 * 2048 * 2 + 4096ULL * 2048 * 2);
}

/* COST_HEAD of 16 sampled tokens less the head's product over `rows`. */
static gint64
head_without_product(const Model *model, const Device *device, guint32 tp, guint64 rows)
{
  RooflineConfig config = {.device = device,
                           .model = model,
                           .block_size = 16,
                           .tensor_parallel_size = tp,
                           .what_if = WHAT_IF_NONE};
  const CostShape shape = {.contexts = {.count = 16, .sum = 16000}, .sampled = 16, .sequences = 16};
  CostPiece piece;

  g_autoptr(CostModel) costs = roofline_new(&config, NULL);
  g_assert_nonnull(costs);
  cost_model_step(costs, &shape, 1, &piece);
  return piece.base_ps[COST_HEAD] -
         roofline_gemm_ps(device, &config.what_if, 16, rows, model->hidden, &model->head_format);
}

/* A rank's rows of the vocabulary are the padded one's part, in weights and in the product: what is
 * left of the head's time, sampling, is the same whatever the width. */
static void
test_vocabulary(void)
{
  static const struct {
    guint32 vocab, tp;
    guint64 rows, logits;
  } rows[] = {{50257, 1, 50304, 50257}, {50257, 2, 25152, 25152},   {50257, 8, 6288, 6288},
              {32003, 4, 8016, 8016},   {128256, 8, 16032, 16032},  {65, 1, 128, 65},
              {65, 4, 32, 32},          {128256, 1, 128256, 128256}};
  g_autoptr(Device) device = shipped_device("h100-sxm");

  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autoptr(Model) model = shipped_model("llama-3.1-8b");
    g_autoptr(Model) wide = model_copy(model);
    g_autoptr(Model) padded = model_copy(model);
    const guint32 tp = rows[i].tp;
    model->vocab = wide->vocab = rows[i].vocab;
    wide->hidden = 4 * model->hidden;
    padded->vocab = (guint32)rows[i].rows * tp;
    g_assert_cmpuint(model_rank_vocab(model, tp), ==, rows[i].rows);
    g_assert_cmpuint(model_rank_logits(model, tp), ==, rows[i].logits);
    g_assert_cmpuint(model_rank_bytes(model, tp), ==, model_rank_bytes(padded, tp));
    g_assert_cmpint(ABS(head_without_product(model, device, tp, rows[i].rows) -
                        head_without_product(wide, device, tp, rows[i].rows)),
                    <=, 2);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/server-memory/logs", test_logs);
  g_test_add_func("/server-memory/versions", test_versions);
  g_test_add_func("/server-memory/ranks", test_ranks);
  g_test_add_func("/server-memory/experts", test_experts);
  g_test_add_func("/server-memory/vocabulary", test_vocabulary);
  return g_test_run();
}
