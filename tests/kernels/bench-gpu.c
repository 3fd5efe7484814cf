/* The calibration on the GPU of this machine: a quick one of a small model, of which every
 * operation is measured. Skipped where there is none.
 */
#include "config.h"

#include "calib/measure/cuda/bench_cuda.h"
#include "calib/measure/calibration.h"
#include "calib/store/database.h"
#include "scenario/resolve.h"
#include "cli/step_runner_gpu.h"

#include <glib/gstdio.h>

#define MODEL "qwen2.5-0.5b"

typedef struct {
  BenchDevice *bench;
  BenchIdentity identity;
  Device *nominal; /* figures of a card, whichever: nothing is held against them */
  Host *host;
  Model *model;
  char *folder, *path;
} Setup;

static gboolean
set_up(Setup *s)
{
  g_autoptr(GError) error = NULL;

  s->bench = bench_cuda_new(&step_runner_gpu);
  if (!bench_identify(s->bench, &s->identity, &error)) {
    g_test_skip(error->message);
    bench_device_free(s->bench);
    return FALSE;
  }
  s->nominal = resolve_device("h100-sxm", &error);
  g_assert_no_error(error);
  s->host = resolve_host(NULL, s->nominal, NULL, &error);
  g_assert_no_error(error);
  s->model = resolve_model(MODEL, &error);
  g_assert_no_error(error);
  s->folder = g_dir_make_tmp("bench-XXXXXX", NULL);
  s->path = g_build_filename(s->folder, "made.db", NULL);
  return TRUE;
}

static void
tear_down(Setup *s)
{
  bench_device_free(s->bench);
  device_free(s->nominal);
  host_free(s->host);
  model_free(s->model);
  g_unlink(s->path);
  g_rmdir(s->folder);
  g_free(s->path);
  g_free(s->folder);
}

static void
tell(const CalibrationReport *report)
{
  for (guint i = 0; i < report->errors->len; i++) {
    const ProfileCheckResult *e = &g_array_index(report->errors, ProfileCheckResult, i);
    g_test_message("%s %s %s: off by %.1f %% in the median, %.1f %% at most",
                   operations[e->operation].name, e->variant, e->dtype, 100 * e->median,
                   100 * e->worst);
  }
  for (guint i = 0; i < report->failures->len; i++)
    g_test_message("%s", (const char *)g_ptr_array_index(report->failures, i));
}

/* In the time of the test; on a slow card not all of it. A second start goes on. */
static void
test_quick(void)
{
  Setup s = {0};
  const Model *models[1];
  g_autoptr(CalibrationReport) report = NULL;
  g_autoptr(CalibrationReport) again = NULL;
  g_autoptr(Profile) profile = NULL;
  g_autoptr(GError) error = NULL;
  gboolean seen[OPERATIONS] = {FALSE};
  CalibrationConfig config = {.models = models,
                              .n_models = 1,
                              .name = "made",
                              .is_quick = TRUE,
                              .limit_us = 12 * (gint64)G_USEC_PER_SEC,
                              .seed = 1,
                              .target = 0.05};

  if (!set_up(&s))
    return;
  models[0] = s.model;
  config.bench = s.bench;
  config.identity = &s.identity;
  config.nominal = s.nominal;
  config.host = s.host;
  config.path = s.path;
  report = calibration_run(&config, &error);
  g_assert_no_error(error);
  tell(report);
  g_test_message("%u shapes in %.1f s, %u left", report->measured,
                 (double)report->elapsed_us / G_USEC_PER_SEC, report->left);
  profile = profile_store_read(s.path, &error);
  g_assert_no_error(error);
  for (guint i = 0; i < profile->samples->len; i++)
    seen[g_array_index(profile->samples, ProfileSample, i).operation] = TRUE;
  for (guint i = 0; i <= OP_STEP; i++) /* what follows is of layers that no kernel here is of */
    if (i != OP_ALL_REDUCE && i != OP_ATTENTION_SKEW && report->left == 0 && !seen[i])
      g_error("nothing of %s was measured", operations[i].name);
  config.limit_us = G_USEC_PER_SEC;
  again = calibration_run(&config, &error);
  g_assert_no_error(error);
  g_assert_true(again->is_resumed);
  g_assert_cmpuint(again->known, >, report->measured / 2);
  tear_down(&s);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/bench-gpu/quick", test_quick);
  return g_test_run();
}
