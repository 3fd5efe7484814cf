/* A profile that grows while it is measured: each addition is in the file, or not, as a whole.
 *
 * Calibration writes here, a transaction every second or so. The file is a profile at every moment:
 * any program may read it while it grows, and what a killed calibration leaves behind is resumed by
 * opening it again. Fits must not read held-out points and incomplete rows: these wait in a table
 * of their own, `aside`, until they are promoted.
 *
 * Errors are of file.h.
 */
#pragma once

#include "file.h"

typedef struct ProfileJournal ProfileJournal;

/* Makes the file from `header` (a name, a device, a note, perhaps derived samples), or opens the
 * one that is there: then `header` is not used, *resumed is TRUE, and the seed is what the first
 * start chose. Refuses a profile that no calibration made, and one of another card
 * (measured_device).  */
ProfileJournal *profile_journal_open(const char *path, const Profile *header,
                                     const char *measured_device, guint64 *seed, gboolean *resumed,
                                     GError **error);
void profile_journal_free(ProfileJournal *journal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ProfileJournal, profile_journal_free)

/* What has been measured so far, committed or not; aside or not. NULL: not yet. */
const ProfileSample *profile_journal_find(const ProfileJournal *journal, const ProfileSample *key,
                                          gboolean *aside);

/* A new origin for what comes; its index. */
guint16 profile_journal_add_origin(ProfileJournal *journal, const ProfileOrigin *origin);
/* Says of a batch what was found out after it began. */
void profile_journal_set_source(ProfileJournal *journal, guint16 origin, const char *source);

/* Texts are copied. */
void profile_journal_add(ProfileJournal *journal, const ProfileSample *sample, gboolean aside);
/* Takes a sample from aside into the profile. */
void profile_journal_promote(ProfileJournal *journal, const ProfileSample *key);

gboolean profile_journal_commit(ProfileJournal *journal, GError **error);

/* The profile as it is now, sealed; the journal's. Valid until the next addition. */
const Profile *profile_journal_profile(ProfileJournal *journal);
