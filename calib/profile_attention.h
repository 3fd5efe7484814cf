/* A step's attention from a profile's measurements. */
#pragma once

#include "profile.h"
#include "roofline.h"

typedef struct ProfileAttention ProfileAttention;

/* NULL if the profile has no attention for the model's heads. roofline and plain are the device's,
 * with and without the what-if scales; they are borrowed and outlive it. */
ProfileAttention *profile_attention_new(const Profile *profile, const RooflineConfig *config,
                                        CostModel *roofline, CostModel *plain);
void profile_attention_free(ProfileAttention *self);

/* Sets base_ps[COST_ATTENTION], growth_ps and steps, and what of them is measured; leaves the piece
 * as it is where the profile has no attention of that kind. The shape has work. */
void profile_attention_step(ProfileAttention *self, const CostShape *shape, guint32 repeat,
                            CostPiece *piece);
