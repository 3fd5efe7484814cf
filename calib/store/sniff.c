#include "config.h"

#include "sniff.h"

#include <string.h>
#include <zlib.h>

#include "db.h"

static const char sqlite_magic[] = "SQLite format 3";

/* gzread() takes plain files as they are. */
ProfileFileKind
profile_file_kind(const char *path)
{
  char head[sizeof PROFILE_TEXT_MAGIC] = "";
  gzFile file;
  int n;

  if (!g_file_test(path, G_FILE_TEST_IS_REGULAR) || (file = gzopen(path, "rb")) == NULL)
    return PROFILE_FILE_UNREADABLE;
  n = gzread(file, head, sizeof head - 1);
  gzclose(file);
  if (n == 0)
    return PROFILE_FILE_EMPTY;
  if (n > 0 && g_str_has_prefix(head, sqlite_magic))
    return PROFILE_FILE_DATABASE;
  return n > 0 && g_str_equal(head, PROFILE_TEXT_MAGIC) ? PROFILE_FILE_TEXT : PROFILE_FILE_OTHER;
}

gboolean
profile_store_sniff(const char *path)
{
  g_auto(ProfileDb) db = {.path = path};
  gint64 application_id = 0;

  return database_refusal(path) == NULL &&
         database_open(path, SQLITE_OPEN_READONLY, PROFILE_LOCK_WAIT_MS, &db.sqlite) == SQLITE_OK &&
         profile_db_query_int(&db, "PRAGMA application_id", &application_id, NULL) &&
         application_id == PROFILE_APPLICATION_ID;
}

gboolean
profile_file_sniff(const char *path)
{
  ProfileFileKind kind = profile_file_kind(path);

  return kind == PROFILE_FILE_TEXT || (kind == PROFILE_FILE_DATABASE && profile_store_sniff(path));
}

gboolean
profile_file_may_replace(const char *path, GError **error)
{
  ProfileFileKind kind = profile_file_kind(path);

  if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
    g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_WRITE,
                "cannot write a profile to %s: it is a folder; name a file", path);
    return FALSE;
  }
  if (kind == PROFILE_FILE_UNREADABLE || kind == PROFILE_FILE_EMPTY || profile_file_sniff(path))
    return TRUE;
  g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_WRITE,
              "%s is there already and is no profile; it was left as it is, name another file",
              path);
  return FALSE;
}
