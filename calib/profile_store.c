/* Profiles in SQLite: written to a file beside the target in one transaction, then renamed.
 *
 * Texts are columns of each sample, so that the file reads well in any SQLite program, and a view
 * an operation names its shape's fields. `meta` has the number of samples and the digest of all
 * values: a profile that was cut or changed is told from one that is whole. */
#include "config.h"

#include "profile_store.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <math.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#define APPLICATION_ID 0x53706c50 /* "SplP" */
#define SUPPLIED_BY                                                                                 \
  "make it again with 'spillway profile import PATH… -o FILE.db' from published tables, or with " \
  "'spillway calibrate' on a GPU"

typedef struct {
  sqlite3 *db;
  const char *path; /* for messages */
} Store;

static void
store_close(Store *store)
{
  sqlite3_close(store->db);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Store, store_close)

typedef sqlite3_stmt Statement;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Statement, sqlite3_finalize)

static gboolean
fail_write(const Store *store, GError **error)
{
  g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_WRITE, "cannot write %s: %s", store->path,
              sqlite3_errmsg(store->db));
  return FALSE;
}

static gboolean
fail_read(const Store *store, GError **error)
{
  int code = sqlite3_errcode(store->db) & 0xff;

  switch (code) {
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
  case SQLITE_ERROR: /* a table or a column that is not there */
    g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_DAMAGED, "%s is damaged (%s); " SUPPLIED_BY,
                store->path, sqlite3_errmsg(store->db));
    break;
  default:
    g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_OPEN, "cannot read %s: %s", store->path,
                sqlite3_errmsg(store->db));
  }
  return FALSE;
}

static gboolean
execute(const Store *store, const char *sql, GError **error)
{
  return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK || fail_write(store, error);
}

static Statement *
prepare(const Store *store, const char *sql)
{
  Statement *statement = NULL;

  sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
  return statement;
}

/* Texts outlive the step. */
static void
bind_text(Statement *statement, int column, const char *text)
{
  sqlite3_bind_text(statement, column, text, -1, SQLITE_STATIC);
}

static gboolean
insert(const Store *store, Statement *statement, GError **error)
{
  if (sqlite3_step(statement) != SQLITE_DONE)
    return fail_write(store, error);
  sqlite3_reset(statement);
  return TRUE;
}

/* s0, s1 … of the table are m, n … of gemm's view. */
static char *
view_sql(OperationKind kind)
{
  GString *sql = g_string_new(NULL);

  g_string_printf(sql, "CREATE VIEW %s AS SELECT variant, dtype", operations[kind].name);
  for (guint i = 0; i < operation_n_shape(kind); i++)
    g_string_append_printf(sql, ", s%u AS %s", i, operations[kind].shape[i]);
  g_string_append_printf(sql,
                         ", median_ns, p10_ns, p90_ns, count, kernel, derived, origin FROM sample "
                         "WHERE operation = '%s';",
                         operations[kind].name);
  return g_string_free(sql, FALSE);
}

static char *
schema_sql(void)
{
  GString *sql = g_string_new(NULL);

  g_string_printf(sql, "PRAGMA application_id = %d; PRAGMA user_version = %d;", APPLICATION_ID,
                  PROFILE_FORMAT);
  g_string_append(sql, "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
                       "CREATE TABLE origin (id INTEGER PRIMARY KEY");
  for (guint i = 0; i < PROFILE_ORIGIN_FIELDS; i++)
    g_string_append_printf(sql, ", %s TEXT NOT NULL", profile_origin_fields[i]);
  g_string_append(sql, ");CREATE TABLE sample (operation TEXT NOT NULL, variant TEXT NOT NULL,"
                       " dtype TEXT NOT NULL");
  for (guint i = 0; i < OPERATION_SHAPE_MAX; i++)
    g_string_append_printf(sql, ", s%u INTEGER", i);
  g_string_append(sql, ", median_ns REAL NOT NULL, p10_ns REAL NOT NULL, p90_ns REAL NOT NULL,"
                       " count INTEGER NOT NULL, kernel TEXT NOT NULL, derived INTEGER NOT NULL,"
                       " origin INTEGER NOT NULL REFERENCES origin(id));"
                       "CREATE TABLE fit (operation TEXT NOT NULL, variant TEXT NOT NULL,"
                       " dtype TEXT NOT NULL, kind TEXT NOT NULL, n INTEGER NOT NULL,"
                       " median_error REAL NOT NULL, p95_error REAL NOT NULL,"
                       " worst_error REAL NOT NULL, program_version TEXT NOT NULL,"
                       " PRIMARY KEY (operation, variant, dtype, kind)) WITHOUT ROWID;");
  for (guint i = 0; i < OPERATIONS; i++) {
    g_autofree char *view = view_sql((OperationKind)i);
    g_string_append(sql, view);
  }
  return g_string_free(sql, FALSE);
}

