/* Attention far from the cached tokens that were measured: points that lie near each other say
 * nothing there. Experts' names and blocks in what a step is assembled from. */
#include "tests/unit/calib/add_sample.h"
#include "tests/unit/calib/import_fixture.h"

#include "calib/cost/attention_fit.h"
#include "calib/cost/profile_cost.h"
#include "calib/cost/dtype.h"
#include "calib/cost/moe_fit.h"
#include "sim/units.h"

static const AttentionKey key = {
    .operation = OP_MLA, .variant = MLA_SPARSE, .dtype = "bfloat16", .shape = {16, 512, 64, 128}};

static AttentionFit *
fit_of(Fixture *fixture, const gint64 *cached, const double *ns, guint n)
{
  profile_add_origin(fixture->profile, &(ProfileOrigin){.source = "made here"});
  for (guint i = 0; i < n; i++)
    for (gint64 tokens = 1024; tokens <= 4096; tokens *= 2)
      add_sample(fixture->profile, OP_MLA, MLA_SPARSE, "bfloat16",
                 SHAPE(1, tokens, cached[i], 0, 0, 16, 512, 64, 128), ns[i]);
  profile_seal(fixture->profile);
  return attention_fit_new(fixture->profile, &key, NULL, NULL);
}

/* 0 and 128 are no measure of 8192; 4 times their distance is. */
static void
test_reach(Fixture *fixture, gconstpointer unused)
{
  g_autoptr(AttentionFit) fit =
      fit_of(fixture, (const gint64[]){0, 128}, (const double[]){1000, 1050}, 2);

  (void)unused;
  g_assert_cmpfloat(attention_fit_reach(fit, 1500, 100), ==, 100);
  g_assert_cmpfloat(attention_fit_reach(fit, 1500, 640), ==, 640);
  g_assert_cmpfloat(attention_fit_reach(fit, 1500, 8192), ==, 128);
  g_assert_cmpfloat(attention_fit_reach(fit, 1500, -300), ==, -300);
  g_assert_cmpfloat(attention_fit_reach(fit, 1500, -8192), ==, 0);
}

/* Many short chunks count as fewer cached tokens than none: a timing after one token that is off by
 * a tenth is not drawn out to them. */
static void
test_below(Fixture *fixture, gconstpointer unused)
{
  g_autoptr(AttentionFit) fit = fit_of(fixture, (const gint64[]){0, 1, 1000, 4000},
                                       (const double[]){1000, 900, 1500, 3000}, 4);
  const AttentionPoint point = {.new_tokens = 1024, .cached_tokens = -800};
  gboolean measured;

  (void)unused;
  g_assert_cmpfloat_with_epsilon(attention_fit_ps(fit, &point, &measured) / PS_PER_NS,
                                 1000 - 0.5 * 800, 1);
  g_assert_false(measured);
}

/* Prompts of one step that were measured together are read at that point. */
static void
test_prompts(Fixture *fixture, gconstpointer unused)
{
  g_autoptr(AttentionFit) fit = NULL;
  const AttentionPoint four = {.new_tokens = 2048, .cached_tokens = (512 - 2048) / 2.0};
  gboolean measured;

  (void)unused;
  profile_add_origin(fixture->profile, &(ProfileOrigin){.source = "made here"});
  add_sample(fixture->profile, OP_MLA, MLA_SPARSE, "bfloat16",
             SHAPE(4, 512, 0, 0, 0, 16, 512, 64, 128), 700);
  add_sample(fixture->profile, OP_MLA, MLA_SPARSE, "bfloat16",
             SHAPE(4, 512, 64, 0, 0, 16, 512, 64, 128), 9000);
  fit = fit_of(fixture, (const gint64[]){0, 128}, (const double[]){1000, 1050}, 2);
  g_assert_cmpfloat_with_epsilon(attention_fit_ps(fit, &four, &measured) / PS_PER_NS, 700, 1e-6);
  g_assert_true(measured);
  g_assert_cmpfloat(attention_fit_reach(fit, 2048, 8192), ==, 128);
}

