/* A calibration of an emulated card from its beginning to its end: every operation is in the
 * profile. */
#include "config.h"

#include "calib/measure/calibration.h"
#include "calib/profile_kernels.h"
#include "calib/store/database.h"
#include "tests/kernels/bench_fixture.h"
#include "tests/emulator/card.h"
#include "tests/emulator/faults.h"

#include <glib/gstdio.h>

/* The emulated card, which has no memory for what would take the emulator long. */
typedef struct {
  BenchDevice base;
  BenchDevice *card;
} Modest;

static gboolean
identify_modest(BenchDevice *base, BenchIdentity *identity, GError **error)
{
  return bench_identify(((Modest *)base)->card, identity, error);
}

static gboolean
health_of_modest(BenchDevice *base, BenchHealth *health, GError **error)
{
  return bench_health(((Modest *)base)->card, health, error);
}

/* Thread blocks, about. */
static gint64
size_of(const ProfileSample *key)
{
  const gint64 *s = key->shape;

  switch ((OperationKind)key->operation) {
  case OP_SAMPLING:
    return 8 * s[0];
  case OP_ELEMENTWISE:
    return s[0];
  case OP_ATTENTION:
    return s[0] * s[1] * (s[1] + s[2]) / 64 + s[3] * s[4] / 16;
  default: /* few, or copies */
    return 0;
  }
}

static gboolean
measure_modest(BenchDevice *base, const BenchRequest *request, const BenchStop *rule,
               BenchTiming *timing, GError **error)
{
  if (size_of(request->key) <= 600)
    return bench_measure(((Modest *)base)->card, request, rule, timing, error);
  g_set_error(error, BENCH_ERROR, BENCH_ERROR_MEMORY, "it is too large for the emulator");
  return FALSE;
}

static void
free_modest(BenchDevice *base G_GNUC_UNUSED)
{
}

static const BenchDeviceClass modest_class = {.name = "modest",
                                              .identify = identify_modest,
                                              .health = health_of_modest,
                                              .measure = measure_modest,
                                              .free = free_modest};

static gboolean
has_kernels(const Profile *profile, const char *expected)
{
  g_autofree char *kernels = profile_kernels_text(profile);

  if (!g_str_equal(kernels, expected))
    g_test_message("found %s, expected %s", kernels, expected);
  return g_str_equal(kernels, expected);
}

static void
count_samples(const Profile *profile, guint counts[OPERATIONS])
{
  for (guint i = 0; i < OPERATIONS; i++)
    profile_samples(profile, (OperationKind)i, &counts[i]);
}

/* A quick calibration of a tiny model, whole. */
static void
test_quick(void)
{
  g_autofree char *folder = g_dir_make_tmp("bench-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(folder, "made.db", NULL);
  g_autofree char *ini = g_build_filename(SPILLWAY_SRCDIR, "calib/devices/h100-sxm.ini", NULL);
  g_autofree char *around = g_build_filename(SPILLWAY_SRCDIR, "calib/hosts/unknown.ini", NULL);
  g_autoptr(Device) nominal = device_read(ini, "h100-sxm", NULL);
  g_autoptr(Host) host = host_read(around, HOST_UNKNOWN, NULL);
  g_autoptr(Model) model = bench_fixture_model("tiny-gpu");
  const Model *models[] = {model};
  g_autoptr(BenchDevice) bench = NULL;
  Modest modest = {.base.class = &modest_class};
  g_autoptr(CalibrationReport) report = NULL;
  g_autoptr(Profile) profile = NULL;
  g_autoptr(GError) error = NULL;
  gboolean seen[OPERATIONS] = {FALSE};
  guint first[OPERATIONS], both[OPERATIONS];
  BenchIdentity identity;
  CalibrationConfig config = {.identity = &identity,
                              .nominal = nominal,
                              .host = host,
                              .models = models,
                              .n_models = 1,
                              .path = path,
                              .name = "made",
                              .is_quick = TRUE,
                              .limit_us = 3600 * (gint64)G_USEC_PER_SEC,
                              .seed = 1,
                              .target = 0.5};

  bench_fixture_use_whole_card();
  emulator_set_memory(48 * MIB, 33 * MIB);
  emulated_card.num_turns = 1;
  model->max_position = 512;
  modest.card = bench = bench_fixture_open(&identity);
  config.bench = &modest.base;
  report = calibration_run(&config, &error);
  g_assert_no_error(error);
  g_assert_cmpint(report->end, ==, CALIBRATION_DONE);
  g_assert_cmpuint(report->left, ==, 0);
  for (guint i = 0; i < report->failures->len; i++)
    g_test_message("%s", (const char *)g_ptr_array_index(report->failures, i));
  profile = profile_store_read(path, &error);
  g_assert_no_error(error);
  for (guint i = 0; i < profile->samples->len; i++)
    seen[g_array_index(profile->samples, ProfileSample, i).operation] = TRUE;
  for (guint i = 0; i <= OP_STEP; i++) /* what follows is of layers that no kernel here is of */
    if (!seen[i] && i != OP_ALL_REDUCE && i != OP_ATTENTION_SKEW)
      g_error("nothing of %s was measured", operations[i].name);
  g_assert_true(has_kernels(profile, "sm_90a"));
  count_samples(profile, first);

  /* Other kernels go into the same profile: what they compute is measured again, the rest is not. */
  identity.kernels = "sm_90a without decode-lists";
  g_clear_pointer(&report, calibration_report_free);
  g_clear_pointer(&profile, profile_free);
  report = calibration_run(&config, &error);
  g_assert_no_error(error);
  g_assert_cmpint(report->left, ==, 0);
  profile = profile_store_read(path, &error);
  g_assert_no_error(error);
  g_assert_true(has_kernels(profile, "sm_90a, sm_90a without decode-lists"));
  count_samples(profile, both);
  for (guint i = 0; i < OPERATIONS; i++)
    g_assert_cmpuint(both[i], ==, (operation_is_of_kernels(i) ? 2 : 1) * first[i]);
  g_assert_true(profile_use_kernels(profile, "sm_90a without decode-lists", &error));
  g_assert_true(has_kernels(profile, "sm_90a without decode-lists"));
  count_samples(profile, both);
  g_assert_cmpmem(both, sizeof both, first, sizeof first);

  /* And the first are gone on with as they were: nothing is left to measure. */
  identity.kernels = "sm_90a";
  g_clear_pointer(&report, calibration_report_free);
  report = calibration_run(&config, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(report->measured, ==, 0);
  g_unlink(path);
  g_rmdir(folder);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/calibration/quick", test_quick);
  return g_test_run();
}
