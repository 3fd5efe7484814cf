/* Checks what studies and searches keep beside runs, but for choices of plays: `regret` plays again
 * what it cannot read. Columns are checked as those of runs (check.c); what must hold between
 * tables is written down below.
 */
#include "config.h"

#include "check.h"

#include <math.h>

#include "report/student.h"
#include "studies.h"

enum { TABLE_CELL };
static const CheckedTable tables[] = {
    [TABLE_CELL] = {"cell", "id", "cell"},
    {"run_identity", "run_id", "run"},
    {"student_t", "df", "row"},
    {"study", "name", "study"},
    {"cell_setting", "cell_id", "cell"},
    {"capacity", "identity", "search"},
    {"policy_run", "identity", "job"},
    {"regret_play", "key", "play"},
};

/* A cell ended as its run did. One whose run was deleted by hand is run again. */
static gboolean
check_cells(Results *results, const char *schema, const char *path, GError **error)
{
  g_autofree char *cells = g_strdup_printf(
      "SELECT cell.id, 'its state is how its run ended', quote(substr(state, 1, 40)) FROM"
      " \"%s\".cell JOIN \"%s\".run ON run.id = run_id WHERE state IS NOT \"end\" LIMIT 1",
      schema, schema);

  return results_refuse_row(results, cells, 0, &tables[TABLE_CELL], path, error);
}

static gboolean
check_student(Results *results, const char *schema, const char *path, GError **error)
{
  g_autofree char *sql = g_strdup_printf("SELECT df, t95 FROM \"%s\".student_t", schema);
  sqlite3_stmt *statement = results_prepare(results, sql, error);
  int result;

  if (statement == NULL)
    return FALSE;
  while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
    gint64 df = sqlite3_column_int64(statement, 0);
    double found = sqlite3_column_double(statement, 1);
    double right = student_t95((guint)CLAMP(df, 1, 1 << 20));
    if (df >= 1 && df <= 1 << 20 && fabs(found / right - 1) < 1e-5)
      continue;
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_DAMAGED,
                "%s: row %" G_GINT64_FORMAT ", in its table student_t: found %g, expected that t95 "
                "is %.7g; the file is damaged, or was changed by hand",
                path, df, found, right);
    break;
  }
  if (result != SQLITE_ROW && result != SQLITE_DONE)
    results_fail(results, error);
  sqlite3_finalize(statement);
  return result == SQLITE_DONE;
}

gboolean
results_check_kept(Results *results, const char *schema, const char *path, GError **error)
{
  gboolean has;

  for (guint t = 0; t < G_N_ELEMENTS(tables); t++)
    if (!results_check_table(results, schema, &tables[t], 0, path, error))
      return FALSE;
  if (!study_has_tables(results, schema, &has, error))
    return FALSE;
  return !has ||
         (check_cells(results, schema, path, error) && check_student(results, schema, path, error));
}
