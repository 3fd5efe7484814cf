/* What calibration.c (what is measured when) and measure.c (measuring, keeping,
 * telling) share. Internal to them. */
#pragma once

#include "calibration.h"
#include "plan.h"
#include "watch.h"
#include "calib/store/journal.h"

typedef struct {
  const CalibrationConfig *config;
  const BenchStop *stop;
  ProfileJournal *journal;
  CalibrationWatch *watch;
  GPtrArray *families; /* of CalibrationFamily */
  CalibrationReport *report;
  GHashTable *failed; /* keys of samples that could not be measured */
  gint64 start_us, next_commit_us;
  gboolean is_over; /* report->end says why */
} Calibration;

/* Measures a point, or remembers it. *sample: NULL if it cannot be measured, or it is over. FALSE
 * where nothing more can be. */
gboolean calibration_measure(Calibration *self, CalibrationFamily *family,
                             const CalibrationPoint *point, gboolean aside,
                             const ProfileSample **sample, GError **error);
/* Takes a measured point into the profile and tells the family's fits. */
void calibration_accept(Calibration *self, CalibrationFamily *family,
                        const CalibrationPoint *point);

/* An empty one, for calibration_report_free(). */
CalibrationReport *calibration_report_new(void);
