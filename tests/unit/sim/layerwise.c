/* Copies beside the layers of their step: the closed form against a clock that follows both, and
 * what it may never do. */
#include <math.h>

#include "calib/cost/roofline.h"
#include "random_case.h"
#include "sim/layerwise.h"
#include "sim/policies/price.h"
#include "tests/unit/calib/shipped_fixture.h"

/* When the last layer ends: copies one after the other, a stage when its copy is made and the stage
 * before it is computed, each at its own speed alone and slowed while the other is under way. */
static double
follow_ps(const LayerwiseStep *step)
{
  double copy_left = step->copy_ps, stage_ps = step->computes_ps / step->stages;
  double stage_left = stage_ps, now_ps = 0;
  guint32 copied = 0, computed = 0;

  while (computed < step->stages) {
    gboolean copies = copied < step->stages, computes = computed < copied;
    double copy_speed = computes ? 1 / (1 + step->copy_slow) : 1;
    double stage_speed = copies ? 1 / (1 + step->step_slow) : 1;
    double to_copy = copies ? copy_left / copy_speed : INFINITY;
    double to_stage = computes ? stage_left / stage_speed : INFINITY;
    double by_ps = MIN(to_copy, to_stage);
    now_ps += by_ps;
    if (copies)
      copy_left -= by_ps * copy_speed;
    if (computes)
      stage_left -= by_ps * stage_speed;
    if (to_copy <= by_ps) {
      copied++;
      copy_left = step->copy_ps;
    }
    if (to_stage <= by_ps) {
      computed++;
      stage_left = stage_ps;
    }
  }
  return now_ps;
}

static LayerwiseStep
random_step(GRand *rand, gboolean slows)
{
  return (LayerwiseStep){
      .stages = (guint32)g_rand_int_range(rand, 1, 100),
      .computes_ps = pow(10, g_rand_double_range(rand, 3, 12)),
      .copy_ps = pow(10, g_rand_double_range(rand, 3, 11)),
      .step_slow = slows ? g_rand_double(rand) : 0,
      .copy_slow = slows ? g_rand_double(rand) : 0,
  };
}

static void
test_follows(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(11);

  for (guint i = 0; i < 20000; i++) {
    const LayerwiseStep step = random_step(rand, i % 2 == 0);
    double expected_ps = follow_ps(&step), found_ps = step.computes_ps + layerwise_added_ps(&step);
    g_assert_cmpfloat_with_epsilon(found_ps, expected_ps, 1e-9 * expected_ps);
  }
}

/* Never longer than copying before the step, never shorter than what cannot be beside anything;
 * more to copy never takes less. */
static void
test_bounds(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(12);

  for (guint i = 0; i < 20000; i++) {
    LayerwiseStep step = random_step(rand, TRUE);
    double whole_ps = step.stages * step.copy_ps, added_ps, more_ps;
    step.step_slow *= i % 3 == 0 ? 50 : 1; /* a table may say anything */
    added_ps = layerwise_added_ps(&step);
    g_assert_cmpfloat(added_ps, <=, whole_ps * (1 + 1e-12));
    g_assert_cmpfloat(added_ps, >=, step.copy_ps * (1 - 1e-12));
    g_assert_cmpfloat(added_ps, >=, (whole_ps - step.computes_ps) * (1 - 1e-12));
    step.copy_ps *= 1.1;
    more_ps = layerwise_added_ps(&step);
    g_assert_cmpfloat(more_ps, >=, added_ps * (1 - 1e-12));
  }
}

/* One stage waits for all; layers without end hide all but the first copy. */
static void
test_ends(void)
{
  LayerwiseStep step = {.stages = 1, .computes_ps = 1e9, .copy_ps = 5e6};

  g_assert_cmpfloat(layerwise_added_ps(&step), ==, 5e6);
  step.stages = 32;
  g_assert_cmpfloat(layerwise_added_ps(&step), ==, 5e6);
  step.computes_ps = 0;
  g_assert_cmpfloat(layerwise_added_ps(&step), ==, 32 * 5e6);
}

/* Layer by layer a step takes no longer than with its copies before it, but for their launches, and
 * no less than its layers or its copies; nothing else of it changes. */