static gboolean
write_meta(const Store *store, const Profile *profile, GError **error)
{
  g_autoptr(Statement) statement = prepare(store, "INSERT INTO meta VALUES (?, ?)");
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
  } numbers[] = {{"format", PROFILE_FORMAT}, {"samples", profile->samples->len}};

  if (statement == NULL)
    return fail_write(store, error);
  for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
    bind_text(statement, 1, texts[i].key);
    bind_text(statement, 2, texts[i].text);
    if (!insert(store, statement, error))
      return FALSE;
  }
  for (guint i = 0; i < G_N_ELEMENTS(numbers); i++) {
    bind_text(statement, 1, numbers[i].key);
    sqlite3_bind_int64(statement, 2, numbers[i].value);
    if (!insert(store, statement, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
write_origins(const Store *store, const Profile *profile, GError **error)
{
  g_autoptr(Statement) statement =
      prepare(store, "INSERT INTO origin VALUES (?,?,?,?,?,?,?,?,?,?)");

  if (statement == NULL)
    return fail_write(store, error);
  for (guint i = 0; i < profile->origins->len; i++) {
    const ProfileOrigin *origin = &g_array_index(profile->origins, ProfileOrigin, i);
    sqlite3_bind_int64(statement, 1, i);
    for (guint field = 0; field < PROFILE_ORIGIN_FIELDS; field++)
      bind_text(statement, (int)field + 2, profile_origin_get(origin, field));
    if (!insert(store, statement, error))
      return FALSE;
  }
  return TRUE;
}

enum { COLUMN_SHAPE = 3, COLUMN_TIMES = COLUMN_SHAPE + OPERATION_SHAPE_MAX, SAMPLE_COLUMNS = 19 };

static gboolean
write_samples(const Store *store, const Profile *profile, GError **error)
{
  g_autoptr(Statement) statement =
      prepare(store, "INSERT INTO sample VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");

  if (statement == NULL)
    return fail_write(store, error);
  for (guint i = 0; i < profile->samples->len; i++) {
    const ProfileSample *sample = &g_array_index(profile->samples, ProfileSample, i);
    guint n_shape = operation_n_shape(sample->operation);
    bind_text(statement, 1, operations[sample->operation].name);
    bind_text(statement, 2, sample->variant);
    bind_text(statement, 3, sample->dtype);
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
    bind_text(statement, COLUMN_TIMES + 5, sample->kernel);
    sqlite3_bind_int64(statement, COLUMN_TIMES + 6, sample->derived != 0);
    sqlite3_bind_int64(statement, COLUMN_TIMES + 7, sample->origin);
    if (!insert(store, statement, error))
      return FALSE;
  }
  return TRUE;
}

/* Into a file that nobody else knows: no journal, no locks of consequence. */
static gboolean
write_file(const Profile *profile, const char *temporary, const char *path, GError **error)
{
  g_auto(Store) store = {.path = path};
  g_autofree char *schema = schema_sql();

  if (sqlite3_open_v2(temporary, &store.db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
    return fail_write(&store, error);
  return execute(&store, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN", error) &&
         execute(&store, schema, error) && write_meta(&store, profile, error) &&
         write_origins(&store, profile, error) && write_samples(&store, profile, error) &&
         execute(&store, "COMMIT", error);
}

static gboolean
fail_errno(const char *path, int code, GError **error)
{
  g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_WRITE, "cannot write %s: %s", path,
              g_strerror(code));
  return FALSE;
}

gboolean
profile_store_write(const Profile *profile, const char *path, GError **error)
{
  g_autofree char *temporary = g_strconcat(path, ".XXXXXX", NULL);
  gboolean worked;
  int fd;

  if (!profile_file_check(profile, path, error) || !profile_file_may_replace(path, error))
    return FALSE;
  if (g_file_test(path, G_FILE_TEST_EXISTS) && !g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
    g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_WRITE,
                "cannot write %s: it is no regular file, as a database has to be", path);
    return FALSE;
  }
  fd = g_mkstemp_full(temporary, O_RDWR, 0666);
  if (fd < 0)
    return fail_errno(path, errno, error);
  worked = write_file(profile, temporary, path, error);
  if (worked && (fsync(fd) != 0 || g_rename(temporary, path) != 0))
    worked = fail_errno(path, errno, error);
  close(fd);
  if (!worked)
    g_unlink(temporary);
  return worked;
}

/* Reading. */

static gboolean
query_int(const Store *store, const char *sql, gint64 *value, GError **error)
{
  g_autoptr(Statement) statement = prepare(store, sql);

  if (statement == NULL || sqlite3_step(statement) != SQLITE_ROW)
    return sqlite3_errcode(store->db) == SQLITE_DONE ? (*value = -1, TRUE)
                                                     : fail_read(store, error);
  *value = sqlite3_column_int64(statement, 0);
  return TRUE;
}

/* NULL where there is none, or the file cannot be read, which was found out before. */
static char *
query_meta(const Store *store, const char *key)
{
  g_autoptr(Statement) statement = prepare(store, "SELECT value FROM meta WHERE key = ?");

  if (statement == NULL)
    return NULL;
  bind_text(statement, 1, key);
  if (sqlite3_step(statement) != SQLITE_ROW)
    return NULL;
  return g_strdup((const char *)sqlite3_column_text(statement, 0));
}

static gboolean
check_format(const Store *store, GError **error)
{
  gint64 application_id, format;

  if (!query_int(store, "PRAGMA application_id", &application_id, error))
    return FALSE;
  if (application_id != APPLICATION_ID) {
    g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_FOREIGN,
                "%s is a database of something else, not a profile; 'spillway profile import PATH… "
                "-o FILE.db' makes one",
                store->path);
    return FALSE;
  }
  if (!query_int(store, "SELECT value FROM meta WHERE key = 'format'", &format, error))
    return FALSE;
  if (format == PROFILE_FORMAT)
    return TRUE;
  g_set_error(error, PROFILE_ERROR,
              format > PROFILE_FORMAT ? PROFILE_ERROR_NEWER : PROFILE_ERROR_FOREIGN,
              "%s has the profile format %" G_GINT64_FORMAT
              ", this program (spillway " PACKAGE_VERSION ") reads format %d; %s",
              store->path, format, PROFILE_FORMAT,
              format > PROFILE_FORMAT
                  ? "read it with the newer program; 'spillway profile export' there and 'spillway "
                    "profile import' here may carry it over"
                  : SUPPLIED_BY);
  return FALSE;
}

static gboolean
damaged(const Store *store, const char *what, GError **error)
{
  g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_DAMAGED, "%s is damaged: %s; " SUPPLIED_BY,
              store->path, what);
  return FALSE;
}

static const char *
column_text(Statement *statement, int column)
{
  const char *text = (const char *)sqlite3_column_text(statement, column);

  return text != NULL ? text : "";
}

static gboolean
read_origins(const Store *store, Profile *profile, GError **error)
{
  g_autoptr(GString) sql = g_string_new("SELECT id");
  g_autoptr(Statement) statement = NULL;
  int result;

  for (guint i = 0; i < PROFILE_ORIGIN_FIELDS; i++)
    g_string_append_printf(sql, ", %s", profile_origin_fields[i]);
  g_string_append(sql, " FROM origin ORDER BY id");
  statement = prepare(store, sql->str);
  if (statement == NULL)
    return fail_read(store, error);
  while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
    ProfileOrigin origin;
    if (sqlite3_column_int64(statement, 0) != profile->origins->len ||
        profile->origins->len == G_MAXUINT16)
      return damaged(store, "its origins are not numbered from 0", error);
    for (guint field = 0; field < PROFILE_ORIGIN_FIELDS; field++)
      profile_origin_set(&origin, field, column_text(statement, (int)field + 1));
    profile_add_origin(profile, &origin);
  }
  return result == SQLITE_DONE || fail_read(store, error);
}

static gboolean
read_sample(const Store *store, Statement *statement, Profile *profile, GError **error)
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

  if (!operation_find(column_text(statement, 0), &kind))
    return damaged(store, "a sample is of an operation that there is not", error);
  if (origin < 0 || origin >= profile->origins->len)
    return damaged(store, "a sample is of an origin that there is not", error);
  if (count < 0 || count > G_MAXUINT32)
    return damaged(store, "a sample's count is out of range", error);
  sample.operation = (guint8)kind;
  sample.origin = (guint16)origin;
  sample.count = (guint32)count;
  for (guint s = 0; s < operation_n_shape(kind); s++)
    sample.shape[s] = sqlite3_column_int64(statement, COLUMN_SHAPE + (int)s);
  if (profile_sample_fault(&sample) != NULL)
    return damaged(store, profile_sample_fault(&sample), error);
  profile_add(profile, &sample);
  return TRUE;
}

