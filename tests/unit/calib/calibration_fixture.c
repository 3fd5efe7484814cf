#include "calibration_fixture.h"

#include <glib/gstdio.h>
#include <string.h>

void
set_up(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autofree char *device = g_build_filename(SPILLWAY_SRCDIR, "calib/devices/h100-sxm.ini", NULL);
  g_autofree char *model = g_build_filename(SPILLWAY_SRCDIR, "models/llama-2-7b.json", NULL);
  g_autofree char *host = g_build_filename(SPILLWAY_SRCDIR, "calib/hosts/unknown.ini", NULL);

  f->nominal = device_read(device, "h100-sxm", NULL);
  f->host = host_read(host, HOST_UNKNOWN, NULL);
  f->model = model_config_read(model, "llama-2-7b", NULL);
  f->folder = g_dir_make_tmp("calibration-XXXXXX", NULL);
  f->path = g_build_filename(f->folder, "made.db", NULL);
  f->notes = g_string_new(NULL);
  g_assert_true(f->nominal != NULL && f->host != NULL && f->model != NULL && f->folder != NULL);
}

void
tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_unlink(f->path);
  g_assert_cmpint(g_rmdir(f->folder), ==, 0); /* nothing else was left behind */
  device_free(f->nominal);
  host_free(f->host);
  model_free(f->model);
  g_free(f->path);
  g_free(f->folder);
  g_string_free(f->notes, TRUE);
}

void
on_note(gpointer data, const char *text)
{
  g_string_append_printf(((Fixture *)data)->notes, "%s\n", text);
}

gboolean
on_stop(gpointer data)
{
  Fixture *f = data;

  return f->stop_after > 0 && ++f->reports > f->stop_after;
}

CalibrationReport *
calibrate(Fixture *f, BenchDevice *bench, Order order, GError **error)
{
  const Model *models[] = {f->model};
  BenchIdentity identity;
  CalibrationConfig config = {
      .bench = bench,
      .identity = &identity,
      .nominal = f->nominal,
      .host = f->host,
      .models = models,
      .n_models = 1,
      .path = f->path,
      .name = "made",
      .is_quick = order.is_quick,
      .limit_us = (gint64)(order.limit_s * G_USEC_PER_SEC),
      .seed = order.seed,
      .target = 0.01,
      .listener = {.note = on_note, .stop = on_stop, .data = f},
  };

  g_assert_true(bench_identify(bench, &identity, NULL));
  f->reports = 0;
  return calibration_run(&config, error);
}
