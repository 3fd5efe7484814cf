#include "stored.h"

#include <math.h>
#include <sqlite3.h>
#include <string.h>

#include "flatten.h"
#include "results.h"
#include "results_private.h"
#include "stored_label.h"

#define NO_RESULTS "is no results database; 'spillway compare -o FILE.db' writes one"

typedef struct {
  char *path;
  sqlite3 *db;
} File;

static void
file_free(gpointer data)
{
  File *file = data;

  sqlite3_close(file->db);
  g_free(file->path);
  g_free(file);
}

static void
run_free(gpointer data)
{
  StoredRun *run = data;

  summary_clear(&run->record.summary);
  json_decref(run->record.config);
  g_free(run->file);
  g_free(run->name);
  g_free(run->label);
  g_free(run);
}

static gboolean
refuse(GError **error, const char *path, const char *text)
{
  g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_FOREIGN, "%s: %s", path, text);
  return FALSE;
}

static gboolean
fail(const File *file, GError **error)
{
  if ((sqlite3_errcode(file->db) & 0xff) == SQLITE_NOTADB)
    return refuse(error, file->path, NO_RESULTS);
  g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_FAILED, "cannot read %s: %s", file->path,
              sqlite3_errmsg(file->db));
  return FALSE;
}

static sqlite3_stmt *
prepare(const File *file, const char *sql, GError **error)
{
  sqlite3_stmt *statement = NULL;

  if (sqlite3_prepare_v2(file->db, sql, -1, &statement, NULL) != SQLITE_OK)
    fail(file, error);
  return statement;
}

/* TRUE at the next row. FALSE at the end, and with an error where it is none; the statement is
 * finalized then. */
static gboolean
next_row(const File *file, sqlite3_stmt *statement, GError **error)
{
  int result = sqlite3_step(statement);

  if (result == SQLITE_ROW)
    return TRUE;
  if (result != SQLITE_DONE)
    fail(file, error);
  sqlite3_finalize(statement);
  return FALSE;
}

static double
column_real(sqlite3_stmt *statement, int column)
{
  return sqlite3_column_type(statement, column) == SQLITE_NULL
             ? NAN
             : sqlite3_column_double(statement, column);
}

static char *
column_text(sqlite3_stmt *statement, int column)
{
  const char *text = (const char *)sqlite3_column_text(statement, column);

  return g_utf8_make_valid(text != NULL ? text : "", -1);
}

/* FALSE without an error where there is no row. */
static gboolean
query_int(const File *file, const char *sql, gint64 *value, GError **error)
{
  sqlite3_stmt *statement = prepare(file, sql, error);

  if (statement == NULL || !next_row(file, statement, error))
    return FALSE;
  *value = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  return TRUE;
}

static gboolean
check_format(const File *file, GError **error)
{
  gint64 application_id = 0, format = 0;
  g_autofree char *text = NULL;

  if (!query_int(file, "PRAGMA application_id", &application_id, error))
    return FALSE;
  if (application_id != RESULTS_APPLICATION_ID)
    return refuse(error, file->path, NO_RESULTS);
  if (!query_int(file, "SELECT value FROM meta WHERE key = 'format'", &format, error))
    return error != NULL && *error != NULL ? FALSE
                                           : refuse(error, file->path, "does not say its format");
  if (format == RESULTS_FORMAT)
    return TRUE;
  text = g_strdup_printf("has the results format %" G_GINT64_FORMAT
                         ", this program reads format %d; use the program that wrote it",
                         format, RESULTS_FORMAT);
  return refuse(error, file->path, text);
}

static gboolean
open_file(Stored *stored, const char *path, GError **error)
{
  File *file = g_new0(File, 1);

  file->path = g_strdup(path);
  g_ptr_array_add(stored->files, file);
  if (!g_file_test(path, G_FILE_TEST_EXISTS))
    return refuse(error, path, "there is no such file; 'spillway compare -o FILE.db' writes one");
  if (g_file_test(path, G_FILE_TEST_IS_DIR))
    return refuse(error, path, "found a folder, expected a results database");
  if (sqlite3_open_v2(path, &file->db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) {
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_FAILED, "cannot read %s: %s", path,
                sqlite3_errmsg(file->db));
    return FALSE;
  }
  sqlite3_busy_timeout(file->db, RESULTS_LOCK_WAIT_MS);
  return check_format(file, error);
}

