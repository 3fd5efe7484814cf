/* A step's attention from a profile's measurements. */
#pragma once

#include "calib/profile.h"
#include "roofline.h"
#include "rounding.h"
#include "sim/units.h"

typedef struct ProfileAttention ProfileAttention;

/* A part of a step: what a dozen of add up to is still a time. */
static inline gint64
profile_round_ps(double ps)
{
  return round_within(ps, TIME_MAX_PS / 64);
}

/* NULL if the profile has no attention for the model's heads. roofline and plain are the device's,
 * with and without the what-if scales; they are borrowed and outlive it. */
ProfileAttention *profile_attention_new(const Profile *profile, const RooflineConfig *config,
                                        CostModel *roofline, CostModel *plain);
void profile_attention_free(ProfileAttention *self);

/* Whether the profile has attention of the shape's kind. */
gboolean profile_attention_has(const ProfileAttention *self, const CostShape *shape);

/* Sets base_ps[COST_ATTENTION], growth_ps and steps, and what of them is measured. The shape has
 * work, of a kind that the profile has. */
void profile_attention_step(ProfileAttention *self, const CostShape *shape, guint32 repeat,
                            CostPiece *piece);
