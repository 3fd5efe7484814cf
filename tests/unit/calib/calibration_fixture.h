/* Calibrations of the synthetic device into a file. */
#pragma once

#include "calib/measure/calibration.h"
#include "calib/cost/profile_cost.h"
#include "calib/store/database.h"
#include "models/model_config.h"
#include "sim/units.h"
#include "tests/unit/calib/synthetic_device.h"

typedef struct {
  Device *nominal;
  Host *host;
  Model *model;
  char *folder, *path;
  GString *notes;
  guint stop_after; /* progress reports; 0: never */
  guint reports;
} Fixture;

void set_up(Fixture *f, gconstpointer data G_GNUC_UNUSED);

void tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED);

void on_note(gpointer data, const char *text);

gboolean on_stop(gpointer data);

typedef struct {
  gboolean is_quick;
  double limit_s;
  guint64 seed;
} Order;

CalibrationReport *calibrate(Fixture *f, BenchDevice *bench, Order order, GError **error);

static const SyntheticOptions plain = {.seed = 3, .noise = 0.003, .failing = OP_HOST};
static const Order whole = {.limit_s = 1e5, .seed = 11};
static const Order quick = {.is_quick = TRUE, .limit_s = 60, .seed = 11};

#define ADD(name, function) g_test_add(name, Fixture, NULL, set_up, function, tear_down)
