/* Host time in a profile of kernel tables, which have none. */
#pragma once

#include "calib/devices/host.h"
#include "profile.h"

/* Variants of OP_HOST: the scheduler's name for steps that run as a captured graph, this suffix for
 * longer ones, where a profile tells them apart. */
#define HOST_EAGER_SUFFIX "/eager"

/* TRUE if the profile has host time of one of our schedulers. */
gboolean profile_has_host(const Profile *profile);

/* TRUE if it has measured host time of steps that are no captured graph. */
gboolean profile_has_eager_host(const Profile *profile, HostScheduler scheduler);

/* Adds the host file's figures of each scheduler, marked as derived, with the file's source, and
 * names the host in the note. A run's costs do not use them: it has a host of its own. Seal the
 * profile again. */
void profile_add_host(Profile *profile, const Host *host);
