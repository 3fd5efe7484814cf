/* The error of a profile's predictions on samples held out of its fits. */
#pragma once

#include "calib/devices/device.h"
#include "calib/profile.h"

/* The variant of a result over products whose n or k was held out of all pairs, at every m. */
#define PROFILE_CHECK_SHAPES "other shapes"

/* Of one operation, variant and dtype. Errors are relative: |predicted / measured - 1|. */
typedef struct {
  OperationKind operation;
  const char *variant, *dtype; /* the profile's */
  guint32 n;                   /* held out */
  double median, p95, worst;
  gint64 worst_shape[OPERATION_SHAPE_MAX];
  double worst_measured_ns, worst_predicted_ns;
} ProfileCheckResult;

/* A sample that was held out, and what was predicted for it without it. */
typedef struct {
  guint32 sample; /* index into Profile.samples */
  double predicted_ns;
} ProfileCheckPoint;

/* Predicts the samples of a sealed profile that are held out, and appends to `results` (of
 * ProfileCheckResult), in the order of the samples, and to `points` (of ProfileCheckPoint), which
 * may be NULL. device: the one that the profile names, whose roofline is used beyond the samples.
 */
gboolean profile_check(const Profile *profile, const Device *device, GArray *results,
                       GArray *points, GError **error);
