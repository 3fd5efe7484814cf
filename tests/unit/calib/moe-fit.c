/* Experts between measured tokens: each token count of a published table is held out and predicted
 * from the others, through the roofline of the same experts.
 */
#include "tests/unit/calib/import_fixture.h"

#include "calib/cost/moe_fit.h"
#include "calib/cost/profile_cost.h"
#include "calib/curve.h"
#include "sim/units.h"

#include <math.h>
#include <string.h>

enum { MODEL_TOKENS_MAX = 2048 };

static Model *
find_experts(const char *name, gpointer data, GError **error)
{
  (void)name;
  return find_model("qwen3-30b-a3b", data, error);
}

/* The table without one token count; 0: all of it. */
static Profile *
without(const Profile *all, gint64 tokens)
{
  Profile *profile = profile_new("made", "rtx-pro-6000");
  guint n;
  const ProfileSample *samples = profile_samples(all, OP_MOE, &n);
  const ProfileOrigin origin = {.source = "made here"};

  profile_add_origin(profile, &origin);
  for (guint i = 0; i < n; i++) {
    ProfileSample sample = samples[i];
    sample.origin = 0;
    if (sample.shape[0] != tokens)
      profile_add(profile, &sample);
  }
  profile_seal(profile);
  return profile;
}

static void
test_held_out(Fixture *fixture, gconstpointer unused)
{
  static const ImportContext of_experts = {.find_model = find_experts};
  const ExpertSplit split = {.tp = 1, .engines = 1};
  const WhatIf none = WHAT_IF_NONE;
  const char *source = g_getenv("SPILLWAY_SRCDIR");
  g_autofree char *path = shared_path("llmservingsim/moe/moe.csv");
  g_autofree char *file =
      g_build_filename(source != NULL ? source : ".", "calib", "devices", "rtx-pro-6000.ini", NULL);
  g_autoptr(Model) model = find_experts("", NULL, NULL);
  g_autoptr(GArray) errors = g_array_new(FALSE, FALSE, sizeof(double));
  g_autoptr(MoeFit) full = NULL;
  Device *device = device_read(file, "rtx-pro-6000", NULL);

  (void)unused;
  g_assert_true(model != NULL && device != NULL);
  if (path == NULL) {
    device_free(device);
    return;
  }
  g_free(fixture->profile->device);
  fixture->profile->device = g_strdup("rtx-pro-6000");
  g_assert_true(profile_import(fixture->profile, path, NULL, &of_experts, NULL));
  full = moe_fit_new(fixture->profile, device, &model->kinds[0], &split);
  g_assert_nonnull(full);
  for (gint64 tokens = 2; tokens < MODEL_TOKENS_MAX; tokens *= 2) {
    g_autoptr(Profile) rest = without(fixture->profile, tokens);
    g_autoptr(MoeFit) fit = moe_fit_new(rest, device, &model->kinds[0], &split);
    gboolean measured;
    double truth = moe_fit_ps(full, &none, (guint64)tokens, &measured), error;
    g_assert_true(measured);
    error = moe_fit_ps(fit, &none, (guint64)tokens, &measured) / truth - 1;
    g_assert_true(measured);
    g_test_message("%4d tokens: %+.1f %%", (int)tokens, 100 * error);
    error = fabs(error);
    g_array_append_val(errors, error);
  }
  g_array_sort(errors, curve_compare_doubles);
  g_test_message("median %.1f %%, worst %.1f %%",
                 100 * g_array_index(errors, double, errors->len / 2),
                 100 * g_array_index(errors, double, errors->len - 1));
  g_assert_cmpfloat(g_array_index(errors, double, errors->len / 2), <, 0.05);
  device_free(device);
}

static void
add(Profile *profile, OperationKind kind, const char *variant, const gint64 *shape, double ns)
{
  ProfileSample sample = {.operation = (guint8)kind,
                          .variant = variant,
                          .dtype = "bfloat16",
                          .kernel = "",
                          .median_ns = ns};

  memcpy(sample.shape, shape, operation_n_shape(kind) * sizeof *shape);
  profile_add(profile, &sample);
}

/* The small operations of a step of 8 decodes, by a table of experts of that variant. */
static gint64
small_ps(const Model *model, const Device *device, const char *variant, double norms_ns)
{
  const gint64 rotated = (gint64)(model->heads + model->kv_heads) * model->head_dim;
  const RooflineConfig config = {.device = device,
                                 .model = model,
                                 .block_size = 16,
                                 .tensor_parallel_size = 1,
                                 .what_if = WHAT_IF_NONE};
  const CostShape shape = {.contexts = decode_contexts_equal(8, 100), .sampled = 8, .sequences = 8};
  g_autoptr(Profile) profile = profile_new("made", "rtx-pro-6000");
  g_autoptr(CostModel) cost = NULL;
  CostPiece piece;

  profile_add_origin(profile, &(ProfileOrigin){.source = "made here"});
  add(profile, OP_MOE, variant,
      SHAPE(8, model->hidden, model->ffn, model->active_experts, model->experts, 1, 1, 40), 1e5);
  for (gint64 tokens = 1; norms_ns > 0 && tokens <= 64; tokens *= 64) {
    add(profile, OP_ELEMENTWISE, ELEMENTWISE_NORM, SHAPE(tokens, model->hidden), norms_ns);
    add(profile, OP_ELEMENTWISE, ELEMENTWISE_ROPE, SHAPE(tokens, rotated), norms_ns);
  }
  profile_seal(profile);
  cost = profile_cost_new(profile, &config, NULL);
  cost_model_step(cost, &shape, 1, &piece);
  return piece.base_ps[COST_ELEMENTWISE];
}

/* What a table has timed with the experts, their routing and activation, is no small operation
 * beside them, and a table without an activation serves the others. */
static void
test_blocks(Fixture *fixture, gconstpointer unused)
{
  enum { IN_BLOCK = 6, NORMS_NS = 2000 }; /* kernels a layer: five of routing, the activation */
  const char *source = g_getenv("SPILLWAY_SRCDIR");
  g_autofree char *file =
      g_build_filename(source != NULL ? source : ".", "calib", "devices", "rtx-pro-6000.ini", NULL);
  g_autoptr(Model) model = find_experts("", NULL, NULL);
  g_autoptr(Device) device = device_read(file, "rtx-pro-6000", NULL);
  const double fixed_ps = model->layers * IN_BLOCK * device->elementwise_fixed_ps;
  gint64 routed_ps = small_ps(model, device, "balanced", 0);
  gint64 block_ps = small_ps(model, device, MOE_TOUCHED, 0);

  (void)fixture;
  (void)unused;
  g_assert_cmpfloat((double)(routed_ps - block_ps), >=, fixed_ps);
  g_assert_cmpfloat((double)(routed_ps - block_ps), <, fixed_ps * 1.1);
  g_assert_cmpint(small_ps(model, device, "balanced", NORMS_NS), ==, routed_ps);
  g_assert_cmpint(small_ps(model, device, MOE_TOUCHED, NORMS_NS), ==,
                  (gint64)model->layers * 3 * NORMS_NS * PS_PER_NS);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add("/moe-fit/held-out", Fixture, NULL, set_up, test_held_out, tear_down);
  g_test_add("/moe-fit/blocks", Fixture, NULL, set_up, test_blocks, tear_down);
  return g_test_run();
}
