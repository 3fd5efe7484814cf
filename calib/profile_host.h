/* Host time in a profile of kernel tables, which have none. */
#pragma once

#include "calib/devices/device.h"
#include "profile.h"

/* Variants of OP_HOST: the scheduler's name for steps that run as a captured graph, this suffix for
 * longer ones, where a profile tells them apart. */
#define HOST_EAGER_SUFFIX "/eager"

/* TRUE if the profile has host time of one of our schedulers. */
gboolean profile_has_host(const Profile *profile);

/* Adds what the device's file says of each scheduler's host time, marked as derived, with the
 * file's source. The profile is to be sealed again. */
void profile_add_host(Profile *profile, const Device *device);