static CostPiece
of_chunks(CostModel *cost, const CostChunk *chunks, guint32 n)
{
  const CostShape shape = {.prefills = chunks, .n_prefills = n, .sampled = n, .sequences = n};
  CostPiece piece = {0};

  cost_model_step(cost, &shape, 1, &piece);
  return piece;
}

/* Of so many tokens only two prompts together were measured: one prompt of them all takes longer,
 * by the pairs of tokens that it has more, and four take less. */
static void
test_batches_alone(Fixture *fixture, gconstpointer unused)
{
  static const CostChunk prompts[] = {{.tokens = 2048}, {.tokens = 2048}}, whole = {.tokens = 4096},
                         between = {.tokens = 3000}, four[] = {{1024}, {1024}, {1024}, {1024}};
  const char *root = g_getenv("SPILLWAY_SRCDIR");
  g_autofree char *path =
      g_build_filename(root != NULL ? root : ".", "calib/devices/h100-sxm.ini", NULL);
  g_autoptr(Device) device = device_read(path, "h100-sxm", NULL);
  g_autoptr(Model) model = find_model("deepseek-r1", NULL, NULL);
  const RooflineConfig config = {.device = device,
                                 .model = model,
                                 .block_size = 16,
                                 .tensor_parallel_size = 8,
                                 .what_if = WHAT_IF_NONE};
  const gint64 layer_ps = 300 * PS_PER_US;
  g_autoptr(CostModel) cost = NULL;
  CostPiece piece;
  gint64 ps;

  (void)unused;
  profile_add_origin(fixture->profile, &(ProfileOrigin){.source = "made here"});
  add_sample(fixture->profile, OP_MLA, "", "bfloat16", SHAPE(1, 2048, 0, 0, 0, 16, 512, 64, 128),
             150e3);
  add_sample(fixture->profile, OP_MLA, "", "bfloat16", SHAPE(2, 2048, 0, 0, 0, 16, 512, 64, 128),
             300e3);
  profile_seal(fixture->profile);
  cost = profile_cost_new(fixture->profile, &config, NULL);
  piece = of_chunks(cost, prompts, 2);
  g_assert_cmpint(piece.base_ps[COST_ATTENTION], ==, model->layers * layer_ps);
  g_assert_cmpint(piece.measured_ps[COST_ATTENTION], ==, piece.base_ps[COST_ATTENTION]);
  ps = of_chunks(cost, &whole, 1).base_ps[COST_ATTENTION];
  g_assert_cmpint(ps, >, model->layers * layer_ps * 5 / 4);
  g_assert_cmpint(ps, <, model->layers * layer_ps * 2);
  ps = of_chunks(cost, &between, 1).base_ps[COST_ATTENTION];
  g_assert_cmpint(ps, >, model->layers * layer_ps / 2);
  g_assert_cmpint(ps, <, model->layers * layer_ps * 3 / 2);
  ps = of_chunks(cost, four, 4).base_ps[COST_ATTENTION];
  g_assert_cmpint(ps, >, model->layers * layer_ps / 2);
  g_assert_cmpint(ps, <, model->layers * layer_ps);
}

/* The law of the synthetic tables, ns of a layer: a fixed time, and a rate of pairs that is better
 * the longer the chunk. */
static double
law_ns(double tokens, double cached)
{
  return 9e3 + (tokens * cached + tokens * (tokens + 1) / 2) * (1 + 64 / tokens) * 2.6e-2;
}

/* Chunk lengths that are measured after cached tokens that do not overlap, one or two each: a chunk
 * between two of them is drawn from each by the roofline's shape, which is not the law's: its fixed
 * time and its ramp are others. */
