/* Which of this program's kernels a profile's samples are of.
 *
 * Kernels come in kinds (kernels/attention.h: "sm_90a", "sm_90a without decode-lists"), and what
 * they compute takes another time in each: attention, small operations, whole steps, what runs
 * beside copies. Calibrations with several kinds go into one profile, where the kind is part of
 * such a sample's key; products of cuBLASLt and copies are in it once. Costs are of one kind
 * throughout. Tables of other programs name their kernels otherwise, and are of no kind.
 */
#pragma once

#include "profile.h"

/* The kinds that are there, of the newer GPUs' first, and of those first what leaves least out.
 * NULL behind the last; for g_free(), the names are the profile's. */
const char **profile_kernels(const Profile *profile);
/* The same as text: "sm_90a, sm_80". "" for none; the caller frees it. */
char *profile_kernels_text(const Profile *profile);

/* Keeps the samples of one kind and what is of none: of `kernels`, or NULL: of the first. FALSE
 * where there are others only; then the profile is as it was. profile->kernels_left_out has the
 * others. */
gboolean profile_use_kernels(Profile *profile, const char *kernels, GError **error);
