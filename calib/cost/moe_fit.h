/* Routed experts of one layer from a profile.
 *
 * Samples are keyed by the products' dtype, hidden size, an expert's width, how many a token passes
 * of how many, and how they are split. How tokens were drawn among the experts is the table's: by a
 * power law that was observed (exponent 1.01 for DeepSeek-V3, 1.2 for Qwen3-235B: aiconfigurator,
 * POWER_LAW_DISTRIBUTION.md), balanced, or, where the table goes by how many experts are touched,
 * each token's alike, E (1 - (1 - k/E)^tokens). Between points the time is the roofline's for the
 * same experts, times the ratio of measured to roofline at the points beside it.
 */
#pragma once

#include "calib/devices/device.h"
#include "calib/profile.h"
#include "sim/model.h"
#include "roofline.h"
#include "what_if.h"

typedef struct MoeFit MoeFit;

/* For one kind of layer on one device; NULL if the profile has no samples of its shape with a
 * usable distribution and split. */
MoeFit *moe_fit_new(const Profile *profile, const Device *device, const Layer *layer,
                    const ExpertSplit *split);
void moe_fit_free(MoeFit *fit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MoeFit, moe_fit_free)

/* The dtype of a layer's routed experts; NULL: it has none. The layer's. */
const char *moe_fit_dtype(const Layer *layer);

/* The variant of OP_MOE that serves, and in *dtype (which may be NULL) what the table calls the
 * experts' dtype; NULL: none does. Valid as long as the profile. */
const char *moe_fit_distribution(const Profile *profile, const Layer *layer,
                                 const ExpertSplit *split, const char **dtype);

/* Whether its times are of the whole feed-forward part: of the router and the shared experts, too
 * (MOE_TOUCHED). */
gboolean moe_fit_holds_block(const MoeFit *fit);

/* Picoseconds for `tokens` of a batch, in each engine. *measured: the split is the table's, and
 * tokens lie in its range. */
double moe_fit_ps(const MoeFit *fit, const WhatIf *what_if, guint64 tokens, gboolean *measured);
