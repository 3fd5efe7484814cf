#include "config.h"

#include "database.h"

#include <stdio.h>
#include <sys/stat.h>

/* A statement's steps: what the smallest file may take, and what each byte adds. Reading a row of
 * twenty bytes takes some tens of steps, so that only what never ends comes here. */
#define STEPS_OF_ANY_FILE G_GINT64_CONSTANT(200000000)
#define STEPS_A_BYTE 64
#define STEPS_A_CALL 1000000

/* Of a connection, freed with it. */
typedef struct {
  sqlite3 *db;
  gint64 calls; /* of on_progress(), since the statement began */
} Budget;

const char *
database_refusal(const char *path)
{
  struct stat status;

  if (*path == '\0')
    return "the name is empty";
  if (stat(path, &status) != 0 || S_ISREG(status.st_mode))
    return NULL;
  return S_ISDIR(status.st_mode) ? "it is a folder" : "it is no regular file";
}

/* SQLite takes "file:…" for a URI and ":memory:" for no file. */
static char *
file_name(const char *path)
{
  return g_path_is_absolute(path) ? g_strdup(path) : g_strconcat("./", path, NULL);
}

static gint64
file_bytes(const char *path)
{
  struct stat status;

  return path != NULL && stat(path, &status) == 0 ? (gint64)status.st_size : 0;
}

/* What a schema's file has, with what its log will add. */
static gint64
schema_bytes(sqlite3 *db, const char *schema)
{
  const char *path = sqlite3_db_filename(db, schema);
  g_autofree char *log = path != NULL ? g_strconcat(path, "-wal", NULL) : NULL;

  return file_bytes(path) + file_bytes(log);
}

/* Another result than 0 ends the statement with SQLITE_INTERRUPT. */
static int
on_progress(void *data)
{
  Budget *budget = data;

  budget->calls++;
  return budget->calls * STEPS_A_CALL >
         STEPS_OF_ANY_FILE + STEPS_A_BYTE * (schema_bytes(budget->db, "main") +
                                             schema_bytes(budget->db, DATABASE_ATTACHED));
}

static int
on_statement(unsigned kind G_GNUC_UNUSED, void *data, void *statement G_GNUC_UNUSED,
             void *sql G_GNUC_UNUSED)
{
  Budget *budget = data;

  budget->calls = 0;
  return 0;
}

static void
no_function(sqlite3_context *context, int n G_GNUC_UNUSED, sqlite3_value **values G_GNUC_UNUSED)
{
  sqlite3_result_null(context);
}

static void
limit_steps(sqlite3 *db)
{
  Budget *budget = g_new0(Budget, 1);

  budget->db = db;
  /* A function that nobody calls: the connection frees what it was given when it is closed. */
  if (sqlite3_create_function_v2(db, "spillway_budget", 0, SQLITE_UTF8, budget, no_function, NULL,
                                 NULL, g_free) != SQLITE_OK)
    return;
  sqlite3_progress_handler(db, STEPS_A_CALL, on_progress, budget);
  sqlite3_trace_v2(db, SQLITE_TRACE_STMT, on_statement, budget);
}

/* Failures of these calls are of builds that lack what the call would turn off. */
static void
defend(sqlite3 *db)
{
  static const struct {
    int what, value;
  } settings[] = {
      {SQLITE_DBCONFIG_DEFENSIVE, 1},      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
      {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0}, {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
      {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
  };
  static const struct {
    int what, value;
  } limits[] = {
      {SQLITE_LIMIT_LENGTH, DATABASE_VALUE_MAX_BYTES},
      {SQLITE_LIMIT_SQL_LENGTH, 1 << 20},
      {SQLITE_LIMIT_ATTACHED, 0},
      {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
      {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 100},
  };

  for (guint i = 0; i < G_N_ELEMENTS(settings); i++)
    /* Before 3.35 there is no switch that leaves temporary views, which are our own. */
    if (settings[i].what != SQLITE_DBCONFIG_ENABLE_VIEW || sqlite3_libversion_number() >= 3035000)
      (void)sqlite3_db_config(db, settings[i].what, settings[i].value, (int *)NULL);
  for (guint i = 0; i < G_N_ELEMENTS(limits); i++)
    (void)sqlite3_limit(db, limits[i].what, limits[i].value);
  /* What is kept in the file itself may be damaged; and nothing is mapped, since a file that
   * another program cuts off would kill its reader. */
  (void)sqlite3_exec(db, "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; " DATABASE_DURABLE,
                     NULL, NULL, NULL);
}

int
database_open(const char *path, int flags, guint wait_ms, sqlite3 **db)
{
  g_autofree char *name = file_name(path);
  int result = sqlite3_open_v2(name, db, flags, NULL);

  if (result != SQLITE_OK)
    return result;
  sqlite3_extended_result_codes(*db, 0);
  limit_steps(*db);
  defend(*db);
  return sqlite3_busy_timeout(*db, (int)wait_ms);
}

int
database_attach(sqlite3 *db, const char *path)
{
  g_autofree char *name = file_name(path);
  sqlite3_stmt *statement = NULL;
  int result;

  sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 1);
  result = sqlite3_prepare_v2(db, "ATTACH ? AS " DATABASE_ATTACHED, -1, &statement, NULL);
  if (result == SQLITE_OK) {
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    result = sqlite3_step(statement);
  }
  sqlite3_finalize(statement);
  sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
  return result == SQLITE_DONE ? SQLITE_OK : result;
}
