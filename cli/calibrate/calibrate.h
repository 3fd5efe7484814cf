/* The verb `calibrate`, for programs with a device and without; and what its files share. */
#pragma once

#include "calib/measure/calibration.h"
#include "cli/cli.h"
#include "cli/format_option.h"

/* open: how this program opens its GPU; NULL: it has none, and spillway-gpu is started. */
int calibrate_verb(int argc, char **argv, BenchOpen open);

/* A calibration's report, with what the printed one says besides. */
typedef struct {
  const char *path;
  const BenchIdentity *identity;
  const Device *nominal;
  const CalibrationReport *report;
  gboolean is_quick;
} CalibrateResult;

/* Prints what was measured, the errors of the fits and the next commands. The exit status. */
int calibrate_report_print(const CalibrateResult *result, OutputFormat format);

/* "42 s", "4 min 58 s", "1 h 3 min"; the caller frees it. */
char *calibrate_time_text(gint64 time_us);