static const File *
file_of(const Stored *stored, const StoredRun *run)
{
  for (guint i = 0; i < stored->files->len; i++) {
    const File *file = g_ptr_array_index(stored->files, i);
    if (g_str_equal(file->path, run->file))
      return file;
  }
  g_assert_not_reached();
}

/* The column of that name, -1 where there is none. */
static int
find_column(sqlite3_stmt *statement, const char *name)
{
  for (int i = 0; i < sqlite3_column_count(statement); i++)
    if (g_str_equal(sqlite3_column_name(statement, i), name))
      return i;
  return -1;
}

/* The figures of the table `run`. Shares are of the busy time, so they come last. */
static void
read_figures(sqlite3_stmt *statement, RunRecord *record)
{
  guint n;
  const Figure *all = figures(&n);

  for (guint i = 0; i < 2 * n; i++) {
    const Figure *figure = &all[i % n];
    g_autofree char *name = results_column(figure->key);
    int column = find_column(statement, name);
    if (column < 0 || figure_is_share(figure) != (i >= n))
      continue;
    if (figure_is_text(figure)) {
      g_autofree char *text = column_text(statement, column);
      figure_set_text(figure, record, text);
    } else {
      figure_set_real(figure, record, column_real(statement, column));
    }
  }
}

static gboolean
read_config(const File *file, StoredRun *run, GError **error)
{
  g_autofree char *sql =
      g_strdup_printf("SELECT key, value FROM config WHERE run_id = %" G_GINT64_FORMAT, run->id);
  sqlite3_stmt *statement = prepare(file, sql, error);
  GError *failure = NULL;

  if (statement == NULL)
    return FALSE;
  while (next_row(file, statement, &failure)) {
    g_autofree char *key = column_text(statement, 0), *text = column_text(statement, 1);
    int type = sqlite3_column_type(statement, 1);
    json_object_set_new(run->record.config, key,
                        type == SQLITE_NULL      ? json_null()
                        : type == SQLITE_INTEGER ? json_integer(sqlite3_column_int64(statement, 1))
                        : type == SQLITE_FLOAT   ? json_real(sqlite3_column_double(statement, 1))
                                                 : json_string(text));
  }
  if (failure == NULL)
    return TRUE;
  g_propagate_error(error, failure);
  return FALSE;
}

static gboolean
is_wanted(const char *const *wanted, const StoredRun *run)
{
  g_autofree char *id = g_strdup_printf("%" G_GINT64_FORMAT, run->id);

  return wanted == NULL || g_strv_contains(wanted, id) || g_strv_contains(wanted, run->name);
}

static gboolean
read_runs(Stored *stored, const File *file, const char *const *wanted, GError **error)
{
  sqlite3_stmt *statement = prepare(file, "SELECT id, name, * FROM run ORDER BY id", error);
  GError *failure = NULL;

  if (statement == NULL)
    return FALSE;
  while (next_row(file, statement, &failure)) {
    StoredRun *run = g_new0(StoredRun, 1);
    run->file = g_strdup(file->path);
    run->id = sqlite3_column_int64(statement, 0);
    run->name = column_text(statement, 1);
    run->record.config = json_object();
    if (!is_wanted(wanted, run)) {
      run_free(run);
      continue;
    }
    g_ptr_array_add(stored->runs, run);
    read_figures(statement, &run->record);
  }
  if (failure == NULL)
    return TRUE;
  g_propagate_error(error, failure);
  return FALSE;
}

