/* Products between measured shapes: by the waves of a kernel's tiles over n, by k, by whether m is
 * aligned; and what lies beyond the widest hole counts as scaled.
 */
#include "calib/cost/gemm_fit.h"

#include <math.h>

enum { SMS = 132, TILE = 128 };

static Device *
h100(void)
{
  const char *source = g_getenv("SPILLWAY_SRCDIR");
  g_autofree char *path =
      g_build_filename(source != NULL ? source : ".", "calib", "devices", "h100-sxm.ini", NULL);
  Device *device = device_read(path, "h100-sxm", NULL);

  g_assert_nonnull(device);
  g_assert_cmpfloat(device->multiprocessors, ==, SMS);
  return device;
}

/* A kernel of tiles of 128 x 128, whose waves take a time that goes by k; 3 us more where m is no
 * multiple of four. */
static double
true_ns(gint64 m, gint64 n, gint64 k)
{
  double blocks = ceil((double)m / TILE) * ceil((double)n / TILE);

  return 4000 + ceil(blocks / SMS) * (double)k * 2 + (m % 4 == 0 ? 0 : 3000);
}

static Profile *
table(const gint64 *widths, guint n_widths)
{
  static const gint64 rows[] = {1,   4,   5,   16,   17,   64,   65,   128,  129, 256,
                                257, 512, 513, 1024, 1025, 2048, 2049, 4096, 4097};
  Profile *profile = profile_new("made", "h100-sxm");
  const ProfileOrigin origin = {.source = "made here"};

  profile_add_origin(profile, &origin);
  for (guint i = 0; i < n_widths; i++)
    for (guint j = 0; j < n_widths; j++)
      for (guint r = 0; r < G_N_ELEMENTS(rows); r++) {
        const ProfileSample sample = {.operation = OP_GEMM,
                                      .variant = "",
                                      .dtype = "fp8_block",
                                      .kernel = "",
                                      .shape = {rows[r], widths[i], widths[j]},
                                      .median_ns = true_ns(rows[r], widths[i], widths[j])};
        profile_add(profile, &sample);
      }
  profile_seal(profile);
  return profile;
}

static double
predicted_ns(const GemmFit *fit, gint64 m, gint64 n, gint64 k, gboolean *measured)
{
  const WhatIf none = WHAT_IF_NONE;

  return gemm_fit_ps(fit, &none, (guint64)m, (guint64)n, (guint64)k, measured) / 1000;
}

static void
test_between(void)
{
  static const gint64 widths[] = {1024, 2048, 3072, 4096, 6144, 8192, 12288, 16384, 51200};
  static const gint64 shapes[][3] = {{2048, 5120, 4096},
                                     {2048, 14336, 7168},
                                     {4096, 28672, 8192},
                                     {1024, 3072, 5120},
                                     {2049, 28672, 28672}};
  g_autoptr(Profile) profile = table(widths, G_N_ELEMENTS(widths));
  Device *device = h100();
  g_autoptr(GemmFit) fit = gemm_fit_new(profile, device, "fp8_block", NULL, NULL);

  for (guint i = 0; i < G_N_ELEMENTS(shapes); i++) {
    gint64 m = shapes[i][0], n = shapes[i][1], k = shapes[i][2];
    gboolean measured;
    double ns = predicted_ns(fit, m, n, k, &measured);
    g_assert_true(measured);
    g_assert_cmpfloat_with_epsilon(ns / true_ns(m, n, k), 1, 0.01);
  }
  device_free(device);
}

/* Between measured m those of the same alignment count: 20 rows go by 16 and 64, 21 by 17 and 65.
 */
static void
test_alignment(void)
{
  static const gint64 widths[] = {1024, 2048, 4096};
  g_autoptr(Profile) profile = table(widths, G_N_ELEMENTS(widths));
  Device *device = h100();
  g_autoptr(GemmFit) fit = gemm_fit_new(profile, device, "fp8_block", NULL, NULL);

  for (gint64 m = 20; m < 24; m++) {
    gboolean measured;
    double ns = predicted_ns(fit, m, 2048, 2048, &measured);
    g_assert_true(measured);
    g_assert_cmpfloat_with_epsilon(ns, true_ns(m, 2048, 2048), 1);
  }
  device_free(device);
}

static void
test_holes(void)
{
  static const gint64 widths[] = {1024, 2048, 4096, 20480};
  g_autoptr(Profile) profile = table(widths, G_N_ELEMENTS(widths));
  Device *device = h100();
  g_autoptr(GemmFit) fit = gemm_fit_new(profile, device, "fp8_block", NULL, NULL);
  gboolean measured;

  predicted_ns(fit, 64, 3072, 2048, &measured);
  g_assert_true(measured);
  predicted_ns(fit, 64, 8192, 2048, &measured); /* five times 4096 is too wide */
  g_assert_false(measured);
  predicted_ns(fit, 64, 512, 2048, &measured);
  g_assert_false(measured);
  predicted_ns(fit, 8192, 2048, 2048, &measured);
  g_assert_false(measured);
  device_free(device);
}

/* A profile keeps what was made of its samples, for the same device and dtype, until one is added. */
static void
test_kept(void)
{
  static const gint64 widths[] = {1024, 2048, 4096};
  g_autoptr(Profile) profile = table(widths, G_N_ELEMENTS(widths));
  Device *device = h100();
  Device other = *device;
  g_autoptr(GemmFit) fit = gemm_fit_of(profile, device, "fp8_block");
  g_autoptr(GemmFit) again = gemm_fit_of(profile, device, "fp8_block");
  g_autoptr(GemmFit) elsewhere = NULL, later = NULL;
  ProfileSample slower = *profile_samples(profile, OP_GEMM, &(guint){0});
  gboolean measured;

  g_assert_true(fit == again);
  g_assert_null(gemm_fit_of(profile, device, "int4"));
  other.multiprocessors /= 2;
  elsewhere = gemm_fit_of(profile, &other, "fp8_block");
  g_assert_true(elsewhere != fit);
  slower.median_ns *= 2;
  profile_add(profile, &slower);
  profile_seal(profile);
  later = gemm_fit_of(profile, device, "fp8_block");
  g_assert_cmpfloat_with_epsilon(
      predicted_ns(later, slower.shape[0], slower.shape[1], slower.shape[2], &measured),
      slower.median_ns, 1);
  g_assert_cmpfloat_with_epsilon(
      predicted_ns(fit, slower.shape[0], slower.shape[1], slower.shape[2], &measured),
      slower.median_ns / 2, 1);
  device_free(device);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/gemm-fit/between", test_between);
  g_test_add_func("/gemm-fit/alignment", test_alignment);
  g_test_add_func("/gemm-fit/holes", test_holes);
  g_test_add_func("/gemm-fit/kept", test_kept);
  return g_test_run();
}