static gboolean
read_samples(const Store *store, Profile *profile, GError **error)
{
  g_autoptr(Statement) statement = prepare(store, "SELECT * FROM sample ORDER BY rowid");
  int result;

  if (statement == NULL)
    return fail_read(store, error);
  if (sqlite3_column_count(statement) != SAMPLE_COLUMNS)
    return damaged(store, "its table of samples has other columns", error);
  while ((result = sqlite3_step(statement)) == SQLITE_ROW)
    if (!read_sample(store, statement, profile, error))
      return FALSE;
  return result == SQLITE_DONE || fail_read(store, error);
}

/* The number of samples first: of what was cut it says more than a digest does. */
static gboolean
check_whole(const Store *store, const Profile *profile, GError **error)
{
  g_autofree char *digest = query_meta(store, "digest");
  g_autofree char *found = profile_digest(profile);
  g_autofree char *what = NULL;
  gint64 samples;

  if (!query_int(store, "SELECT value FROM meta WHERE key = 'samples'", &samples, error) ||
      !profile_file_check(profile, store->path, error))
    return FALSE;
  if (samples != profile->samples->len) {
    what = g_strdup_printf("it had %" G_GINT64_FORMAT " samples and has %u", samples,
                           profile->samples->len);
    return damaged(store, what, error);
  }
  return g_strcmp0(digest, found) == 0 ||
         damaged(store,
                 "its values are not those that were written (to change a profile by hand, export "
                 "it, edit the CSV file, and import that)",
                 error);
}

