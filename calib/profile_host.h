/* Host time in a profile of kernel tables, which have none. */
#pragma once

#include "calib/devices/host.h"
#include "profile.h"

/* Variants of OP_HOST: the scheduler's name for steps that run as a captured graph, this suffix for
 * longer ones, where a profile tells them apart. */
#define HOST_EAGER_SUFFIX "/eager"

/* TRUE if the profile has host time of one of our schedulers. */
gboolean profile_has_host(const Profile *profile);

/* Adds what the host's file says of each scheduler, marked as derived, with the file's source, and
 * says in the note whose it is. Costs are of the host that a run is given, and not of these. The
 * profile is to be sealed again. */
void profile_add_host(Profile *profile, const Host *host);
