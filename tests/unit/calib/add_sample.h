/* One sample of a profile that a test makes, without a kernel's name. */
#pragma once

#include "calib/profile.h"

#include <string.h>

static inline void
add_sample(Profile *profile, OperationKind kind, const char *variant, const char *dtype,
           const gint64 *shape, double ns)
{
  ProfileSample sample = {
      .operation = (guint8)kind, .variant = variant, .dtype = dtype, .kernel = "", .median_ns = ns};

  memcpy(sample.shape, shape, operation_n_shape(kind) * sizeof *shape);
  profile_add(profile, &sample);
}
