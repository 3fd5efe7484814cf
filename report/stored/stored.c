#include "stored.h"

#include "report/results/check.h"
#include "report/results/query.h"
#include "report/results/studies.h"
#include "file.h"
#include "label.h"

static void
file_free(gpointer data)
{
  StoredFile *file = data;

  results_free(file->results);
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
open_file(Stored *stored, const char *path, gboolean whole, GError **error)
{
  StoredFile *file = g_new0(StoredFile, 1);

  file->path = g_strdup(path);
  g_ptr_array_add(stored->files, file);
  file->results = results_open_read(path, error);
  return file->results != NULL &&
         (!whole || (results_check_values(file->results, "main", 0, path, error) &&
                     results_check_kept(file->results, "main", path, error)));
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

/* A study's runs in the order of its grid, not in that in which they ended; others behind them. */
static const char runs_of_studies[] =
    "SELECT run.id, run.name, run.* FROM run LEFT JOIN (SELECT run_id, min(study) AS study,"
    " min(point) AS point, min(seed) AS seed FROM cell GROUP BY run_id) AS c ON c.run_id = run.id"
    " ORDER BY c.run_id IS NULL, c.study, c.point, c.seed, run.id";

static gboolean
read_runs(Stored *stored, const StoredFile *file, const char *const *wanted, GError **error)
{
  sqlite3_stmt *statement;
  GError *failure = NULL;
  gboolean has;

  if (!study_has_tables(file->results, "main", &has, error))
    return FALSE;
  statement = stored_prepare(
      file, has ? runs_of_studies : "SELECT id, name, * FROM run ORDER BY id", error);
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

/* A study's grid: its options, as settings are called. */
static gboolean
read_columns(Stored *stored, const StoredFile *file, GError **error)
{
  g_autoptr(GPtrArray) options = NULL;
  gboolean has;

  if (!study_has_tables(file->results, "main", &has, error))
    return FALSE;
  if (!has)
    return TRUE;
  options = study_grid_options(file->results, error);
  for (guint i = 0; options != NULL && i < options->len; i++) {
    g_autofree char *column = study_option_column(g_ptr_array_index(options, i));
    if (!g_str_equal(column, "seed") &&
        !g_ptr_array_find_with_equal_func(stored->columns, column, g_str_equal, NULL))
      g_ptr_array_add(stored->columns, g_steal_pointer(&column));
  }
  return options != NULL;
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
    if (!open_file(stored, paths[i], wanted == NULL, error))
      return NULL;
    file = g_ptr_array_index(stored->files, i);
    if (!read_runs(stored, file, (const char *const *)wanted, error) ||
        !read_columns(stored, file, error))
      return NULL;
    for (guint r = before; r < stored->runs->len; r++) {
      StoredRun *run = g_ptr_array_index(stored->runs, r);
      if ((wanted != NULL &&
           !results_check_values(file->results, "main", run->id, file->path, error)) ||
          !read_config(file, run, error))
        return NULL;
    }
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