/* Of run_summary, the columns before the usual ones: a study's grid. */
static gboolean
read_columns(Stored *stored, const File *file, GError **error)
{
  sqlite3_stmt *statement =
      prepare(file, "SELECT name FROM pragma_table_info('run_summary') ORDER BY cid", error);
  GError *failure = NULL;
  gboolean usual = FALSE;

  if (statement == NULL)
    return FALSE;
  while (next_row(file, statement, &failure)) {
    g_autofree char *name = column_text(statement, 0);
    usual = usual || g_str_equal(name, "model") || g_str_equal(name, "requests");
    if (!usual && !g_str_equal(name, "run_id") && !g_str_equal(name, "name") &&
        !g_str_equal(name, "seed") &&
        !g_ptr_array_find_with_equal_func(stored->columns, name, g_str_equal, NULL))
      g_ptr_array_add(stored->columns, g_steal_pointer(&name));
  }
  if (failure == NULL)
    return TRUE;
  g_propagate_error(error, failure);
  return FALSE;
}

static gboolean
check_wanted(const Stored *stored, const char *const *wanted, GError **error)
{
  for (; wanted != NULL && *wanted != NULL; wanted++) {
    const char *one[] = {*wanted, NULL};
    gboolean found = FALSE;
    for (guint i = 0; i < stored->runs->len; i++)
      found = found || is_wanted(one, g_ptr_array_index(stored->runs, i));
    if (!found) {
      g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_FAILED,
                  "--runs: found '%s', expected ids or names of runs that the file holds", *wanted);
      return FALSE;
    }
  }
  return TRUE;
}

Stored *
stored_open(const char *const *paths, const char *ids, GError **error)
{
  g_auto(GStrv) wanted = ids != NULL ? g_strsplit(ids, ",", -1) : NULL;
  g_autoptr(Stored) stored = NULL;

  if (ids != NULL && *ids == '\0') {
    g_set_error_literal(error, RESULTS_ERROR, RESULTS_ERROR_FAILED,
                        "--runs: found nothing, expected ids or names of runs");
    return NULL;
  }
  stored = g_new0(Stored, 1);
  stored->files = g_ptr_array_new_with_free_func(file_free);
  stored->runs = g_ptr_array_new_with_free_func(run_free);
  stored->columns = g_ptr_array_new_with_free_func(g_free);
  for (guint i = 0; paths[i] != NULL; i++) {
    const File *file;
    guint before = stored->runs->len;
    if (g_strv_contains(paths + i + 1, paths[i])) {
      refuse(error, paths[i], "found twice, expected each file once");
      return NULL;
    }
    if (!open_file(stored, paths[i], error))
      return NULL;
    file = g_ptr_array_index(stored->files, i);
    if (!read_runs(stored, file, (const char *const *)wanted, error) ||
        !read_columns(stored, file, error))
      return NULL;
    for (guint r = before; r < stored->runs->len; r++)
      if (!read_config(file, g_ptr_array_index(stored->runs, r), error))
        return NULL;
  }
  if (!check_wanted(stored, (const char *const *)wanted, error))
    return NULL;
  if (stored->runs->len == 0) {
    refuse(error, paths[0], "holds no run; 'spillway run' and 'compare' add some with -o");
    return NULL;
  }
  stored_label(stored);
  return g_steal_pointer(&stored);
}

void
stored_free(Stored *stored)
{
  if (stored == NULL)
    return;
  g_ptr_array_unref(stored->files);
  g_ptr_array_unref(stored->runs);
  g_ptr_array_unref(stored->columns);
  g_free(stored);
}

char *
stored_setting(const StoredRun *run, const char *key)
{
  json_t *leaf = json_object_get(run->record.config, key);

  return leaf != NULL ? json_leaf_text(leaf) : g_strdup("");
}

/* A statement over one run, whose id is its only parameter. */
static sqlite3_stmt *
prepare_for(const Stored *stored, const StoredRun *run, const char *sql, GError **error)
{
  sqlite3_stmt *statement = prepare(file_of(stored, run), sql, error);

  if (statement != NULL)
    sqlite3_bind_int64(statement, 1, run->id);
  return statement;
}

