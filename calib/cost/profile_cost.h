/* The cost model of a profile: a step assembled from measured operations.
 *
 *   linear       the model's products, each from its curve over the step's tokens
 *   attention    one kernel a layer for the whole batch; of decodes of unequal lengths the longest
 *                counts for more than the mean has of it (attention_skew.h)
 *   elementwise  two norms, rotary embedding and activation a layer, embedding and last norm; the
 *                residual, the KV write and norms of queries and keys where the profile has them,
 *                else they are part of those; without what is in the time of a block of experts
 *   head         the output head's product and sampling, by sequences
 *   comm, host, copies   from the profile where it has them
 *   launches     what a captured graph spares of kernels that were timed one by one
 *                (launch_spared.h): less of linear, elementwise and attention
 *   residual     what whole steps of this model were measured to take beyond the sum of the above:
 *                counted as elementwise, or taken off it and the products
 *
 * What is missing comes from the device's roofline and is not counted as measured. Between points a
 * decode step's attention is affine in the total context, with integer slopes, so the law of
 * sim/cost.h holds: a piece ends where the next pair of points begins.
 */
#pragma once

#include "calib/profile.h"
#include "roofline.h"

#define PROFILE_COST_ERROR (profile_cost_error_quark())
GQuark profile_cost_error_quark(void);
typedef enum {
  PROFILE_COST_ERROR_LACKS, /* it has neither products nor attention for this model */
} ProfileCostError;

/* config->device is the device that the profile names. The profile is needed during the call only.
 */
CostModel *profile_cost_new(const Profile *profile, const RooflineConfig *config, GError **error);
