/* Tables of layers that are not all alike: each key is a key of its own, as tests/unit/calib/keys.c has
 * it for dense models. A model's own tables cost its steps the same whatever lies beside them, for
 * each field in which other tables can differ; and they count. Windows, latent attention (kernels
 * and blocks), experts by a draw and by what is touched, layers with a state.
 */
#include "calib/cost/profile_cost.h"
#include "calib/cost/profile_remarks.h"
#include "models/model_config.h"

#include <string.h>

enum { TP = 2, POINTS = 16, PRICES = 12, VARIANTS = 4, SLOW = 7 };

typedef struct {
  const char *name, *model; /* its file */
  OperationKind kind;
  const char *variants[VARIANTS]; /* all of which are needed */
  const char *dtype, *other_dtype, *other_variant;
  gint64 shape[OPERATION_SHAPE_MAX]; /* with 0 where a point counts */
  guint along;                       /* the field that points go along */
  gint64 step;
  CostComponent component;
  const char *remark; /* part of what is said where it is not there */
} Case;

static const Case cases[] = {
    {.name = "window",
     .model = "models/gpt-oss-120b.json",
     .kind = OP_ATTENTION_WINDOW,
     .variants = {""},
     .dtype = "bfloat16",
     .other_dtype = "bfloat16+fp8kv",
     .shape = {0, 0, 0, 4, 0, 32, 4, 64, 128},
     .along = 4,
     .step = 24,
     .component = COST_ATTENTION,
     .remark = "attention to the last 128 tokens"},
    {.name = "latent",
     .model = "models/deepseek-r1.json",
     .kind = OP_MLA,
     .variants = {""},
     .dtype = "bfloat16",
     .other_dtype = "bfloat16+fp8kv",
     .other_variant = ATTENTION_BLOCK "DeepseekV3ForCausalLM/fp8_block",
     .shape = {0, 0, 0, 4, 0, 64, 512, 64, 128},
     .along = 4,
     .step = 64,
     .component = COST_ATTENTION,
     .remark = "latent attention"},
    {.name = "latent block",
     .model = "models/deepseek-r1.json",
     .kind = OP_MLA,
     .variants = {ATTENTION_BLOCK "DeepseekV3ForCausalLM/fp8_block"},
     .dtype = "bfloat16",
     .other_dtype = "bfloat16+fp8kv",
     .other_variant = ATTENTION_BLOCK "DeepseekV3ForCausalLM/bfloat16",
     .shape = {0, 0, 0, 4, 0, 64, 512, 64, 128},
     .along = 4,
     .step = 64,
     .component = COST_ATTENTION,
     .remark = "latent attention"},
    {.name = "experts",
     .model = "models/deepseek-r1.json",
     .kind = OP_MOE,
     .variants = {"power_law_1.01"},
     .dtype = "fp8_block",
     .other_dtype = "fp8",
     .other_variant = "balanced",
     .shape = {0, 7168, 2048, 8, 256, TP, 1, 0},
     .along = 0,
     .step = 4,
     .component = COST_LINEAR,
     .remark = "experts"},
    {.name = "experts by touch",
     .model = "models/gpt-oss-120b.json",
     .kind = OP_MOE,
     .variants = {MOE_TOUCHED},
     .dtype = "mxfp4",
     .other_dtype = "nvfp4",
     .other_variant = "balanced",
     .shape = {0, 2880, 2880, 4, 128, TP, 1, 64},
     .along = 0,
     .step = 4,
     .component = COST_LINEAR,
     .remark = "experts"},
    {.name = "states",
     .model = "tests/models/families/qwen3-next-80b-a3b.json",
     .kind = OP_RECURRENT,
     .variants = {"gdn/causal_conv1d_fn/prefill", "gdn/chunk/prefill",
                  "gdn/causal_conv1d_update/decode", "gdn/fused/decode"},
     .dtype = "bfloat16",
     .other_dtype = "float16",
     .other_variant = "mamba2/fused/decode",
     .shape = {0, 1, 2048, 8, 128, 16, 128, 4, 0},
     .along = 0,
     .step = 2,
     .component = COST_ATTENTION,
     .remark = "layers with a state"},
    {.name = "delta attention",
     .model = "tests/models/families/kimi-linear-48b-a3b.json",
     .kind = OP_RECURRENT,
     .variants = {"kda/causal_conv1d_fn/prefill", "kda/chunk_kda/prefill",
                  "kda/causal_conv1d_update/decode", "kda/packed/decode"},
     .dtype = "bfloat16",
     .other_dtype = "float16",
     .other_variant = "gdn/packed/decode",
     .shape = {0, 1, 2304, 16, 128, 16, 128, 4, 0},
     .along = 0,
     .step = 2,
     .component = COST_ATTENTION,
     .remark = "layers with a state"},
};

