#include "read.h"

#include "database.h"
#include "sniff.h"
#include "text.h"

Profile *
profile_read(const char *path, GError **error)
{
  return profile_file_kind(path) == PROFILE_FILE_DATABASE ? profile_store_read(path, error)
                                                          : profile_text_read(path, error);
}
