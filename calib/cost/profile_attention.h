/* A step's mixers from a profile's measurements: attention of each kind that a model's layers have,
 * and layers with a state. What the profile lacks for a kind is the roofline of those layers.
 */
#pragma once

#include "calib/profile.h"
#include "roofline.h"

typedef struct ProfileAttention ProfileAttention;

/* NULL if the profile has nothing for any kind. roofline and plain are the device's, with and
 * without the what-if scales; they are borrowed and outlive it. */
ProfileAttention *profile_attention_new(const Profile *profile, const RooflineConfig *config,
                                        CostModel *roofline, CostModel *plain);
void profile_attention_free(ProfileAttention *self);

/* Whether the time of the model's layers of kind `i` holds their mixer's products. */
gboolean profile_attention_has_products(const ProfileAttention *self, guint i);

/* Sets base_ps[COST_ATTENTION], and what of it is measured; of a step without prefills growth_ps
 * and steps, too. The shape has work. */
void profile_attention_step(ProfileAttention *self, const CostShape *shape, guint32 repeat,
                            CostPiece *piece);
