/* Connections to a profile's database: what is refused, and the messages. */
#include "config.h"

#include "db.h"

void
profile_db_close(ProfileDb *db)
{
  sqlite3_close(db->sqlite);
}

gboolean
profile_db_fail_write(const ProfileDb *db, GError **error)
{
  g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_WRITE, "cannot write %s: %s", db->path,
              sqlite3_errmsg(db->sqlite));
  return FALSE;
}

gboolean
profile_db_fail_read(const ProfileDb *db, GError **error)
{
  int code = sqlite3_errcode(db->sqlite) & 0xff;

  switch (code) {
  case SQLITE_CORRUPT:
  case SQLITE_TOOBIG:
  case SQLITE_INTERRUPT: /* more steps than a file of its length can need */
  case SQLITE_NOTADB:
  case SQLITE_ERROR: /* a table or a column that is not there */
    g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_DAMAGED,
                "%s is damaged (%s); " PROFILE_SUPPLIED_BY, db->path, sqlite3_errmsg(db->sqlite));
    break;
  default:
    g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_OPEN, "cannot read %s: %s", db->path,
                sqlite3_errmsg(db->sqlite));
  }
  return FALSE;
}

gboolean
profile_db_execute(const ProfileDb *db, const char *sql, GError **error)
{
  return sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL) == SQLITE_OK ||
         profile_db_fail_write(db, error);
}

Statement *
profile_db_prepare(const ProfileDb *db, const char *sql)
{
  Statement *statement = NULL;

  sqlite3_prepare_v2(db->sqlite, sql, -1, &statement, NULL);
  return statement;
}

void
profile_db_bind_text(Statement *statement, int column, const char *text)
{
  sqlite3_bind_text(statement, column, text, -1, SQLITE_STATIC);
}

gboolean
profile_db_insert(const ProfileDb *db, Statement *statement, GError **error)
{
  if (sqlite3_step(statement) != SQLITE_DONE)
    return profile_db_fail_write(db, error);
  sqlite3_reset(statement);
  return TRUE;
}

gboolean
profile_db_query_int(const ProfileDb *db, const char *sql, gint64 *value, GError **error)
{
  g_autoptr(Statement) statement = profile_db_prepare(db, sql);

  if (statement == NULL || sqlite3_step(statement) != SQLITE_ROW)
    return sqlite3_errcode(db->sqlite) == SQLITE_DONE ? (*value = -1, TRUE)
                                                      : profile_db_fail_read(db, error);
  *value = sqlite3_column_int64(statement, 0);
  return TRUE;
}

gboolean
profile_db_damaged(const ProfileDb *db, const char *what, GError **error)
{
  g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_DAMAGED,
              "%s is damaged: %s; " PROFILE_SUPPLIED_BY, db->path, what);
  return FALSE;
}

static gboolean
check_format(const ProfileDb *db, GError **error)
{
  gint64 application_id, format;

  if (!profile_db_query_int(db, "PRAGMA application_id", &application_id, error))
    return FALSE;
  if (application_id != PROFILE_APPLICATION_ID) {
    g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_FOREIGN,
                "%s is a database of something else, not a profile; 'spillway profile import PATH… "
                "-o FILE.db' makes one",
                db->path);
    return FALSE;
  }
  if (!profile_db_query_int(db, "SELECT value FROM meta WHERE key = 'format'", &format, error))
    return FALSE;
  if (format == PROFILE_FORMAT)
    return TRUE;
  g_set_error(error, PROFILE_ERROR,
              format > PROFILE_FORMAT ? PROFILE_ERROR_NEWER : PROFILE_ERROR_FOREIGN,
              "%s has the profile format %" G_GINT64_FORMAT
              ", this program (spillway " PACKAGE_VERSION ") reads format %d; %s",
              db->path, format, PROFILE_FORMAT,
              format > PROFILE_FORMAT
                  ? "read it with the newer program; 'spillway profile export' there and 'spillway "
                    "profile import' here may carry it over"
                  : PROFILE_SUPPLIED_BY);
  return FALSE;
}

/* TRUE if the file's tables are defined as this program defines them. Files of older programs have
 * no view of an operation that came later. */
