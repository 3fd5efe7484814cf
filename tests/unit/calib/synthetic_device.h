/* A device whose true costs are known, for tests of the calibration. Its clock is its own: what it
 * "measures" takes its time there, and next to none of the test's. */
#pragma once

#include "calib/measure/bench.h"

typedef struct {
  guint64 seed;
  double noise;              /* relative deviation of a timing */
  double drift;              /* relative growth of all times an hour of its clock */
  double throttle_after_s;   /* then times are 1.3 x; 0: never */
  gboolean is_busy;          /* another process is on the card */
  double memory_limit_bytes; /* of one operation; 0: what the card has */
  OperationKind failing;     /* an operation that always goes wrong; OP_HOST: none */
  const char *without_dtype; /* that the card cannot do; NULL: none */
  guint lost_after;          /* measurements; 0: never */
  double each_s;             /* that a measurement takes beyond its timings, on its own clock */
  guint sleep_us;            /* real time that each measurement takes */
  gboolean is_refused;       /* identifying it fails, with this: */
  BenchError refusal;
  const char *card; /* as the driver calls it; NULL: an H100 */
} SyntheticOptions;

BenchDevice *synthetic_device_new(const SyntheticOptions *options);

/* The true time of a shape. */
double synthetic_true_ns(const ProfileSample *key);
/* How often a key was measured; and all keys together. */
guint synthetic_count(BenchDevice *device, const ProfileSample *key);
guint synthetic_total(BenchDevice *device);
