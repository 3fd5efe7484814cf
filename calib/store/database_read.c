/* Profiles from SQLite. A file whose number of samples or digest does not fit was cut or changed,
 * and is refused. */
#include "database.h"

#include "db.h"

enum { COLUMN_SHAPE = 3, COLUMN_TIMES = COLUMN_SHAPE + OPERATION_SHAPE_MAX, SAMPLE_COLUMNS = 19 };

/* NULL where there is none, or the file cannot be read, which was found out before. */
char *
profile_db_query_meta(const ProfileDb *db, const char *key)
{
  g_autoptr(Statement) statement = profile_db_prepare(db, "SELECT value FROM meta WHERE key = ?");

  if (statement == NULL)
    return NULL;
  profile_db_bind_text(statement, 1, key);
  if (sqlite3_step(statement) != SQLITE_ROW)
    return NULL;
  return g_strdup((const char *)sqlite3_column_text(statement, 0));
}

static const char *
column_text(Statement *statement, int column)
{
  const char *text = (const char *)sqlite3_column_text(statement, column);

  return text != NULL ? text : "";
}

static gboolean
read_origins(const ProfileDb *db, Profile *profile, GError **error)
{
  g_autoptr(GString) sql = g_string_new("SELECT id");
  g_autoptr(Statement) statement = NULL;
  int result;

  for (guint i = 0; i < PROFILE_ORIGIN_FIELDS; i++)
    g_string_append_printf(sql, ", %s", profile_origin_fields[i]);
  g_string_append(sql, " FROM origin ORDER BY id");
  statement = profile_db_prepare(db, sql->str);
  if (statement == NULL)
    return profile_db_fail_read(db, error);
  while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
    ProfileOrigin origin;
    if (sqlite3_column_int64(statement, 0) != profile->origins->len ||
        profile->origins->len == G_MAXUINT16)
      return profile_db_damaged(db, "its origins are not numbered from 0", error);
    for (guint field = 0; field < PROFILE_ORIGIN_FIELDS; field++)
      profile_origin_set(&origin, field, column_text(statement, (int)field + 1));
    profile_add_origin(profile, &origin);
  }
  return result == SQLITE_DONE || profile_db_fail_read(db, error);
}

/* Columns are in the order of the table; a shape's depend on the operation. */
static gboolean
has_types(Statement *statement)
{
  static const struct {
    int column, type;
  } expected[] = {
      {0, SQLITE_TEXT},
      {1, SQLITE_TEXT},
      {2, SQLITE_TEXT},
      {COLUMN_TIMES, SQLITE_FLOAT},
      {COLUMN_TIMES + 1, SQLITE_FLOAT},
      {COLUMN_TIMES + 2, SQLITE_FLOAT},
      {COLUMN_TIMES + 3, SQLITE_INTEGER},
      {COLUMN_TIMES + 4, SQLITE_TEXT},
      {COLUMN_TIMES + 5, SQLITE_INTEGER},
      {COLUMN_TIMES + 6, SQLITE_INTEGER},
  };

  for (guint i = 0; i < G_N_ELEMENTS(expected); i++)
    if (sqlite3_column_type(statement, expected[i].column) != expected[i].type)
      return FALSE;
  return TRUE;
}

