/* What a file is, by how it begins. */
#pragma once

#include "file.h"

typedef enum {
  PROFILE_FILE_UNREADABLE,
  PROFILE_FILE_EMPTY,
  PROFILE_FILE_OTHER,
  PROFILE_FILE_DATABASE, /* SQLite's; whether it is a profile's, profile_store_sniff() tells */
  PROFILE_FILE_TEXT
} ProfileFileKind;

ProfileFileKind profile_file_kind(const char *path);

/* Whether the database is a profile. */
gboolean profile_store_sniff(const char *path);

/* Whether the file begins as a profile of either form does. FALSE for what cannot be read, too. */
gboolean profile_file_sniff(const char *path);

/* FALSE if a file is there already that is no profile: it is not to be overwritten. */
gboolean profile_file_may_replace(const char *path, GError **error);
