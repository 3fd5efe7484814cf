/* The products of all layers, over a step's tokens, from a profile: plain ones from curves of
 * their dtype, routed experts from the tables of such layers. What has no table is modelled.
 */
#pragma once

#include "calib/profile.h"
#include "gemm_fit.h"
#include "profile_attention.h"
#include "roofline.h"

typedef struct ProfileLinear ProfileLinear;

/* Times in picoseconds. */
typedef struct {
  double ps, measured_ps, scaled_ps; /* the rest is modelled */
} ProfileTime;

/* NULL if no product is served. The mixers' products that are part of the attention's blocks are
 * left out (`attention` may be NULL). */
ProfileLinear *profile_linear_new(const Profile *profile, const RooflineConfig *config,
                                  const ProfileAttention *attention);
void profile_linear_free(ProfileLinear *self);

ProfileTime profile_linear_time(const ProfileLinear *self, const WhatIf *what_if, guint64 tokens);

/* The curves of a dtype, if its products go by them; NULL otherwise. They are its own. */
const GemmFit *profile_linear_fit(const ProfileLinear *self, const char *dtype);
