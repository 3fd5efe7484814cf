/* Calibrations of a device that drifts, fails, lacks memory or is lost. */
#include "tests/unit/calib/calibration_fixture.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

static gboolean
has_marked_origin(const char *path, const char *text)
{
  g_autoptr(Profile) profile = profile_store_read(path, NULL);

  for (guint i = 0; i < profile->origins->len; i++)
    if (strstr(g_array_index(profile->origins, ProfileOrigin, i).source, text) != NULL)
      return TRUE;
  return FALSE;
}

static void
test_drift(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  SyntheticOptions options = plain;
  g_autoptr(BenchDevice) bench = NULL;
  g_autoptr(CalibrationReport) report = NULL;

  options.drift = 20; /* 5.6 % in 10 s */
  bench = synthetic_device_new(&options);
  report = calibrate(f, bench, quick, NULL);
  g_assert_nonnull(report);
  g_assert_nonnull(strstr(f->notes->str, "the card has drifted"));
  g_assert_true(has_marked_origin(f->path, "batch 1; drifted: a "));
  g_assert_cmpuint(report->marked, >, 0);
}

static void
test_no_drift(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr(BenchDevice) bench = synthetic_device_new(&plain);
  g_autoptr(CalibrationReport) report = calibrate(f, bench, whole, NULL);

  g_assert_nonnull(report);
  g_assert_cmpstr(f->notes->str, ==, "");
  g_assert_cmpuint(report->batches, >, 1);
  g_assert_cmpuint(report->marked, ==, 0);
  g_assert_false(has_marked_origin(f->path, "batch 1;"));
}

static void
test_throttle(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  SyntheticOptions options = plain;
  g_autoptr(BenchDevice) bench = NULL;
  g_autoptr(CalibrationReport) report = NULL;

  options.throttle_after_s = 10;
  bench = synthetic_device_new(&options);
  report = calibrate(f, bench, quick, NULL);
  g_assert_nonnull(report);
  g_assert_nonnull(strstr(f->notes->str, "lowers its clocks (heat): 1380 MHz at 87 °C"));
  g_assert_true(has_marked_origin(f->path, "throttled: heat"));
}

static void
test_busy(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  SyntheticOptions options = plain;
  g_autoptr(BenchDevice) bench = NULL;
  g_autoptr(CalibrationReport) report = NULL;

  options.is_busy = TRUE;
  bench = synthetic_device_new(&options);
  report = calibrate(f, bench, quick, NULL);
  g_assert_nonnull(report);
  g_assert_nonnull(
      strstr(f->notes->str, "the card is busy: 1 other process uses it, such as 4711 (python3)"));
  g_assert_true(has_marked_origin(f->path, "others used the card"));
  g_assert_cmpuint(report->marked, ==, report->batches);
}

/* An operation that goes wrong is named; the others are measured. */
static void
test_failing(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  SyntheticOptions options = plain;
  g_autoptr(BenchDevice) bench = NULL;
  g_autoptr(CalibrationReport) report = NULL;
  g_autoptr(Profile) profile = NULL;
  guint n;

  options.failing = OP_SAMPLING;
  bench = synthetic_device_new(&options);
  report = calibrate(f, bench, quick, NULL);
  g_assert_nonnull(report);
  g_assert_cmpuint(report->failures->len, >=, 5);
  for (guint i = 0; i < report->failures->len; i++)
    g_assert_true(g_str_has_prefix(g_ptr_array_index(report->failures, i), "sampling sequences "));
  profile = profile_store_read(f->path, NULL);
  profile_samples(profile, OP_SAMPLING, &n);
  g_assert_cmpuint(n, ==, 0);
  profile_samples(profile, OP_GEMM, &n);
  g_assert_cmpuint(n, >, 50);
}

