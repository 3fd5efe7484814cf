/* What reading and writing a profile's database share: a connection that names its file in errors,
 * which are of file.h. Internal to database.c, database_read.c
 * and journal.c.
 */
#pragma once

#include "files/database.h"
#include "file.h"

#include <sqlite3.h>

#define PROFILE_APPLICATION_ID 0x53706c50 /* "SplP" */
#define PROFILE_LOCK_WAIT_MS 10000
#define PROFILE_SUPPLIED_BY                                                                         \
  "make it again with 'spillway profile import PATH… -o FILE.db' from published tables, or with " \
  "'spillway calibrate' on a GPU"

typedef struct {
  sqlite3 *sqlite;
  const char *path; /* for messages */
} ProfileDb;

void profile_db_close(ProfileDb *db);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ProfileDb, profile_db_close)

typedef sqlite3_stmt Statement;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Statement, sqlite3_finalize)

/* The statements that make all that a profile has, without rows; for the caller to free. */
char *profile_db_schema_script(void);
/* What a calibration adds: samples that it keeps aside. */
#define PROFILE_DB_ASIDE_SCRIPT                                                                    \
  "CREATE TABLE IF NOT EXISTS aside AS SELECT * FROM sample WHERE 0;"                              \
  "CREATE INDEX IF NOT EXISTS aside_key ON aside (operation, variant, dtype, s0, s1);"

/* Opens db->path as it is, with SQLite's flags; refuses what is no profile of this format, with
 * tables as this program makes them. */
gboolean profile_db_open(ProfileDb *db, int flags, GError **error);

/* These set an error from the connection's last result. FALSE. */
gboolean profile_db_fail_write(const ProfileDb *db, GError **error);
gboolean profile_db_fail_read(const ProfileDb *db, GError **error);
/* "… is damaged: WHAT; COMMANDS". FALSE. */
gboolean profile_db_damaged(const ProfileDb *db, const char *what, GError **error);

gboolean profile_db_execute(const ProfileDb *db, const char *sql, GError **error);
/* NULL if the statement does not fit the file. */
Statement *profile_db_prepare(const ProfileDb *db, const char *sql);
/* The text is to outlive the step. */
void profile_db_bind_text(Statement *statement, int column, const char *text);
/* Runs the statement and makes it ready for the next row. */
gboolean profile_db_insert(const ProfileDb *db, Statement *statement, GError **error);
/* The first column of the first row, -1 where there is no row. */
gboolean profile_db_query_int(const ProfileDb *db, const char *sql, gint64 *value, GError **error);

/* A row of a table with the columns of `sample`. */
#define PROFILE_DB_INSERT_SAMPLE(table)                                                            \
  "INSERT INTO " table " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
gboolean profile_db_insert_sample(const ProfileDb *db, Statement *statement,
                                  const ProfileSample *sample, GError **error);
/* All of the profile's, in place of what is there. */
gboolean profile_db_write_origins(const ProfileDb *db, const Profile *profile, GError **error);
/* Adds the rows of a table with the columns of `sample`; `select` is "SELECT * FROM …". */
gboolean profile_db_read_samples(const ProfileDb *db, const char *select, Profile *profile,
                                 GError **error);
/* NULL where there is none. The caller frees it. */
char *profile_db_query_meta(const ProfileDb *db, const char *key);
