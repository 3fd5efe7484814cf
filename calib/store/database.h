/* A profile as a SQLite file. doc/profiles.md has its tables.
 *
 * A file is written as a whole and then takes its name, so that it is there completely or not at
 * all; reading never changes it. Errors are of file.h.
 */
#pragma once

#include "calib/cost/profile_check.h"
#include "file.h"

/* Of a sealed profile. A profile of that name is replaced, any other file is left alone. */
gboolean profile_store_write(const Profile *profile, const char *path, GError **error);

/* The caller frees the profile, which is sealed. */
Profile *profile_store_read(const char *path, GError **error);

/* Puts what profile_check() found in the file, in place of what an earlier check put there. `kind`:
 * what the fit is. */
gboolean profile_store_save_checks(const char *path, const char *kind, const GArray *results,
                                   GError **error);