/* The rows that were read, or NULL where reading failed. */
static GArray *
rows_or_null(GArray *rows, GError *failure, GError **error)
{
  if (failure == NULL)
    return rows;
  g_propagate_error(error, failure);
  g_array_unref(rows);
  return NULL;
}

GArray *
stored_latency(Stored *stored, const StoredRun *run, Latency latency, GError **error)
{
  static const char *const expressions[LATENCIES] = {
      [LATENCY_TTFT] = "first_token_s - arrival_s",
      [LATENCY_TPOT] = "CASE WHEN output_tokens > 1"
                       " THEN (last_token_s - first_token_s) / (output_tokens - 1) END",
      [LATENCY_E2E] = "finish_s - arrival_s",
  };
  g_autofree char *sql = g_strdup_printf("SELECT %s AS latency_s FROM request WHERE run_id = ?1 AND"
                                         " latency_s IS NOT NULL ORDER BY latency_s",
                                         expressions[latency]);
  sqlite3_stmt *statement = prepare_for(stored, run, sql, error);
  GArray *values;
  GError *failure = NULL;

  if (statement == NULL)
    return NULL;
  values = g_array_new(FALSE, FALSE, sizeof(double));
  while (next_row(file_of(stored, run), statement, &failure)) {
    double value = sqlite3_column_double(statement, 0);
    g_array_append_val(values, value);
  }
  return rows_or_null(values, failure, error);
}

GArray *
stored_series(Stored *stored, const StoredRun *run, GError **error)
{
  static const char sql[] =
      "SELECT time_s, length_s, output_tokens, preemptions, resumes, gpu_blocks, gpu_blocks_peak,"
      " cpu_blocks, running, waiting, swapped FROM series WHERE run_id = ?1 ORDER BY bucket";
  sqlite3_stmt *statement = prepare_for(stored, run, sql, error);
  GArray *buckets;
  GError *failure = NULL;

  if (statement == NULL)
    return NULL;
  buckets = g_array_new(FALSE, FALSE, sizeof(StoredBucket));
  while (next_row(file_of(stored, run), statement, &failure)) {
    double v[11];
    for (int i = 0; i < 11; i++)
      v[i] = sqlite3_column_double(statement, i);
    StoredBucket bucket = {v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10]};
    g_array_append_val(buckets, bucket);
  }
  return rows_or_null(buckets, failure, error);
}

static void
victim_clear(gpointer data)
{
  g_free(((StoredVictim *)data)->id);
}

GArray *
stored_victims(Stored *stored, const StoredRun *run, guint limit, GError **error)
{
  static const char sql[] =
      "SELECT id, preemptions, coalesce(finish_s, last_token_s, first_scheduled_s) - arrival_s,"
      " first_scheduled_s - arrival_s, preempted_s, cost_s FROM request LEFT JOIN"
      " (SELECT victim, sum(cost_s) AS cost_s FROM preemption WHERE run_id = ?1 GROUP BY victim)"
      " ON victim = request WHERE run_id = ?1 AND preemptions > 0"
      " ORDER BY preempted_s DESC, request LIMIT ?2";
  sqlite3_stmt *statement = prepare_for(stored, run, sql, error);
  GArray *victims;
  GError *failure = NULL;

  if (statement == NULL)
    return NULL;
  sqlite3_bind_int64(statement, 2, limit);
  victims = g_array_new(FALSE, FALSE, sizeof(StoredVictim));
  g_array_set_clear_func(victims, victim_clear);
  while (next_row(file_of(stored, run), statement, &failure)) {
    StoredVictim victim = {
        .id = column_text(statement, 0),
        .preemptions = (guint32)sqlite3_column_int64(statement, 1),
        .total_s = sqlite3_column_double(statement, 2),
        .queued_s = sqlite3_column_double(statement, 3),
        .preempted_s = sqlite3_column_double(statement, 4),
        .cost_s = column_real(statement, 5),
    };
    g_array_append_val(victims, victim);
  }
  return rows_or_null(victims, failure, error);
}
