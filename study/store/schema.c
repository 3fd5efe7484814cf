/* The tables that the first sweep adds to a results database, and the views over them. A file
 * without a sweep has none of them; meta's study_format tells. */
#include "private.h"

#include "report/overhead.h"
#include "report/student.h"

#define STUDENT_ROWS 200 /* more degrees of freedom use the last: at most 0.6 % too wide */

gboolean
study_check_tables(Results *results, GError **error)
{
  g_autoptr(GString) rows = g_string_new(study_tables);
  gboolean has;

  if (!study_has_tables(results, "main", &has, error))
    return FALSE;
  if (has)
    return TRUE;
  for (guint df = 1; df <= STUDENT_ROWS; df++) {
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    g_string_append_printf(rows, "INSERT INTO student_t VALUES (%u, %s);", df,
                           g_ascii_formatd(number, sizeof number, "%.7g", student_t95(df)));
  }
  g_string_append_printf(rows, "INSERT INTO meta VALUES ('study_format', %d)", STUDY_FORMAT);
  return results_exec(results, rows->str, error);
}

/* A column of an option of the grid: its value in the study; of runs outside of the study
 * (run_id not NULL) the resolved setting. */
static void
append_grid_column(GString *sql, const char *option, const char *cell_id, const char *run_id)
{
  g_autofree char *column = study_option_column(option);
  char *value = sqlite3_mprintf(
      "(SELECT value FROM cell_setting WHERE cell_id = %s AND option = %Q)", cell_id, option);
  char *resolved =
      run_id != NULL ? sqlite3_mprintf("(SELECT value FROM config WHERE run_id = %s AND key = %Q)",
                                       run_id, column)
                     : sqlite3_mprintf("NULL");
  char *name = sqlite3_mprintf("\"%w\"", column);

  g_string_append_printf(sql, ", coalesce(%s, %s) AS %s", value, resolved, name);
  sqlite3_free(value);
  sqlite3_free(resolved);
  sqlite3_free(name);
}

/* The options' columns, as a set. A figure that has the name of one (num_gpu_blocks) is what that
 * option says, so it is left to the option's column. */
static GHashTable *
grid_columns(const GPtrArray *options)
{
  GHashTable *columns = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < options->len; i++)
    g_hash_table_add(columns, study_option_column(g_ptr_array_index(options, i)));
  return columns;
}

static gboolean
create_run_summary(Results *results, const GPtrArray *options, GError **error)
{
  g_autoptr(GString) sql =
      g_string_new("CREATE VIEW main.run_summary AS"
                   " SELECT run.id AS run_id, run.name, cell.study, cell.name AS cell");
  g_autoptr(GHashTable) shown = grid_columns(options);
  guint n;
  const Figure *all = figures(&n);

  for (guint i = 0; i < options->len; i++)
    append_grid_column(sql, g_ptr_array_index(options, i), "cell.id", "run.id");
  for (guint i = 0; results_summary_keys[i] != NULL; i++)
    if (!g_hash_table_contains(shown, results_summary_keys[i]))
      g_string_append_printf(
          sql, ", (SELECT value FROM config WHERE run_id = run.id AND key = '%s') AS \"%s\"",
          results_summary_keys[i], results_summary_keys[i]);
  for (guint i = 0; i < n; i++) {
    g_autofree char *column = results_column(all[i].key);
    if (!g_hash_table_contains(shown, column))
      g_string_append_printf(sql, ", run.\"%s\"", column);
  }
  g_string_append(sql, " FROM run LEFT JOIN cell ON cell.run_id = run.id WHERE cell.id IS NOT NULL"
                       " OR NOT EXISTS (SELECT 1 FROM run_identity WHERE run_id = run.id)");
  return results_exec_one(results, sql->str, error);
}

static void
append_average(GString *sql, const char *column)
{
  g_string_append_printf(sql, ", avg(\"%s\") AS \"%s\", count(\"%s\") AS \"n_%s\"", column, column,
                         column, column);
}

/* The mean, and half the width of its interval. */
static void
append_interval(GString *sql, const char *c)
{
  g_string_append_printf(sql,
                         ", a.\"%s\", sqrt(sum((r.\"%s\" - a.\"%s\") * (r.\"%s\" - a.\"%s\"))"
                         " / (a.\"n_%s\" - 1) / a.\"n_%s\") * (SELECT t95 FROM student_t"
                         " WHERE df = min(a.\"n_%s\" - 1, %d)) AS \"%s_ci95\"",
                         c, c, c, c, c, c, c, c, STUDENT_ROWS, c);
}

/* Two passes, the means first: a variance from sums of squares would lose its digits. */
static gboolean
create_point_summary(Results *results, const GPtrArray *options, const char *head, GError **error)
{
  g_autoptr(GString) sql = g_string_new(head);
  g_autoptr(GHashTable) shown = grid_columns(options);

  g_string_append(sql, " AS WITH replica AS (SELECT"
                       " cell.study, cell.point, cell.name AS cell, cell.id AS cell_id, ");
  for (Overhead part = 0; part < OVERHEAD_STALL; part++) {
    g_autofree char *column = results_column(overhead_key(part));
    g_string_append_printf(sql, "%srun.%s", part > 0 ? " + " : "", column);
  }
  g_string_append(sql, " AS overhead_s, run.* FROM cell JOIN run ON run.id = cell.run_id"
                       " WHERE cell.state = 'done'), average AS (SELECT study,"
                       " point, cell, min(cell_id) AS cell_id, count(*) AS runs");
  guint n;
  const Figure *all = figures(&n);

  append_average(sql, "overhead_s");
  for (guint i = 0; i < n; i++)
    if (!figure_is_text(&all[i])) {
      g_autofree char *column = results_column(all[i].key);
      append_average(sql, column);
    }
  g_string_append(sql, " FROM replica GROUP BY study, point) SELECT a.study, a.point, a.cell");
  for (guint i = 0; i < options->len; i++)
    append_grid_column(sql, g_ptr_array_index(options, i), "a.cell_id", NULL);
  g_string_append(sql, ", a.runs");
  append_interval(sql, "overhead_s");
  for (guint i = 0; i < n; i++)
    if (!figure_is_text(&all[i])) {
      g_autofree char *column = results_column(all[i].key);
      if (!g_hash_table_contains(shown, column))
        append_interval(sql, column);
    }
  g_string_append(sql, " FROM average AS a JOIN replica AS r ON r.study = a.study AND"
                       " r.point = a.point GROUP BY a.study, a.point");
  return results_exec_one(results, sql->str, error);
}

gboolean
study_create_views(Results *results, GError **error)
{
  g_autoptr(GPtrArray) options = study_grid_options(results, error);

  return options != NULL &&
         results_exec(results,
                      "DROP VIEW IF EXISTS main.run_summary;"
                      "DROP VIEW IF EXISTS main.point_summary",
                      error) &&
         create_run_summary(results, options, error) &&
         create_point_summary(results, options, "CREATE VIEW main.point_summary", error);
}

gboolean
study_point_view(Results *results, GError **error)
{
  g_autoptr(GPtrArray) none = g_ptr_array_new();

  return create_point_summary(results, none, "CREATE TEMP VIEW IF NOT EXISTS point_summary", error);
}
