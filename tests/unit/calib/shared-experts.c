/* Experts that every token passes: after the routed ones, beside them, within their kernel. */
#include "calib/cost/roofline.h"
#include "tests/unit/calib/shipped_fixture.h"

enum { TOKENS = 32, LIMIT = 256, RANKS = 8 };

/* What a step of decodes takes of products, by how shared experts are run. */
static gint64
linear_ps(const Device *device, const Model *model, SharedWay way, guint32 sequences,
          gboolean whole)
{
  const RooflineConfig config = {
      .device = device,
      .model = model,
      .block_size = 16,
      .tensor_parallel_size = RANKS,
      .expert_groups = whole ? RANKS : 1,
      .shared_experts = {.way = way, .tokens = LIMIT},
      .what_if = WHAT_IF_NONE,
  };
  const CostShape shape = {
      .contexts = decode_contexts_equal(sequences, 1000),
      .sampled = sequences,
      .sequences = sequences,
  };
  g_autoptr(GError) error = NULL;
  CostModel *costs = roofline_new(&config, &error);
  CostPiece piece = {0};

  g_assert_no_error(error);
  roofline_step_without(costs, &shape, 1, 0, &piece);
  cost_model_free(costs);
  return piece.base_ps[COST_LINEAR];
}

/* Beside is shorter than after by the shared ones' time, up to the limit; within it has a little
 * more to read, and is not done where ranks have whole experts. */
static void
test_ways(void)
{
  g_autoptr(Device) device = shipped_device("h200");
  g_autoptr(Model) model = shipped_model("deepseek-r1");
  gint64 after = linear_ps(device, model, SHARED_AFTER, TOKENS, FALSE);
  gint64 beside = linear_ps(device, model, SHARED_BESIDE, TOKENS, FALSE);
  gint64 within = linear_ps(device, model, SHARED_WITHIN, TOKENS, FALSE);

  g_assert_cmpint(beside, <, within);
  g_assert_cmpint(within, <, after);
  /* One expert more of some 165 that are touched. */
  g_assert_cmpint(within - beside, <, beside / 100);
  g_assert_cmpint(linear_ps(device, model, SHARED_BESIDE, LIMIT + 1, FALSE), ==,
                  linear_ps(device, model, SHARED_AFTER, LIMIT + 1, FALSE));
  g_assert_cmpint(linear_ps(device, model, SHARED_BESIDE, LIMIT, FALSE), <,
                  linear_ps(device, model, SHARED_AFTER, LIMIT, FALSE));
  g_assert_cmpint(linear_ps(device, model, SHARED_WITHIN, TOKENS, TRUE), ==,
                  linear_ps(device, model, SHARED_AFTER, TOKENS, TRUE));
}

/* Models without shared experts, and without any. */
static void
test_none(void)
{
  static const char *const names[] = {"qwen3-30b-a3b", "llama-3.1-70b"};

  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autoptr(Device) device = shipped_device("h100-sxm");
    g_autoptr(Model) model = shipped_model(names[i]);
    gint64 after = linear_ps(device, model, SHARED_AFTER, TOKENS, FALSE);
    g_assert_cmpint(linear_ps(device, model, SHARED_BESIDE, TOKENS, FALSE), ==, after);
    g_assert_cmpint(linear_ps(device, model, SHARED_WITHIN, TOKENS, FALSE), ==, after);
  }
}

/* vLLM's own measurement of its stream (pull request 26440): DeepSeek-R1 in FP8 on eight B200, 32
 * sequences, 23.35 ms a token without and 22.09 with: 1.26 ms less. */
static void
test_measured(void)
{
  g_autoptr(Device) device = shipped_device("b200");
  g_autoptr(Model) model = shipped_model("deepseek-r1");
  double less_ps = (double)(linear_ps(device, model, SHARED_AFTER, TOKENS, FALSE) -
                            linear_ps(device, model, SHARED_BESIDE, TOKENS, FALSE));

  g_assert_cmpfloat_with_epsilon(less_ps, 1.26e9, 0.25e9);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/shared-experts/ways", test_ways);
  g_test_add_func("/shared-experts/none", test_none);
  g_test_add_func("/shared-experts/measured", test_measured);
  return g_test_run();
}
