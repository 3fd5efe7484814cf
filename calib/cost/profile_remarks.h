/* Remarks on where a run's costs come from: dtypes that stand in for others, dtypes and layers that
 * the tables lack, how their tokens choose experts, what graphs spare of their launches, and the
 * machine that the host time is from. They are written into the run's configuration, so its summary
 * and its results show them.
 */
#pragma once

#include "calib/profile.h"
#include "roofline.h"

/* What to say of a model on a profile's tables: one sentence a fact, or none. Free with
 * g_ptr_array_unref(). */
GPtrArray *profile_remarks(const Profile *profile, const Model *model, const ExpertSplit *split);

/* Where the host time of a scheduler's steps is from; the caller frees it. *is_own: it was measured
 * for this profile. Otherwise it is the host file's, of the machine that the text names. profile
 * may be NULL: a device alone. */
char *host_time_source(const Profile *profile, const Host *host, HostScheduler scheduler,
                       gboolean *is_own);
