/* What captured graphs spare of tables whose kernels were launched one by one. */
#include "known_profile.h"

#include "calib/cost/profile_cost.h"
#include "sim/units.h"

enum { LAYERS = 32, PRODUCTS = 4, SMALL = 4, MIXER = 2 }; /* of Llama-3.1-8B; kernels a layer */
enum { LAUNCH_NS = 100 };

static const CostChunk short_chunk = {.tokens = 8, .cached_tokens = 700};
static const CostChunk long_chunk = {.tokens = 2048};

static RooflineConfig
config_of(const KnownProfile *f)
{
  return (RooflineConfig){.device = f->device,
                          .model = f->model,
                          .block_size = 16,
                          .tensor_parallel_size = 1,
                          .captured = CAPTURED_STEPS,
                          .what_if = WHAT_IF_NONE};
}

static CostPiece
of_step(CostModel *cost, const CostChunk *chunk)
{
  static const guint32 contexts[] = {700, 700, 700, 700};
  CostShape shape = known_decode_shape(contexts, G_N_ELEMENTS(contexts));
  CostPiece piece;

  shape.prefills = chunk;
  shape.n_prefills = chunk != NULL;
  cost_model_step(cost, &shape, 1, &piece);
  return piece;
}

/* Against the same tables without: what each component takes less, in kernels a layer. */
static void
expect_spared(const KnownProfile *f, const KnownProfile *without, const RooflineConfig *config,
              const CostChunk *chunk, int linear, int small, int attention)
{
  static const CostComponent all[] = {COST_HEAD, COST_HOST, COST_LINEAR, COST_ELEMENTWISE,
                                      COST_ATTENTION};
  const int spared[] = {0, 0, linear, small, attention};
  g_autoptr(CostModel) cost = profile_cost_new(f->profile, config, NULL);
  g_autoptr(CostModel) bare = profile_cost_new(without->profile, config, NULL);
  const CostPiece less = of_step(cost, chunk), whole = of_step(bare, chunk);

  for (guint i = 0; i < G_N_ELEMENTS(all); i++) {
    g_assert_cmpint(whole.base_ps[all[i]] - less.base_ps[all[i]], ==,
                    LAYERS * spared[i] * LAUNCH_NS * PS_PER_NS);
    g_assert_cmpint(less.measured_ps[all[i]], <=, less.base_ps[all[i]]);
  }
}

/* Decodes are captured whole; with a prefill a graph ends before attention, but for engines that
 * capture decodes alone; beyond the captured sizes each kernel is launched. */
static void
test_steps(KnownProfile *f, gconstpointer data G_GNUC_UNUSED)
{
  RooflineConfig config = config_of(f);
  KnownProfile plain;

  known_profile_set_up(&plain, NULL);
  known_profile_add(f, OP_LAUNCH, "", (const gint64[]){10}, 10 * LAUNCH_NS);
  profile_seal(f->profile);
  expect_spared(f, &plain, &config, NULL, PRODUCTS, SMALL, MIXER);
  expect_spared(f, &plain, &config, &short_chunk, PRODUCTS, SMALL, 0);
  expect_spared(f, &plain, &config, &long_chunk, 0, 0, 0);
  config.captured = CAPTURED_DECODES;
  expect_spared(f, &plain, &config, &short_chunk, 0, 0, 0);
  expect_spared(f, &plain, &config, NULL, PRODUCTS, SMALL, MIXER);
  known_profile_tear_down(&plain, NULL);
}

/* No component takes less than nothing, nor more than that where launches cost nothing. */
static void
test_least(KnownProfile *f, gconstpointer data G_GNUC_UNUSED)
{
  RooflineConfig config = config_of(f);
  g_autoptr(CostModel) cost = NULL, none = NULL;
  CostPiece piece;

  known_profile_add(f, OP_LAUNCH, "", (const gint64[]){1}, 1e9);
  profile_seal(f->profile);
  cost = profile_cost_new(f->profile, &config, NULL);
  piece = of_step(cost, NULL);
  g_assert_cmpint(piece.base_ps[COST_LINEAR], ==, 0);
  g_assert_cmpint(piece.measured_ps[COST_LINEAR], ==, 0);
  g_assert_cmpint(piece.base_ps[COST_ELEMENTWISE], ==, 0);
  g_assert_cmpint(piece.base_ps[COST_HEAD], >, 0);
  config.what_if.launch_time = 0;
  none = profile_cost_new(f->profile, &config, NULL);
  piece = of_step(none, NULL);
  g_assert_cmpint(piece.base_ps[COST_LINEAR], ==, 0);
  g_assert_cmpint(piece.base_ps[COST_ELEMENTWISE], ==, 0);
}

/* Of two machines the one that is faster in whatever way has no component that takes longer, and no
 * step: over random what-ifs, launches, batches and graphs. */