typedef struct {
  Model *model;
  Device *device;
} Fixture;

static char *
source_path(const char *file)
{
  const char *source = g_getenv("SPILLWAY_SRCDIR");

  return g_build_filename(source != NULL ? source : ".", file, NULL);
}

static void
set_up(Fixture *f, gconstpointer data)
{
  const Case *c = data;
  g_autofree char *model = source_path(c->model);
  g_autofree char *device = source_path("calib/devices/h100-sxm.ini");

  f->model = model_config_read(model, "made", NULL);
  f->device = device_read(device, "h100-sxm", NULL);
  g_assert_true(f->model != NULL && f->device != NULL);
}

static void
tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  model_free(f->model);
  device_free(f->device);
}

static void
add_table(Profile *profile, const Case *c, const char *variant, const char *dtype,
          const gint64 *shape, double scale)
{
  for (gint64 point = 1; point <= POINTS; point++) {
    ProfileSample sample = {.operation = (guint8)c->kind,
                            .variant = variant,
                            .dtype = dtype,
                            .kernel = "",
                            .median_ns = scale * (5000 + 700 * (double)point)};
    memcpy(sample.shape, shape, sizeof sample.shape);
    sample.shape[c->along] = point * c->step;
    profile_add(profile, &sample);
  }
}

static Profile *
new_profile(const Case *c, double scale)
{
  Profile *profile = profile_new("made", "h100-sxm");
  const ProfileOrigin origin = {.source = "made here"};

  profile_add_origin(profile, &origin);
  for (guint i = 0; i < VARIANTS && c->variants[i] != NULL; i++)
    add_table(profile, c, c->variants[i], c->dtype, c->shape, scale);
  return profile;
}

static CostModel *
new_cost(const Fixture *f, const Profile *profile, GError **error)
{
  const RooflineConfig config = {.device = f->device,
                                 .model = f->model,
                                 .block_size = 16,
                                 .tensor_parallel_size = TP,
                                 .what_if = WHAT_IF_NONE};

  return profile_cost_new(profile, &config, error);
}

static void
price(const Fixture *f, const Case *c, Profile *profile, gint64 *ps)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(CostModel) cost = NULL;

  profile_seal(profile);
  cost = new_cost(f, profile, &error);
  g_assert_no_error(error);
  for (guint i = 0; i < PRICES; i++) {
    guint32 decodes = 1 + i;
    const CostChunk chunk = {.tokens = 20};
    const CostShape shape = {.prefills = &chunk,
                             .n_prefills = i % 4 == 3,
                             .contexts = decode_contexts_equal(decodes, 30 + 40 * i),
                             .sampled = decodes,
                             .sequences = decodes};
    CostPiece piece;
    cost_model_step(cost, &shape, 1, &piece);
    ps[i] = piece.base_ps[c->component];
  }
}

