/* What a run should be told of where its costs come from: dtypes that stand in for others, those
 * that the tables lack, and whose host time it is. Asked when a run's configuration is written, so
 * that its summary and its results say it (report/summary_text.c).
 */
#pragma once

#include "calib/profile.h"
#include "roofline.h"

/* Sentences for people, one a fact; empty where there is nothing to say. Free with
 * g_ptr_array_unref(). Of a model on a profile's tables. */
GPtrArray *profile_remarks(const Profile *profile, const Model *model, const ExpertSplit *split);

/* Where the host time of a scheduler's steps is from; the caller frees it. *is_own: it was measured
 * for this profile. Otherwise it is the device file's, which is of the one machine that the text
 * names. profile may be NULL: a device alone. */
char *host_time_source(const Profile *profile, const Host *host, HostScheduler scheduler,
                       gboolean *is_own);