static void
test_disjoint(Fixture *fixture, gconstpointer unused)
{
  static const struct {
    gint64 tokens, cached[2];
    guint n;
  } rows[] = {{256, {16384, 16384}, 1}, {512, {0, 0}, 1},          {1024, {16384, 32768}, 2},
              {2048, {0, 128}, 2},      {4096, {32768, 32768}, 1}, {8192, {0, 0}, 1}};
  const char *root = g_getenv("SPILLWAY_SRCDIR");
  g_autofree char *path =
      g_build_filename(root != NULL ? root : ".", "calib/devices/h100-sxm.ini", NULL);
  g_autoptr(Device) device = device_read(path, "h100-sxm", NULL);
  g_autoptr(Model) model = find_model("llama-3.1-8b", NULL, NULL);
  const RooflineConfig config = {.device = device,
                                 .model = model,
                                 .block_size = 16,
                                 .tensor_parallel_size = 1,
                                 .what_if = WHAT_IF_NONE};
  g_autoptr(CostModel) cost = NULL;
  double worst = 0, sum = 0, n = 0;

  (void)unused;
  profile_add_origin(fixture->profile, &(ProfileOrigin){.source = "made here"});
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
    for (guint j = 0; j < rows[i].n; j++)
      add_sample(fixture->profile, OP_ATTENTION, "", "bfloat16",
                 SHAPE(1, rows[i].tokens, rows[i].cached[j], 0, 0, 32, 8, 128),
                 law_ns((double)rows[i].tokens, (double)rows[i].cached[j]));
  profile_seal(fixture->profile);
  cost = profile_cost_new(fixture->profile, &config, NULL);
  g_assert_nonnull(cost);
  for (guint i = 0; i + 1 < G_N_ELEMENTS(rows); i++)
    for (gint64 cached = 0; cached <= 32768; cached += 4096) {
      const CostChunk chunk = {.tokens = (guint32)(rows[i].tokens * 3 / 2),
                               .cached_tokens = (guint32)cached};
      const CostPiece piece = of_chunks(cost, &chunk, 1);
      const double law_ps = law_ns(chunk.tokens, chunk.cached_tokens) * PS_PER_NS * model->layers;
      const double error = (double)piece.base_ps[COST_ATTENTION] / law_ps - 1;
      g_test_message("%u tokens after %u: %+.0f %%", chunk.tokens, chunk.cached_tokens,
                     100 * error);
      g_assert_cmpint(piece.measured_ps[COST_ATTENTION], ==, 0);
      worst = MAX(worst, ABS(error));
      sum += ABS(error);
      n++;
    }
  g_assert_cmpfloat(worst, <, 0.45);
  g_assert_cmpfloat(sum / n, <, 0.2);
}

/* A table of the name that is multiplied serves; of several only one that has the shape; that of a
 * whole block says so. */
static void
test_experts(Fixture *fixture, gconstpointer unused)
{
  g_autoptr(Model) model = find_model("gpt-oss-120b", NULL, NULL);
  const ExpertSplit split = {.tp = 1, .groups = 1, .engines = 1};
  const char *dtype = NULL;

  (void)unused;
  profile_add_origin(fixture->profile, &(ProfileOrigin){.source = "made here"});
  add_sample(fixture->profile, OP_MOE, "balanced", "w4a8_mxfp4_mxfp8",
             SHAPE(4, 4096, 2048, 6, 256, 1, 1, 0), 5e4);
  add_sample(fixture->profile, OP_MOE, "balanced", "w4a16_mxfp4",
             SHAPE(4, 2880, 2880, 4, 128, 1, 1, 0), 5e4);
  profile_seal(fixture->profile);
  g_assert_cmpstr(moe_fit_distribution(fixture->profile, &model->kinds[0], &split, &dtype), ==,
                  "balanced");
  g_assert_cmpstr(dtype, ==, "w4a16_mxfp4");
  g_assert_cmpstr(dtype_serving(fixture->profile, OP_MOE, "balanced", "mxfp4"), ==,
                  "w4a8_mxfp4_mxfp8");
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
#define ADD(path, test) g_test_add(path, Fixture, NULL, set_up, test, tear_down)
  ADD("/attention-reach/beyond", test_reach);
  ADD("/attention-reach/below", test_below);
  ADD("/attention-reach/prompts", test_prompts);
  ADD("/attention-reach/batches-alone", test_batches_alone);
  ADD("/attention-reach/disjoint", test_disjoint);
  ADD("/attention-reach/experts", test_experts);
#undef ADD
  return g_test_run();
}