static gboolean
read_sample(const ProfileDb *db, Statement *statement, Profile *profile, GError **error)
{
  gint64 count = sqlite3_column_int64(statement, COLUMN_TIMES + 3);
  gint64 origin = sqlite3_column_int64(statement, COLUMN_TIMES + 6);
  OperationKind kind;
  ProfileSample sample = {
      .variant = column_text(statement, 1),
      .dtype = column_text(statement, 2),
      .median_ns = sqlite3_column_double(statement, COLUMN_TIMES),
      .p10_ns = sqlite3_column_double(statement, COLUMN_TIMES + 1),
      .p90_ns = sqlite3_column_double(statement, COLUMN_TIMES + 2),
      .kernel = column_text(statement, COLUMN_TIMES + 4),
      .derived = sqlite3_column_int(statement, COLUMN_TIMES + 5) != 0,
  };

  if (!has_types(statement))
    return profile_db_damaged(db, "a sample has a value of another type", error);
  if (!operation_find(column_text(statement, 0), &kind))
    return profile_db_damaged(db, "a sample is of an operation that there is not", error);
  if (origin < 0 || origin >= profile->origins->len)
    return profile_db_damaged(db, "a sample is of an origin that there is not", error);
  if (count < 0 || count > G_MAXUINT32)
    return profile_db_damaged(db, "a sample's count is out of range", error);
  sample.operation = (guint8)kind;
  sample.origin = (guint16)origin;
  sample.count = (guint32)count;
  for (guint s = 0; s < operation_n_shape(kind); s++) {
    if (sqlite3_column_type(statement, COLUMN_SHAPE + (int)s) != SQLITE_INTEGER)
      return profile_db_damaged(db, "a sample's shape is no whole number", error);
    sample.shape[s] = sqlite3_column_int64(statement, COLUMN_SHAPE + (int)s);
  }
  if (profile_sample_fault(&sample) != NULL)
    return profile_db_damaged(db, profile_sample_fault(&sample), error);
  profile_add(profile, &sample);
  return TRUE;
}

gboolean
profile_db_read_samples(const ProfileDb *db, const char *select, Profile *profile, GError **error)
{
  g_autoptr(Statement) statement = profile_db_prepare(db, select);
  int result;

  if (statement == NULL)
    return profile_db_fail_read(db, error);
  if (sqlite3_column_count(statement) != SAMPLE_COLUMNS)
    return profile_db_damaged(db, "its table of samples has other columns", error);
  while ((result = sqlite3_step(statement)) == SQLITE_ROW)
    if (!read_sample(db, statement, profile, error))
      return FALSE;
  return result == SQLITE_DONE || profile_db_fail_read(db, error);
}

/* Checks the number of samples first: of a file that was cut it says more than a digest does. */
static gboolean
check_whole(const ProfileDb *db, Profile *profile, GError **error)
{
  g_autofree char *digest = profile_db_query_meta(db, "digest");
  g_autofree char *what = NULL;
  gint64 samples, crc;

  if (!profile_db_query_int(db, "SELECT value FROM meta WHERE key = 'samples'", &samples, error) ||
      !profile_db_query_int(db, "SELECT value FROM meta WHERE key = 'crc32'", &crc, error) ||
      !profile_file_check(profile, db->path, error))
    return FALSE;
  if (samples != profile->samples->len) {
    what = g_strdup_printf("it had %" G_GINT64_FORMAT " samples and has %u", samples,
                           profile->samples->len);
    return profile_db_damaged(db, what, error);
  }
  if (digest != NULL && crc == profile_crc(profile, digest)) {
    profile->digest_read = g_steal_pointer(&digest);
    return TRUE;
  }
  profile->digest_read = profile_digest(profile); /* files of earlier programs have no CRC */
  return g_strcmp0(digest, profile->digest_read) == 0 ||
         profile_db_damaged(
             db,
             "its values are not those that were written (to change a profile by hand, export "
             "it, edit the CSV file, and import that)",
             error);
}

Profile *
profile_store_read(const char *path, GError **error)
{
  g_auto(ProfileDb) db = {.path = path};
  g_autoptr(Profile) profile = NULL;
  g_autofree char *name = NULL, *device = NULL;

  if (!profile_db_open(&db, SQLITE_OPEN_READONLY, error))
    return NULL;
  name = profile_db_query_meta(&db, "name");
  device = profile_db_query_meta(&db, "device");
  profile = profile_new(name != NULL ? name : "", device != NULL ? device : "");
  g_free(profile->note);
  profile->note = profile_db_query_meta(&db, "note");
  if (profile->note == NULL)
    profile->note = g_strdup("");
  if (!read_origins(&db, profile, error) ||
      !profile_db_read_samples(&db, "SELECT * FROM sample ORDER BY rowid", profile, error))
    return NULL;
  profile_seal(profile);
  return check_whole(&db, profile, error) ? g_steal_pointer(&profile) : NULL;
}
