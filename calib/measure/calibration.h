/* Calibration: measures a device into a profile. A coarse grid of everything comes first, then the
 * shapes where the fits are worst. It ends when the fits' error on held-out shapes is below the
 * target, or when its time is up.
 *
 * A measurement is in the file within a second, and is never made twice: a second start into the
 * same file goes on where the first ended. Errors are of bench.h and calib/profile.h.
 */
#pragma once

#include "bench.h"
#include "calib/devices/host.h"
#include "calib/cost/profile_check.h"

/* How the errors on held-out shapes are kept in the profile's table of fits. */
#define CALIBRATION_FIT_KIND "calibration"

typedef struct {
  gint64 elapsed_us, left_us; /* left: what is planned, or the limit, whichever ends first */
  guint done, planned;        /* shapes; planned grows while fits are looked into */
  const char *what;           /* being measured */
} CalibrationProgress;

/* What the caller hears of. Each may be NULL. */
typedef struct {
  void (*progress)(gpointer data, const CalibrationProgress *progress);
  /* A sentence on the device, as it happens: drift, throttling, others at work. */
  void (*note)(gpointer data, const char *text);
  /* TRUE: to be ended now, keeping what there is. */
  gboolean (*stop)(gpointer data);
  gpointer data;
} CalibrationListener;

typedef struct {
  BenchDevice *bench;
  const BenchIdentity *identity; /* of it */
  const Device *nominal;         /* the shipped device whose roofline stands behind the profile */
  const Host *host;              /* whose time stands in for what is not measured */
  const Model *const *models;
  guint n_models;
  const char *path; /* of the profile */
  const char *name; /* of a new one */
  gboolean is_quick;
  gint64 limit_us;
  guint64 seed;  /* of a new profile; one that is there keeps its own */
  double target; /* relative error on held-out shapes, the median */
  CalibrationListener listener;
} CalibrationConfig;

typedef enum {
  CALIBRATION_DONE, /* the target was reached, or there is nothing left to look into */
  CALIBRATION_TIME_UP,
  CALIBRATION_STOPPED, /* by the listener */
} CalibrationEnd;

typedef struct {
  CalibrationEnd end;
  gboolean is_resumed;
  guint measured;      /* timings of shapes, in this start */
  guint known;         /* that an earlier start had taken */
  guint planned, left; /* shapes that are always measured: all, and those not measured yet */
  gint64 elapsed_us;
  guint batches, marked; /* between sentinels; those with drift, throttling or other users */
  GArray *errors;        /* of ProfileCheckResult, with texts that live as long as this */
  GPtrArray *failures;   /* of char *: "gemm m 8192, …: what went wrong" */
  GPtrArray *notes;      /* of char *: what is not measured of a model */
  GStringChunk *texts;
} CalibrationReport;

/* NULL where the calibration could not go on; what was measured until then is kept. */
CalibrationReport *calibration_run(const CalibrationConfig *config, GError **error);
void calibration_report_free(CalibrationReport *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CalibrationReport, calibration_report_free)