/* An empty database file would be made into one. */
static gboolean
open_to_read(Store *store, int flags, GError **error)
{
  if (g_file_test(store->path, G_FILE_TEST_IS_DIR)) {
    g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_OPEN,
                "%s is a folder; expected a profile's file", store->path);
    return FALSE;
  }
  if (sqlite3_open_v2(store->path, &store->db, flags, NULL) != SQLITE_OK)
    return fail_read(store, error);
  return check_format(store, error);
}

gboolean
profile_store_sniff(const char *path)
{
  g_auto(Store) store = {.path = path};
  gint64 application_id = 0;

  return sqlite3_open_v2(path, &store.db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
         query_int(&store, "PRAGMA application_id", &application_id, NULL) &&
         application_id == APPLICATION_ID;
}

Profile *
profile_store_read(const char *path, GError **error)
{
  g_auto(Store) store = {.path = path};
  g_autoptr(Profile) profile = NULL;
  g_autofree char *name = NULL, *device = NULL;

  if (!open_to_read(&store, SQLITE_OPEN_READONLY, error))
    return NULL;
  name = query_meta(&store, "name");
  device = query_meta(&store, "device");
  profile = profile_new(name != NULL ? name : "", device != NULL ? device : "");
  g_free(profile->note);
  profile->note = query_meta(&store, "note");
  if (profile->note == NULL)
    profile->note = g_strdup("");
  if (!read_origins(&store, profile, error) || !read_samples(&store, profile, error))
    return NULL;
  profile_seal(profile);
  return check_whole(&store, profile, error) ? g_steal_pointer(&profile) : NULL;
}

static gboolean
save_checks(const Store *store, const char *kind, const GArray *results, GError **error)
{
  g_autoptr(Statement) statement = NULL;

  if (!execute(store, "DELETE FROM fit", error))
    return FALSE;
  statement = prepare(store, "INSERT INTO fit VALUES (?,?,?,?,?,?,?,?,?)");
  if (statement == NULL)
    return fail_write(store, error);
  for (guint i = 0; i < results->len; i++) {
    const ProfileCheckResult *result = &g_array_index(results, ProfileCheckResult, i);
    bind_text(statement, 1, operations[result->operation].name);
    bind_text(statement, 2, result->variant);
    bind_text(statement, 3, result->dtype);
    bind_text(statement, 4, kind);
    sqlite3_bind_int64(statement, 5, result->n);
    sqlite3_bind_double(statement, 6, result->median);
    sqlite3_bind_double(statement, 7, result->p95);
    sqlite3_bind_double(statement, 8, result->worst);
    bind_text(statement, 9, PACKAGE_VERSION);
    if (!insert(store, statement, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
profile_store_save_checks(const char *path, const char *kind, const GArray *results, GError **error)
{
  g_auto(Store) store = {.path = path};

  if (!open_to_read(&store, SQLITE_OPEN_READWRITE, error))
    return FALSE;
  if (execute(&store, "BEGIN IMMEDIATE", error) && save_checks(&store, kind, results, error) &&
      execute(&store, "COMMIT", error))
    return TRUE;
  sqlite3_exec(store.db, "ROLLBACK", NULL, NULL, NULL);
  return FALSE;
}
