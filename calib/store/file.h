/* Profiles in files: what the two forms share. database.h has the database, text.h the text; both
 * hold the same.
 *
 * Errors (PROFILE_ERROR) name the file and, where rows or tables are missing, the command that
 * supplies them.
 */
#pragma once

#include "calib/profile.h"

#define PROFILE_FORMAT 1                         /* of both forms */
#define PROFILE_TEXT_MAGIC "# spillway-profile " /* begins a text */

/* What is wrong with a sample's numbers, or NULL: times are finite and positive (host time may be
 * 0), shapes not negative. */
const char *profile_sample_fault(const ProfileSample *sample);

/* FALSE if the profile lacks what every one has: a name, a device, samples, each one valid. `path`
 * is for the message. */
gboolean profile_file_check(const Profile *profile, const char *path, GError **error);

/* SHA-256 of what a profile holds, as hexadecimal text: the same whichever form it came from, and
 * different if any value is. Of a sealed profile; the caller frees it. */
char *profile_digest(const Profile *profile);
/* CRC-32 of the same contents and of the digest. It checks both in a fraction of the time that a
 * digest takes. */
guint32 profile_crc(const Profile *profile, const char *known_digest);
/* The digest of a profile that has not changed since it was read; one from a database is not
 * computed again. */
char *profile_digest_as_read(const Profile *profile);

/* The fields of an origin, by the names that both forms give them. */
enum { PROFILE_ORIGIN_FIELDS = 9 };
extern const char *const profile_origin_fields[PROFILE_ORIGIN_FIELDS];
const char *profile_origin_get(const ProfileOrigin *origin, guint field);
void profile_origin_set(ProfileOrigin *origin, guint field, const char *text);