static void
check_layer_by_layer(const RooflineConfig *config, guint32 stages, const CostShape *shape)
{
  RooflineConfig changed = *config;
  changed.copy_stages = stages;
  g_autoptr(CostModel) before = roofline_new(config, NULL);
  g_autoptr(CostModel) by_layer = roofline_new(&changed, NULL);
  CostPiece plain, piece;
  gint64 launches_ps = 0, copies_ps;

  cost_model_step(before, shape, 1, &plain);
  cost_model_step(by_layer, shape, 1, &piece);
  copies_ps = plain.base_ps[COST_SWAP_OUT] + plain.base_ps[COST_SWAP_IN];
  if (config->copy_path == COPY_PATH_BATCHED)
    launches_ps = (stages - 1) * 2 * config->device->copy_launch_ps;
  g_assert_cmpint(cost_piece_total_ps(&piece), <=, cost_piece_total_ps(&plain) + launches_ps + 2);
  g_assert_cmpint(cost_piece_total_ps(&piece), >=, cost_piece_total_ps(&plain) - copies_ps);
  for (CostComponent c = 0; c < COST_SWAP_OUT; c++)
    g_assert_cmpint(piece.base_ps[c], ==, plain.base_ps[c]);
  if (copies_ps > 0)
    g_assert_cmpint(piece.base_ps[COST_SWAP_OUT] + piece.base_ps[COST_SWAP_IN], >=,
                    copies_ps / stages);
  if (stages == 1)
    g_assert_cmpint(ABS(cost_piece_total_ps(&piece) - cost_piece_total_ps(&plain)), <=, 1);
}

static void
test_roofline(void)
{
  g_autoptr(Device) device = shipped_device("h100-sxm");
  g_autoptr(Model) model = shipped_model("llama-2-7b");
  RooflineConfig config = {.device = device,
                           .model = model,
                           .block_size = 16,
                           .tensor_parallel_size = 1,
                           .what_if = WHAT_IF_NONE};
  const guint32 stages[] = {1, 2, 32}, blocks[] = {0, 1, 30, 500};
  const CostChunk chunk = {.tokens = 700, .cached_tokens = 40};

  g_assert_cmpuint(model_kv_rounds(model), ==, 32);
  for (guint i = 0; i < 2 * G_N_ELEMENTS(stages) * 16; i++) {
    const CostShape shape = {.prefills = &chunk,
                             .n_prefills = i % 2,
                             .contexts = decode_contexts_equal(8, 900),
                             .sampled = 8,
                             .sequences = 8 + i % 2,
                             .copy_out_blocks = blocks[i / 2 % 4],
                             .copy_in_blocks = blocks[i / 8 % 4]};
    config.copy_path = i % 2 == 0 ? COPY_PATH_PER_LAYER : COPY_PATH_BATCHED;
    check_layer_by_layer(&config, stages[i / 32 % 3], &shape);
  }
}

/* Layer by layer a copy costs what the layers of its step wait for. A front that the step computes
 * hides what is behind it, so that split finds a cut that is cheaper than both ends. */
static void
test_price(void)
{
  RandomCost cost = {.base = {.class = &random_cost_class, .copy_stages = 10},
                     .token_ps = 2000,
                     .context_ps = 100,
                     .block_ps = 20000,
                     .longest_piece = 1};
  const DecodeContexts nobody = {0}, four = decode_contexts_equal(4, 1000);
  const CopyLoad in_the_steps = {.beside = FALSE};
  const OverflowPlan swap = overflow_plan_swap(), split = {.drop_blocks = 10},
                     recompute = {.drop_blocks = 30};
  const PolicyValues cuts = {.of = {30}};
  OverflowQuery query = {
      .victim = {.blocks = 30, .computed_tokens = 300},
      .block_size = 10,
      .host_free_blocks = 100,
      .step_tokens = 1000,
      .decodes = &nobody,
      .copies = &in_the_steps,
      .cost = &cost.base,
      .options = &cuts,
  };

  /* Alone: 600,000 each way and ten launches of 1,000, less nine tenths of its own token's 100. */
  g_assert_cmpint(price_plan_ps(&query, &swap), ==, 610000 + 609910);
  /* Decodes that take 400,000 hide nine tenths of that each way. */
  query.decodes = &four;
  g_assert_cmpint(price_plan_ps(&query, &swap), ==, 250000 + 249910);
  /* 100 tokens are computed; 20 blocks take 400,000 and ten launches. The step with the front takes
   * 600,000, so it waits for one part of ten coming in. */
  g_assert_cmpint(price_plan_ps(&query, &split), ==, 200000 + (410000 - 360000) + 41000);
  g_assert_cmpint(price_plan_ps(&query, &recompute), ==, 600000);
  query.options = &cuts;
  g_assert_cmpuint(overflow_split.plan(&overflow_split, &query).drop_blocks, >, 0);
  g_assert_cmpuint(overflow_split.plan(&overflow_split, &query).drop_blocks, <, 30);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/layerwise/follows", test_follows);
  g_test_add_func("/layerwise/bounds", test_bounds);
  g_test_add_func("/layerwise/ends", test_ends);
  g_test_add_func("/layerwise/roofline", test_roofline);
  g_test_add_func("/layerwise/price", test_price);
  return g_test_run();
}
