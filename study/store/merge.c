/* One results database into another, as a transaction: the runs that it lacks, then the studies.
 *
 * A run of a sweep is recognized by its identity, a run of `run -o` by its name, its date and its
 * duration, which no other run shares. The table `map` holds each run's number in both files.
 */
#include "config.h"

#include "files/database.h"
#include "private.h"
#include "report/results/check.h"

/* The columns of a table behind its first, ", a, b", quoted; the other file's are the same. */
static char *
further_columns(Results *results, const char *table, GError **error)
{
  g_autoptr(GString) columns = g_string_new(NULL);
  g_autofree char *sql = g_strdup_printf(
      "SELECT group_concat(', \"' || name || '\"', '') FROM pragma_table_info('%s', 'main')"
      " WHERE cid > 0",
      table);
  sqlite3_stmt *statement = results_prepare(results, sql, error);

  if (statement == NULL)
    return NULL;
  if (sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_text(statement, 0) != NULL)
    g_string_append(columns, (const char *)sqlite3_column_text(statement, 0));
  else
    results_fail(results, error);
  sqlite3_finalize(statement);
  return columns->len > 0 ? g_strdup(columns->str) : NULL;
}

/* map: there → here. New runs are numbered on from the last. */
static gboolean
map_runs(Results *results, gboolean has_studies, gboolean other_has_studies, GError **error)
{
  if (!results_exec(results,
                    "CREATE TEMP TABLE map (there INTEGER PRIMARY KEY, here INTEGER, new INTEGER);"
                    "INSERT INTO map SELECT o.id, r.id, 0 FROM other.run AS o JOIN main.run AS r"
                    " ON r.name = o.name AND r.created_utc = o.created_utc"
                    " AND r.wall_s = o.wall_s AND r.makespan_s = o.makespan_s GROUP BY o.id",
                    error))
    return FALSE;
  if (has_studies && other_has_studies &&
      !results_exec(results,
                    "INSERT OR REPLACE INTO map SELECT o.run_id, r.run_id, 0"
                    " FROM other.run_identity AS o JOIN main.run_identity AS r"
                    " ON r.identity = o.identity JOIN main.run ON run.id = r.run_id",
                    error))
    return FALSE;
  return results_exec(results,
                      "INSERT INTO map SELECT id, (SELECT coalesce(max(id), 0) FROM main.run) +"
                      " row_number() OVER (ORDER BY id), 1 FROM other.run"
                      " WHERE id NOT IN (SELECT there FROM map)",
                      error);
}

/* The new runs' rows of a table. */
static gboolean
copy_table(Results *results, const char *table, GError **error)
{
  g_autofree char *rest = further_columns(results, table, error);
  g_autofree char *sql = NULL;

  if (rest == NULL)
    return FALSE;
  sql =
      g_strdup_printf("INSERT INTO main.%s (run_id%s) SELECT (SELECT here FROM map WHERE there ="
                      " run_id)%s FROM other.%s WHERE run_id IN (SELECT there FROM map WHERE new)",
                      table, rest, rest, table);
  return results_exec(results, sql, error);
}

/* A file has the table if any of its runs recorded its steps. */
static gboolean
copy_steps(Results *results, GError **error)
{
  gint64 n;

  if (!results_query_int(results, "SELECT count(*) FROM other.sqlite_master WHERE name = 'step'",
                         &n, error))
    return FALSE;
  return n == 0 || (results_create_steps(results, error) && copy_table(results, "step", error));
}

static gboolean
copy_runs(Results *results, guint *n_runs, GError **error)
{
  static const char *const tables[] = {"config", "request", "preemption", "series"};
  g_autofree char *columns = further_columns(results, "run", error);
  g_autofree char *sql = NULL;
  gint64 n;

  if (columns == NULL || !results_query_int(results, "SELECT sum(new) FROM map", &n, error))
    return FALSE;
  *n_runs = (guint)MAX(n, 0);
  sql = g_strdup_printf("INSERT INTO main.run (id%s) SELECT (SELECT here FROM map WHERE there = id)"
                        "%s FROM other.run WHERE id IN (SELECT there FROM map WHERE new)"
                        " ORDER BY id",
                        columns, columns);
  if (!results_exec(results, sql, error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS(tables); i++)
    if (!copy_table(results, tables[i], error))
      return FALSE;
  return copy_steps(results, error);
}

/* The first column of the first row; NULL where there is none, and with an error. */
static char *
query_text(Results *results, const char *sql, GError **error)
{
  sqlite3_stmt *statement = results_prepare(results, sql, error);
  char *text = NULL;
  int result;

  if (statement == NULL)
    return NULL;
  result = sqlite3_step(statement);
  if (result == SQLITE_ROW)
    text = g_strdup((const char *)sqlite3_column_text(statement, 0));
  else if (result != SQLITE_DONE)
    results_fail(results, error);
  sqlite3_finalize(statement);
  return text;
}

/* Studies of one name are one study only if their grids and their common cells are the same. */
static gboolean
check_studies(Results *results, const char *path, GError **error)
{
  GError *cause = NULL;
  g_autofree char *grid = query_text(results,
                                     "SELECT name FROM main.study JOIN other.study AS o"
                                     " USING (name) WHERE o.options <> study.options",
                                     &cause);
  g_autofree char *cell = NULL;

  if (cause == NULL && grid == NULL)
    cell = query_text(results,
                      "SELECT c.name || ', seed ' || c.seed || ' of the study ' || c.study"
                      " FROM main.cell AS c JOIN other.cell AS o USING (study, name, seed)"
                      " WHERE o.identity <> c.identity",
                      &cause);
  if (cause != NULL)
    g_propagate_error(error, cause);
  else if (grid != NULL)
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_FOREIGN,
                "%s: its study %s has another grid than that in %s; sweep both with one study file,"
                " or give one of them another name",
                path, grid, results->path);
  else if (cell != NULL)
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_FOREIGN,
                "%s: the cell %s is another one in %s: the trace, the profile, an option or the"
                " program's version differs; sweep both again with the same ones",
                path, cell, results->path);
  return cause == NULL && grid == NULL && cell == NULL;
}

