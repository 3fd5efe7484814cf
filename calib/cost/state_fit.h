/* Layers that keep a state (Mamba 2, gated delta) from a profile's kernels: one over the inputs
 * that the convolution sees, one that carries the state on, each for prefills and for decodes.
 */
#pragma once

#include "calib/profile.h"
#include "sim/layer.h"

typedef struct StateFit StateFit;

/* For a mixer on one of `tp` devices; samples must have exactly its shape: hidden, groups, widths,
 * heads, convolution. NULL unless there are both kernels, each for prefills and for decodes. */
StateFit *state_fit_new(const Profile *profile, const Mixer *mixer, guint32 hidden, guint32 tp,
                        const char *dtype);
void state_fit_free(StateFit *fit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StateFit, state_fit_free)

/* One layer's time in picoseconds for `sequences` of `tokens` each; 0 for none. *inside stays TRUE
 * within the measured range. */
double state_fit_ps(const StateFit *fit, gboolean is_decode, double sequences, double tokens,
                    gboolean *inside);
