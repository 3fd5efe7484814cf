/* A profile as one CSV file: for shipping, reviewing as a diff, and writing by hand.
 * doc/profiles.md describes it. A profile has one text: reading it and writing it again gives the
 * same bytes.
 *
 * A name that ends in .gz is compressed; what is read may be compressed whatever its name. Errors
 * are of file.h; those of a value name file, line and column, what was found and what was
 * expected.
 */
#pragma once

#include "file.h"

/* The text of a sealed profile, appended. */
void profile_text_append(const Profile *profile, GString *text);

/* Of a sealed profile. A profile of that name is replaced, any other file is left alone; "-" is
 * standard output. */
gboolean profile_text_write(const Profile *profile, const char *path, GError **error);

/* The caller frees the profile, which is sealed. */
Profile *profile_text_read(const char *path, GError **error);

/* What is ahead of the rows: a profile without samples. */
Profile *profile_text_read_head(const char *path, GError **error);

/* Reads the file into `profile`: its name and device where that has none, its note added, its
 * origins and samples after those that are there. Not sealed. */
gboolean profile_text_read_into(Profile *profile, const char *path, GError **error);