/* Rows that do not fit are left out whole: a fit would take a part of one for all of it. */
static void
test_memory(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  SyntheticOptions options = plain;
  g_autoptr(BenchDevice) bench = NULL;
  g_autoptr(CalibrationReport) report = NULL;
  g_autoptr(Profile) profile = NULL;
  guint n;
  const ProfileSample *samples;

  options.memory_limit_bytes = 1e9;
  bench = synthetic_device_new(&options);
  report = calibrate(f, bench, quick, NULL);
  g_assert_nonnull(report);
  g_assert_cmpuint(report->failures->len, >, 0);
  profile = profile_store_read(f->path, NULL);
  samples = profile_samples(profile, OP_ATTENTION, &n);
  g_assert_cmpuint(n, >, 0);
  for (guint i = 0; i < n; i++)
    g_assert_cmpint(samples[i].shape[3], <, 128);
}

/* Of what the card cannot do one line is said, not one a shape. */
static void
test_unsupported(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  SyntheticOptions options = plain;
  g_autoptr(BenchDevice) bench = NULL;
  g_autoptr(CalibrationReport) report = NULL;

  f->model->weight_bits = 8;
  g_free(f->model->dtype);
  f->model->dtype = g_strdup("fp8");
  options.without_dtype = "fp8";
  bench = synthetic_device_new(&options);
  report = calibrate(f, bench, quick, NULL);
  g_assert_nonnull(report);
  g_assert_cmpuint(report->failures->len, ==, 4 + 2); /* products but the head's, steps */
}

static void
test_lost(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  SyntheticOptions options = plain;
  g_autoptr(BenchDevice) bench = NULL;
  g_autoptr(BenchDevice) again = synthetic_device_new(&plain);
  g_autoptr(GError) error = NULL;
  g_autoptr(CalibrationReport) report = NULL;
  g_autoptr(Profile) profile = NULL;
  guint before;

  options.lost_after = 100;
  bench = synthetic_device_new(&options);
  report = calibrate(f, bench, quick, &error);
  g_assert_null(report);
  g_assert_error(error, BENCH_ERROR, BENCH_ERROR_LOST);
  profile = profile_store_read(f->path, NULL);
  g_assert_nonnull(profile);
  before = profile->samples->len;
  g_assert_cmpuint(before, >, 50);
  report = calibrate(f, again, quick, NULL);
  g_assert_nonnull(report);
  g_assert_true(report->is_resumed);
  g_assert_cmpuint(report->known, >, 50);
}

/* A file of something else is left alone, and so is another card's. */
static void
test_refused(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr(BenchDevice) bench = synthetic_device_new(&plain);
  g_autoptr(GError) error = NULL;
  g_autoptr(Profile) other = profile_new("other", "h100-sxm");
  const ProfileOrigin origin = {.source = "llmservingsim, somewhere"};
  const ProfileSample sample = {.operation = OP_GEMM,
                                .variant = "",
                                .dtype = "bfloat16",
                                .kernel = "",
                                .shape = {1, 2, 3},
                                .median_ns = 4};
  CalibrationReport *report;

  g_assert_true(g_file_set_contents(f->path, "a letter", -1, NULL));
  report = calibrate(f, bench, quick, &error);
  g_assert_null(report);
  g_assert_nonnull(strstr(error->message, "is no profile"));
  g_clear_error(&error);
  g_unlink(f->path);
  profile_add_origin(other, &origin);
  profile_add(other, &sample);
  profile_seal(other);
  g_assert_true(profile_store_write(other, f->path, NULL));
  report = calibrate(f, bench, quick, &error);
  g_assert_null(report);
  g_assert_nonnull(strstr(error->message, "tables that were imported; name another file"));
  g_assert_cmpuint(synthetic_total(bench), ==, 0);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  ADD("/calibration/drift", test_drift);
  ADD("/calibration/no-drift", test_no_drift);
  ADD("/calibration/throttle", test_throttle);
  ADD("/calibration/busy", test_busy);
  ADD("/calibration/failing", test_failing);
  ADD("/calibration/memory", test_memory);
  ADD("/calibration/unsupported", test_unsupported);
  ADD("/calibration/lost", test_lost);
  ADD("/calibration/refused", test_refused);
  return g_test_run();
}
