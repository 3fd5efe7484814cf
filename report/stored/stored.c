#include "stored.h"

#include "report/results/flatten.h"
#include "report/results/results.h"
#include "report/results/private.h"
#include "file.h"
#include "label.h"

static void
file_free(gpointer data)
{
  StoredFile *file = data;

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

/* FALSE without an error where there is no row. */
static gboolean
query_int(const StoredFile *file, const char *sql, gint64 *value, GError **error)
{
  sqlite3_stmt *statement = stored_prepare(file, sql, error);

  if (statement == NULL || !stored_next(file, statement, error))
    return FALSE;
  *value = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  return TRUE;
}

static gboolean
check_format(const StoredFile *file, GError **error)
{
  gint64 application_id = 0, format = 0;
  g_autofree char *text = NULL;

  if (!query_int(file, "PRAGMA application_id", &application_id, error))
    return FALSE;
  if (application_id != RESULTS_APPLICATION_ID)
    return stored_refuse(error, file->path, NO_RESULTS);
  if (!query_int(file, "SELECT value FROM meta WHERE key = 'format'", &format, error))
    return error != NULL && *error != NULL
               ? FALSE
               : stored_refuse(error, file->path, "does not say its format");
  if (format == RESULTS_FORMAT)
    return TRUE;
  text = g_strdup_printf("has the results format %" G_GINT64_FORMAT
                         ", this program reads format %d; use the program that wrote it",
                         format, RESULTS_FORMAT);
  return stored_refuse(error, file->path, text);
}

static gboolean
open_file(Stored *stored, const char *path, GError **error)
{
  StoredFile *file = g_new0(StoredFile, 1);

  file->path = g_strdup(path);
  g_ptr_array_add(stored->files, file);
  if (!g_file_test(path, G_FILE_TEST_EXISTS))
    return stored_refuse(error, path,
                         "there is no such file; 'spillway compare -o FILE.db' writes one");
  if (g_file_test(path, G_FILE_TEST_IS_DIR))
    return stored_refuse(error, path, "found a folder, expected a results database");
  if (sqlite3_open_v2(path, &file->db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) {
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_FAILED, "cannot read %s: %s", path,
                sqlite3_errmsg(file->db));
    return FALSE;
  }
  sqlite3_busy_timeout(file->db, RESULTS_LOCK_WAIT_MS);
  return check_format(file, error);
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
      g_autofree char *text = stored_text(statement, column);
      figure_set_text(figure, record, text);
    } else {
      figure_set_real(figure, record, stored_real(statement, column));
    }
  }
}

static gboolean
read_config(const StoredFile *file, StoredRun *run, GError **error)
{
  g_autofree char *sql =
      g_strdup_printf("SELECT key, value FROM config WHERE run_id = %" G_GINT64_FORMAT, run->id);
  sqlite3_stmt *statement = stored_prepare(file, sql, error);
  GError *failure = NULL;

  if (statement == NULL)
    return FALSE;
  while (stored_next(file, statement, &failure)) {
    g_autofree char *key = stored_text(statement, 0), *text = stored_text(statement, 1);
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
read_runs(Stored *stored, const StoredFile *file, const char *const *wanted, GError **error)
{
  sqlite3_stmt *statement = stored_prepare(file, "SELECT id, name, * FROM run ORDER BY id", error);
  GError *failure = NULL;

  if (statement == NULL)
    return FALSE;
  while (stored_next(file, statement, &failure)) {
    StoredRun *run = g_new0(StoredRun, 1);
    run->file = g_strdup(file->path);
    run->id = sqlite3_column_int64(statement, 0);
    run->name = stored_text(statement, 1);
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
read_columns(Stored *stored, const StoredFile *file, GError **error)
{
  sqlite3_stmt *statement =
      stored_prepare(file, "SELECT name FROM pragma_table_info('run_summary') ORDER BY cid", error);
  GError *failure = NULL;
  gboolean usual = FALSE;

  if (statement == NULL)
    return FALSE;
  while (stored_next(file, statement, &failure)) {
    g_autofree char *name = stored_text(statement, 0);
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
    const StoredFile *file;
    guint before = stored->runs->len;
    if (g_strv_contains(paths + i + 1, paths[i])) {
      stored_refuse(error, paths[i], "found twice, expected each file once");
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
    stored_refuse(error, paths[0], "holds no run; 'spillway run' and 'compare' add some with -o");
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
