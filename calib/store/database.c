/* Profiles into SQLite: written to a file beside the target in one transaction, then renamed. Texts
 * are columns of each sample, so that the file reads well in any SQLite program; a view for each
 * operation names the fields of its shape. `meta` has the number of samples and the digest of all
 * values, which show a profile that was cut or changed. */
#include "config.h"

#include "database.h"

#include "files/replacement.h"
#include "db.h"
#include "sniff.h"

static gboolean
write_meta(const ProfileDb *db, const Profile *profile, GError **error)
{
  g_autoptr(Statement) statement = profile_db_prepare(db, "INSERT INTO meta VALUES (?, ?)");
  g_autoptr(GDateTime) now = g_date_time_new_now_utc();
  g_autofree char *created = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
  g_autofree char *digest = profile_digest(profile);
  const struct {
    const char *key, *text;
  } texts[] = {
      {"name", profile->name},  {"device", profile->device},
      {"note", profile->note},  {"program_version", PACKAGE_VERSION},
      {"created_utc", created}, {"digest", digest},
  };
  const struct {
    const char *key;
    gint64 value;
  } numbers[] = {{"format", PROFILE_FORMAT},
                 {"samples", profile->samples->len},
                 {"crc32", profile_crc(profile, digest)}};

  if (statement == NULL)
    return profile_db_fail_write(db, error);
  for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
    profile_db_bind_text(statement, 1, texts[i].key);
    profile_db_bind_text(statement, 2, texts[i].text);
    if (!profile_db_insert(db, statement, error))
      return FALSE;
  }
  for (guint i = 0; i < G_N_ELEMENTS(numbers); i++) {
    profile_db_bind_text(statement, 1, numbers[i].key);
    sqlite3_bind_int64(statement, 2, numbers[i].value);
    if (!profile_db_insert(db, statement, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
write_samples(const ProfileDb *db, const Profile *profile, GError **error)
{
  g_autoptr(Statement) statement = profile_db_prepare(db, PROFILE_DB_INSERT_SAMPLE("sample"));

  if (statement == NULL)
    return profile_db_fail_write(db, error);
  for (guint i = 0; i < profile->samples->len; i++)
    if (!profile_db_insert_sample(db, statement, &g_array_index(profile->samples, ProfileSample, i),
                                  error))
      return FALSE;
  return TRUE;
}

/* Into a file that nobody else knows: no journal on disk, no locks of consequence. */
static gboolean
write_file(const Profile *profile, const char *temporary, const char *path, GError **error)
{
  g_auto(ProfileDb) db = {.path = path};
  g_autofree char *schema = profile_db_schema_script();

  if (database_open(temporary, SQLITE_OPEN_READWRITE, 0, &db.sqlite) != SQLITE_OK)
    return profile_db_fail_write(&db, error);
  return profile_db_execute(&db, "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; BEGIN",
                            error) &&
         profile_db_execute(&db, schema, error) && write_meta(&db, profile, error) &&
         profile_db_write_origins(&db, profile, error) && write_samples(&db, profile, error) &&
         profile_db_execute(&db, "COMMIT", error);
}

static gboolean
fail_to_write(const char *path, const char *cause, GError **error)
{
  g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_WRITE, "cannot write %s: %s", path, cause);
  return FALSE;
}

gboolean
profile_store_write(const Profile *profile, const char *path, GError **error)
{
  g_autoptr(GError) why = NULL;
  Replacement *file;
  gboolean worked;
  int cause;

  if (!profile_file_check(profile, path, error) || !profile_file_may_replace(path, error))
    return FALSE;
  if (g_file_test(path, G_FILE_TEST_EXISTS) && !g_file_test(path, G_FILE_TEST_IS_REGULAR))
    return fail_to_write(path, "it is no regular file, as a database has to be", error);
  file = replacement_begin(path, TRUE, &why);
  if (file == NULL)
    return fail_to_write(path, why->message, error);
  worked = write_file(profile, replacement_path(file), path, error);
  cause = replacement_end(file, worked);
  return worked && (cause == 0 || fail_to_write(path, g_strerror(cause), error));
}

static gboolean
save_checks(const ProfileDb *db, const char *kind, const GArray *results, GError **error)
{
  g_autoptr(Statement) statement = NULL;

  statement = profile_db_prepare(db, "DELETE FROM fit WHERE kind = ?");
  if (statement == NULL)
    return profile_db_fail_write(db, error);
  profile_db_bind_text(statement, 1, kind);
  if (!profile_db_insert(db, statement, error))
    return FALSE;
  sqlite3_finalize(g_steal_pointer(&statement));
  statement = profile_db_prepare(db, "INSERT INTO fit VALUES (?,?,?,?,?,?,?,?,?)");
  if (statement == NULL)
    return profile_db_fail_write(db, error);
  for (guint i = 0; i < results->len; i++) {
    const ProfileCheckResult *result = &g_array_index(results, ProfileCheckResult, i);
    profile_db_bind_text(statement, 1, operations[result->operation].name);
    profile_db_bind_text(statement, 2, result->variant);
    profile_db_bind_text(statement, 3, result->dtype);
    profile_db_bind_text(statement, 4, kind);
    sqlite3_bind_int64(statement, 5, result->n);
    sqlite3_bind_double(statement, 6, result->median);
    sqlite3_bind_double(statement, 7, result->p95);
    sqlite3_bind_double(statement, 8, result->worst);
    profile_db_bind_text(statement, 9, PACKAGE_VERSION);
    if (!profile_db_insert(db, statement, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
profile_store_save_checks(const char *path, const char *kind, const GArray *results, GError **error)
{
  g_auto(ProfileDb) db = {.path = path};

  if (!profile_db_open(&db, SQLITE_OPEN_READWRITE, error))
    return FALSE;
  if (profile_db_execute(&db, "BEGIN IMMEDIATE", error) && save_checks(&db, kind, results, error) &&
      profile_db_execute(&db, "COMMIT", error))
    return TRUE;
  sqlite3_exec(db.sqlite, "ROLLBACK", NULL, NULL, NULL);
  return FALSE;
}