static gboolean
check_tables(const ProfileDb *db, GError **error)
{
  const char *optional[OPERATIONS - OPERATION_FIRST_LATER + 2] = {"aside"};
  g_autofree char *schema = profile_db_schema_script();
  g_autofree char *script = g_strconcat(schema, PROFILE_DB_ASIDE_SCRIPT, NULL);
  g_autofree char *fault = NULL;
  gboolean failed;

  for (guint i = OPERATION_FIRST_LATER; i < OPERATIONS; i++)
    optional[i - OPERATION_FIRST_LATER + 1] = operations[i].name;
  fault = database_schema_fault(db->sqlite, "main", script, optional, &failed);
  if (failed && fault == NULL)
    return profile_db_fail_read(db, error);
  if (failed) {
    g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_OPEN, "%s: %s", db->path, fault);
    return FALSE;
  }
  return fault == NULL || profile_db_damaged(db, fault, error);
}

/* An empty database file would be made into one. No thread shares the connection, so it has no
 * locks, which cost a tenth of the time that a profile is read in. */
gboolean
profile_db_open(ProfileDb *db, int flags, GError **error)
{
  const char *refusal = database_refusal(db->path);

  if (refusal != NULL) {
    g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_OPEN, "%s: %s; expected a profile's file",
                db->path, refusal);
    return FALSE;
  }
  if (database_open(db->path, flags | SQLITE_OPEN_NOMUTEX, PROFILE_LOCK_WAIT_MS, &db->sqlite) !=
      SQLITE_OK)
    return profile_db_fail_read(db, error);
  return check_format(db, error) && check_tables(db, error);
}

enum { COLUMN_SHAPE = 3, COLUMN_TIMES = COLUMN_SHAPE + OPERATION_SHAPE_MAX };

gboolean
profile_db_insert_sample(const ProfileDb *db, Statement *statement, const ProfileSample *sample,
                         GError **error)
{
  guint n_shape = operation_n_shape(sample->operation);

  profile_db_bind_text(statement, 1, operations[sample->operation].name);
  profile_db_bind_text(statement, 2, sample->variant);
  profile_db_bind_text(statement, 3, sample->dtype);
  for (guint s = 0; s < OPERATION_SHAPE_MAX; s++) {
    if (s < n_shape)
      sqlite3_bind_int64(statement, COLUMN_SHAPE + 1 + (int)s, sample->shape[s]);
    else
      sqlite3_bind_null(statement, COLUMN_SHAPE + 1 + (int)s);
  }
  sqlite3_bind_double(statement, COLUMN_TIMES + 1, sample->median_ns);
  sqlite3_bind_double(statement, COLUMN_TIMES + 2, sample->p10_ns);
  sqlite3_bind_double(statement, COLUMN_TIMES + 3, sample->p90_ns);
  sqlite3_bind_int64(statement, COLUMN_TIMES + 4, sample->count);
  profile_db_bind_text(statement, COLUMN_TIMES + 5, sample->kernel);
  sqlite3_bind_int64(statement, COLUMN_TIMES + 6, sample->derived != 0);
  sqlite3_bind_int64(statement, COLUMN_TIMES + 7, sample->origin);
  return profile_db_insert(db, statement, error);
}

gboolean
profile_db_write_origins(const ProfileDb *db, const Profile *profile, GError **error)
{
  g_autoptr(Statement) statement =
      profile_db_prepare(db, "INSERT OR REPLACE INTO origin VALUES (?,?,?,?,?,?,?,?,?,?)");

  if (statement == NULL)
    return profile_db_fail_write(db, error);
  for (guint i = 0; i < profile->origins->len; i++) {
    const ProfileOrigin *origin = &g_array_index(profile->origins, ProfileOrigin, i);
    sqlite3_bind_int64(statement, 1, i);
    for (guint field = 0; field < PROFILE_ORIGIN_FIELDS; field++)
      profile_db_bind_text(statement, (int)field + 2, profile_origin_get(origin, field));
    if (!profile_db_insert(db, statement, error))
      return FALSE;
  }
  return TRUE;
}
