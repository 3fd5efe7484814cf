/* Watches the device while it is measured: three sentinels timed again and again, clocks, heat, and
 * who else uses the card. The measurements between two looks are a batch, which is an origin of the
 * profile; a batch in which something was wrong says so.
 */
#pragma once

#include "bench.h"
#include "calib/store/journal.h"

#define WATCH_EVERY_US (30 * G_USEC_PER_SEC)
/* Of a sentinel's first time. */
#define WATCH_DRIFT 0.02

typedef struct CalibrationWatch CalibrationWatch;

typedef void (*WatchNote)(gpointer data, const char *text);

CalibrationWatch *calibration_watch_new(BenchDevice *bench, const BenchIdentity *identity,
                                        ProfileJournal *journal, const BenchStop *stop,
                                        WatchNote note, gpointer data);
void calibration_watch_free(CalibrationWatch *watch);

/* The first look: times the sentinels and begins a batch. */
gboolean calibration_watch_begin(CalibrationWatch *watch, GError **error);
/* Looks again where it is time to; at the end `finally`, which begins no new batch. */
gboolean calibration_watch_look(CalibrationWatch *watch, gboolean finally, GError **error);

/* The origin of what is measured now. */
guint16 calibration_watch_origin(const CalibrationWatch *watch);
guint calibration_watch_batches(const CalibrationWatch *watch);
guint calibration_watch_marked(const CalibrationWatch *watch);