/* A run is better than a failure, a failure than nothing. */
static gboolean
copy_studies(Results *results, GError **error)
{
  return results_exec(
             results,
             "INSERT INTO main.study SELECT * FROM other.study WHERE true ON CONFLICT (name)"
             " DO NOTHING;"
             "INSERT OR IGNORE INTO main.run_identity SELECT (SELECT here FROM map WHERE there ="
             " run_id), identity FROM other.run_identity"
             " WHERE run_id IN (SELECT there FROM map);"
             "INSERT INTO main.cell (study, name, seed, point, identity, state, run_id, message)"
             " SELECT study, name, seed, point, identity, state,"
             " (SELECT here FROM map WHERE there = run_id), message FROM other.cell"
             " WHERE true ORDER BY id ON CONFLICT (study, name, seed) DO UPDATE"
             " SET state = excluded.state, run_id = excluded.run_id, message = excluded.message"
             " WHERE main.cell.run_id IS NULL AND excluded.state <> 'pending';"
             "INSERT OR IGNORE INTO main.cell_setting SELECT c.id, s.position, s.option, s.value"
             " FROM other.cell_setting AS s JOIN other.cell AS o ON o.id = s.cell_id"
             " JOIN main.cell AS c USING (study, name, seed);"
             /* what ran as another study's cell is this one's run, too */
             "UPDATE main.cell SET run_id = (SELECT i.run_id FROM main.run_identity AS i"
             " WHERE i.identity = cell.identity) WHERE run_id IS NULL;"
             "UPDATE main.cell SET state = (SELECT \"end\" FROM main.run WHERE id = run_id),"
             " message = (SELECT nullif(end_reason, '') FROM main.run WHERE id = run_id)"
             " WHERE run_id IS NOT NULL",
             error) &&
         study_create_views(results, error);
}

/* What the other file says of itself: that it is one, which format, its tables, its values. */
static gboolean
check_attached(Results *results, const char *path, GError **error)
{
  gint64 id, format;

  if (!results_query_int(results, "PRAGMA other.application_id", &id, error))
    return FALSE;
  if (id != RESULTS_APPLICATION_ID) {
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_FOREIGN, "%s is not a results database", path);
    return FALSE;
  }
  if (!results_query_int(results, "SELECT value FROM other.meta WHERE key = 'format'", &format,
                         error))
    return FALSE;
  if (format != RESULTS_FORMAT) {
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_NEWER,
                "%s has the results format %" G_GINT64_FORMAT ", this program reads format %d",
                path, format, RESULTS_FORMAT);
    return FALSE;
  }
  return results_check_tables(results, "other", path, error) &&
         results_check_values(results, "other", 0, path, error) &&
         results_check_kept(results, "other", path, error);
}

/* meta of the other file promises the tables of a study. */
static gboolean
check_study_tables(Results *results, const char *path, GError **error)
{
  gint64 n;

  if (!results_query_int(results,
                         "SELECT count(*) FROM other.sqlite_master WHERE type = 'table' AND name IN"
                         " ('study', 'cell', 'cell_setting', 'run_identity')",
                         &n, error))
    return FALSE;
  if (n < 4)
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_DAMAGED,
                "%s is damaged: it says that it holds studies, and lacks a table of them", path);
  return n == 4;
}

static gboolean
merge_attached(Results *results, const char *path, guint *n_runs, GError **error)
{
  gboolean has, other_has;

  if (!check_attached(results, path, error) ||
      !study_has_tables(results, "other", &other_has, error) ||
      (other_has &&
       (!check_study_tables(results, path, error) || !study_check_tables(results, error))) ||
      !study_has_tables(results, "main", &has, error))
    return FALSE;
  return (!other_has || check_studies(results, path, error)) &&
         map_runs(results, has, other_has, error) && copy_runs(results, n_runs, error) &&
         (!other_has || copy_studies(results, error)) &&
         results_exec(results, "DROP TABLE map", error);
}

/* The output's lock is taken first, so that what is locked afterwards is the input. */
static gboolean
merge(Results *results, const char *path, guint *n_runs, GError **error)
{
  if (!results_begin(results, error))
    return FALSE;
  results->input = path;
  return results_finish(results, merge_attached(results, path, n_runs, error), error);
}

gboolean
results_merge(Results *results, const char *path, guint *n_runs, GError **error)
{
  gboolean worked;

  if (database_attach(results->db, path) != SQLITE_OK)
    return results_fail_read(results, path, error);
  worked = merge(results, path, n_runs, error);
  results->input = NULL;
  sqlite3_exec(results->db, "DETACH other", NULL, NULL, NULL);
  return worked;
}