static void
expect_prices(const Fixture *f, const Case *c, const char *what, Profile *beside)
{
  g_autoptr(Profile) alone = new_profile(c, 1);
  gint64 own[PRICES], both[PRICES];

  price(f, c, alone, own);
  price(f, c, beside, both);
  g_assert_cmpuint(beside->samples->len, >, alone->samples->len);
  for (guint i = 0; i < PRICES; i++)
    if (own[i] != both[i])
      g_error("%s: step %u takes %" G_GINT64_FORMAT " ps on its own tables and %" G_GINT64_FORMAT
              " ps beside those of another %s",
              c->name, i, own[i], both[i], what);
}

static void
test_never_meet(Fixture *f, gconstpointer data)
{
  const Case *c = data;

  for (guint field = 0; field < operation_n_shape(c->kind); field++) {
    g_autoptr(Profile) profile = new_profile(c, 1);
    gint64 shape[OPERATION_SHAPE_MAX];
    gboolean is_coordinate =
        field == c->along || (c->kind != OP_MOE && field < 5 && c->kind != OP_RECURRENT);
    if (is_coordinate || (c->kind == OP_RECURRENT && field == 1) ||
        operations[c->kind].shape[field] == NULL ||
        g_str_equal(operations[c->kind].shape[field], "touched") ||
        g_str_equal(operations[c->kind].shape[field], "chunk"))
      continue;
    memcpy(shape, c->shape, sizeof shape);
    shape[field] = shape[field] > 1 ? shape[field] * 2 : 2;
    for (guint i = 0; i < VARIANTS && c->variants[i] != NULL; i++)
      add_table(profile, c, c->variants[i], c->dtype, shape, SLOW);
    expect_prices(f, c, operations[c->kind].shape[field], profile);
  }
}

static void
test_names_never_meet(Fixture *f, gconstpointer data)
{
  const Case *c = data;
  g_autoptr(Profile) dtypes = new_profile(c, 1);

  for (guint i = 0; i < VARIANTS && c->variants[i] != NULL; i++)
    add_table(dtypes, c, c->variants[i], c->other_dtype, c->shape, SLOW);
  expect_prices(f, c, "dtype", dtypes);
  if (c->other_variant != NULL) {
    g_autoptr(Profile) variants = new_profile(c, 1);
    add_table(variants, c, c->other_variant, c->dtype, c->shape, SLOW);
    expect_prices(f, c, "variant", variants);
  }
}

/* Its tables matter to what is priced, are told as measured, and are asked for where they are not
 * there. */
static void
test_counts(Fixture *f, gconstpointer data)
{
  const Case *c = data;
  g_autoptr(Profile) own = new_profile(c, 1), slow = new_profile(c, SLOW);
  g_autoptr(Profile) without = profile_new("made", "h100-sxm");
  g_autoptr(GPtrArray) there = NULL, missing = NULL;
  g_autoptr(CostModel) cost = NULL;
  const CostShape shape = {.contexts = decode_contexts_equal(4, 70), .sampled = 4, .sequences = 4};
  const ExpertSplit split = {.tp = TP, .engines = 1};
  gint64 fast[PRICES], slower[PRICES];
  CostPiece piece;

  price(f, c, own, fast);
  price(f, c, slow, slower);
  for (guint i = 0; i < PRICES; i++) /* the tables of attention have no chunks */
    g_assert_true(fast[i] < slower[i] || (c->component == COST_ATTENTION && i % 4 == 3));
  cost = new_cost(f, own, NULL);
  cost_model_step(cost, &shape, 1, &piece);
  g_assert_cmpint(piece.measured_ps[c->component], >, 0);
  there = profile_remarks(own, f->model, &split);
  missing = profile_remarks(without, f->model, &split);
  for (guint i = 0; i < there->len; i++)
    if (g_str_has_prefix(there->pdata[i], "Modelled"))
      g_assert_null(strstr(there->pdata[i], c->remark));
  g_assert_cmpuint(missing->len, >, 0);
  g_assert_nonnull(strstr(missing->pdata[0], c->remark));
}

