/* What a profile has, and what it lacks for a model's step: for `spillway profile show` and after
 * an import.
 */
#pragma once

#include "profile.h"

/* The samples of one operation, variant and dtype. Texts are the profile's. */
typedef struct {
  OperationKind operation;
  const char *variant, *dtype;
  guint first, n; /* in Profile.samples */
  guint n_derived;
  guint n_spread; /* samples whose p10 and p90 differ */
  double spread;  /* of those, the median of (p90 - p10) / median */
  gint64 low[OPERATION_SHAPE_MAX], high[OPERATION_SHAPE_MAX];
  double low_ns, high_ns; /* the least and the largest median */
} ProfileGroup;

/* Of a sealed profile, in its order. The caller unrefs the array of ProfileGroup. */
GArray *profile_groups(const Profile *profile);

/* Something that a step of a model takes, which profiles should have. */
typedef struct {
  const char *what;        /* "attention of prefills" */
  const char *used_for;    /* "every step" */
  const char *supplied_by; /* the commands that measure or import it */
} ProfileNeed;

/* What no sample covers: the roofline stands in there. The caller unrefs the array of const
 * ProfileNeed *. */
GPtrArray *profile_missing(const Profile *profile);
