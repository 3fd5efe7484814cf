/* How far a calibration is, on standard error: a bar in a terminal, elsewhere a line now and then.
 */
#pragma once

#include "calib/measure/calibration.h"

typedef struct {
  gboolean to_terminal, shown;
  gint64 next_us;
} CalibrateProgress;

void calibrate_progress_start(CalibrateProgress *progress);
void calibrate_progress_show(CalibrateProgress *progress, const CalibrationProgress *now);
/* Takes the bar away, so that a message can be printed. */
void calibrate_progress_clear(CalibrateProgress *progress);