/* Experts that are dealt out whole go by tables of experts that are, at the tokens of all engines,
 * and by no others. */
static void
test_dealt_out(void)
{
  const Case *c = &cases[3];
  Fixture f;
  gint64 shape[OPERATION_SHAPE_MAX], ps[2];

  set_up(&f, c);
  memcpy(shape, c->shape, sizeof shape);
  shape[5] = 1;
  shape[6] = 2 * TP;
  for (guint dealt = 0; dealt < 2; dealt++) {
    g_autoptr(Profile) profile = new_profile(c, 1);
    g_autoptr(CostModel) cost = NULL;
    RooflineConfig config = {.device = f.device,
                             .model = f.model,
                             .block_size = 16,
                             .tensor_parallel_size = TP,
                             .data_parallel_size = 2,
                             .expert_groups = 2 * TP,
                             .what_if = WHAT_IF_NONE};
    const CostShape step = {
        .contexts = decode_contexts_equal(8, 100), .sampled = 8, .sequences = 8};
    CostPiece piece;
    add_table(profile, c, "power_law_1.01", "bfloat16", shape, 1); /* another dtype */
    if (dealt)
      add_table(profile, c, c->variants[0], c->dtype, shape, 1);
    else
      add_table(profile, &cases[1], "", "bfloat16", cases[1].shape, 1); /* for there to be a cost */
    profile_seal(profile);
    cost = profile_cost_new(profile, &config, NULL);
    g_assert_nonnull(cost);
    cost_model_step(cost, &step, 1, &piece);
    ps[dealt] = piece.measured_ps[COST_LINEAR];
  }
  g_assert_cmpint(ps[0], ==, 0);
  /* 58 layers of them: 16 tokens are point 4 */
  g_assert_cmpint(ps[1], ==, (gint64)58 * (5000 + 700 * 4) * 1000);
  tear_down(&f, c);
}

/* A run of steps is the sum of single ones: the law of sim/cost.h, over windows that fill up. */
static void
test_law(Fixture *f, gconstpointer data)
{
  g_autoptr(Profile) profile = new_profile(data, 1);
  g_autoptr(CostModel) cost = NULL;
  ContextWindows windows;

  profile_seal(profile);
  cost = new_cost(f, profile, NULL);
  g_assert_true(model_windows(f->model, &windows));
  for (guint32 context = 10; context < 400;) {
    DecodeContexts contexts = decode_contexts_through(&windows);
    CostShape shape = {.sampled = 3, .sequences = 3};
    CostPiece run, one;
    guint32 most = context < 128 ? 128 - context : 50, steps;
    for (guint i = 0; i < 3; i++)
      decode_contexts_add(&contexts, context);
    shape.contexts = contexts;
    cost_model_step(cost, &shape, most, &run);
    for (steps = 0; steps < run.steps; steps++) {
      DecodeContexts later = decode_contexts_through(&windows);
      for (guint i = 0; i < 3; i++)
        decode_contexts_add(&later, context + steps);
      shape.contexts = later;
      cost_model_step(cost, &shape, 1, &one);
      g_assert_cmpint(cost_piece_total_ps(&one), ==,
                      cost_piece_total_ps(&run) + steps * run.growth_ps);
    }
    context += steps;
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    static const struct {
      const char *name;
      void (*test)(Fixture *f, gconstpointer data);
    } tests[] = {{"fields", test_never_meet},
                 {"names", test_names_never_meet},
                 {"counts", test_counts},
                 {"law", test_law}};
    for (guint t = 0; t < G_N_ELEMENTS(tests); t++) {
      g_autofree char *path = g_strdup_printf("/keys/%s/%s", cases[i].name, tests[t].name);
      g_test_add(path, Fixture, &cases[i], set_up, tests[t].test, tear_down);
    }
  }
  g_test_add_func("/keys/experts dealt out", test_dealt_out);
  return g_test_run();
}
