/* Matrix products from a profile: a curve over m for each measured (n, k, dtype).
 *
 * A product's time has steps where m passes a multiple of the kernel's tile. The tile is the one
 * that predicts best: each point is held out in turn and predicted from the others. Between
 * measured pairs (n, k), at most a factor WIDEST_HOLE apart in n and in k, time is interpolated
 * over k, and over how often the tiles of n and m fill the multiprocessors. Each octave of m has
 * the tile that best predicts held-out pairs; where none is clearly better, time is interpolated
 * over n. Any other pair takes the roofline times the ratio of measured to roofline at the nearest
 * pairs, and counts as scaled.
 */
#pragma once

#include "calib/devices/device.h"
#include "calib/profile.h"
#include "what_if.h"

typedef struct GemmFit GemmFit;

/* From samples of this dtype alone (dtype.h); NULL if the profile has none. The device's roofline
 * fills in between and beyond the points. `skip` (or NULL) leaves out samples for which it returns
 * TRUE. */
typedef gboolean (*SampleFilter)(const ProfileSample *sample, gpointer user_data);
GemmFit *gemm_fit_new(const Profile *profile, const Device *device, const char *dtype,
                      SampleFilter skip, gpointer user_data);
/* The same of all samples, kept with the profile for the next that asks. A reference: free it. */
GemmFit *gemm_fit_of(const Profile *profile, const Device *device, const char *dtype);
void gemm_fit_free(GemmFit *fit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GemmFit, gemm_fit_free)

/* Time of one product, in picoseconds. *measured: (n, k) is in the profile or between pairs that
 * are, and m is in their range. */
double gemm_fit_ps(const GemmFit *fit, const WhatIf *what_if, guint64 m, guint64 n, guint64 k,
                   gboolean *measured);