static void
test_what_ifs(KnownProfile *f, gconstpointer data G_GNUC_UNUSED)
{
  double *parts[] = {NULL, NULL, NULL};
  RooflineConfig config = config_of(f);

  parts[0] = &config.what_if.hbm_time;
  parts[1] = &config.what_if.flops_time;
  parts[2] = &config.what_if.launch_time;
  known_profile_add(f, OP_LAUNCH, "", (const gint64[]){1}, g_test_rand_int_range(1, 4000));
  profile_seal(f->profile);
  for (guint round = 0; round < 300; round++) {
    const CostChunk chunk = {.tokens = (guint32)g_test_rand_int_range(1, 600),
                             .cached_tokens = (guint32)g_test_rand_int_range(0, 3000)};
    const gboolean prefills = g_test_rand_bit();
    CostPiece slow, fast;

    config.captured = g_test_rand_bit() ? CAPTURED_STEPS : CAPTURED_DECODES;
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
      *parts[i] = g_test_rand_bit() ? 1 : g_test_rand_double_range(0, 3);
    g_autoptr(CostModel) before = profile_cost_new(f->profile, &config, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
      *parts[i] *= g_test_rand_bit() ? 1 : g_test_rand_bit() ? 0 : g_test_rand_double_range(0, 1);
    g_autoptr(CostModel) after = profile_cost_new(f->profile, &config, NULL);
    slow = of_step(before, prefills ? &chunk : NULL);
    fast = of_step(after, prefills ? &chunk : NULL);
    for (guint i = 0; i < COST_COMPONENTS; i++) {
      if (fast.base_ps[i] > slow.base_ps[i] + 4)
        g_error("component %u takes %" G_GINT64_FORMAT " ps, not %" G_GINT64_FORMAT
                ", with launches x %g, memory x %g, arithmetic x %g",
                i, fast.base_ps[i], slow.base_ps[i], config.what_if.launch_time,
                config.what_if.hbm_time, config.what_if.flops_time);
    }
    g_assert_cmpint(cost_piece_total_ps(&fast), <=, cost_piece_total_ps(&slow) + 16);
  }
}

/* Beyond the tables' rows, where all is scaled, what is left is still no more than all. */
static void
test_beyond(KnownProfile *f, gconstpointer data G_GNUC_UNUSED)
{
  const CostChunk chunk = {.tokens = 300000};
  RooflineConfig config = config_of(f);
  g_autoptr(CostModel) cost = NULL;
  CostPiece piece;

  config.captured_tokens = 1 << 20;
  known_profile_add(f, OP_LAUNCH, "", (const gint64[]){1}, LAUNCH_NS);
  profile_seal(f->profile);
  cost = profile_cost_new(f->profile, &config, NULL);
  piece = of_step(cost, &chunk);
  g_assert_cmpint(piece.scaled_ps[COST_LINEAR], >, 0);
  for (guint i = 0; i < COST_COMPONENTS; i++)
    g_assert_cmpint(piece.measured_ps[i] + piece.scaled_ps[i], <=, piece.base_ps[i]);
}

/* Attention that takes less than its launches: a run of steps is still the sum of single ones. */
static void
test_growth(KnownProfile *f, gconstpointer data G_GNUC_UNUSED)
{
  RooflineConfig config = config_of(f);
  g_autoptr(CostModel) bare = profile_cost_new(f->profile, &config, NULL), cost = NULL;
  gint64 start_ps, sum_ps[2] = {0, 0};
  CostPiece piece;

  for (guint32 i = 0; i < 64; i++) {
    const guint32 context = 1000 + i;
    const CostShape shape = known_decode_shape(&context, 1);
    cost_model_step(bare, &shape, 1, &piece);
    if (i == 0)
      start_ps = piece.base_ps[COST_ATTENTION];
  }
  /* As much as the 32nd of those steps takes. */
  known_profile_add(f, OP_LAUNCH, "", (const gint64[]){1},
                    (double)(start_ps + piece.base_ps[COST_ATTENTION]) / 2 /
                        (LAYERS * MIXER * PS_PER_NS));
  profile_seal(f->profile);
  cost = profile_cost_new(f->profile, &config, NULL);
  for (guint strided = 0; strided < 2; strided++)
    for (guint32 i = 0; i < 64;) {
      const guint32 context = 1000 + i;
      const CostShape shape = known_decode_shape(&context, 1);
      guint32 n;
      cost_model_step(cost, &shape, strided ? 64 - i : 1, &piece);
      n = strided ? MIN(piece.steps, 64 - i) : 1;
      sum_ps[strided] += n * cost_piece_total_ps(&piece) + piece.growth_ps * n * (n - 1) / 2;
      i += n;
    }
  g_assert_cmpint(sum_ps[0], ==, sum_ps[1]);
}

/* What the host's time is scaled by says nothing of what a graph holds. */
static void
test_pieces(KnownProfile *f, gconstpointer data G_GNUC_UNUSED)
{
  RooflineConfig config = config_of(f);
  Host host = {.costs[HOST_VLLM_V1] = {.piece_ps = 10 * PS_PER_US}};
  gint64 ps[2];

  config.host = &host;
  config.in_pieces = TRUE;
  known_profile_add(f, OP_LAUNCH, "", (const gint64[]){1}, LAUNCH_NS);
  profile_seal(f->profile);
  for (guint i = 0; i < 2; i++) {
    g_autoptr(CostModel) cost = NULL;
    config.what_if.host_time = i;
    cost = profile_cost_new(f->profile, &config, NULL);
    ps[i] = of_step(cost, &short_chunk).base_ps[COST_ATTENTION];
  }
  g_assert_cmpint(ps[0], ==, ps[1]);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
#define ADD(path, function)                                                                        \
  g_test_add("/launch-spared/" path, KnownProfile, NULL, known_profile_set_up, function,           \
             known_profile_tear_down)
  ADD("steps", test_steps);
  ADD("least", test_least);
  ADD("what-ifs", test_what_ifs);
  ADD("beyond", test_beyond);
  ADD("growth", test_growth);
  ADD("pieces", test_pieces);
  return g_test_run();
}
