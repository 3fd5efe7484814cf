/* The table `step`: made when the first run that records its steps is added, so that files of runs
 * that record none stay as they are. */
#include "private.h"

char *
results_steps_sql(void)
{
  GString *sql = g_string_new(
      "CREATE TABLE IF NOT EXISTS step (run_id INTEGER NOT NULL REFERENCES run(id)"
      " ON DELETE CASCADE, sequence INTEGER NOT NULL, step INTEGER NOT NULL,"
      " repeats INTEGER NOT NULL, first_ps INTEGER NOT NULL, growth_ps INTEGER NOT NULL,"
      " recompute_overhead_ps INTEGER NOT NULL, sequences INTEGER NOT NULL,"
      " decodes INTEGER NOT NULL, tokens INTEGER NOT NULL, preemptions INTEGER NOT NULL,"
      " copy_out_blocks INTEGER NOT NULL, copy_in_blocks INTEGER NOT NULL");

  for (guint c = 0; c < COST_COMPONENTS; c++)
    g_string_append_printf(sql, ", %s_ps INTEGER NOT NULL", cost_component_name(c));
  g_string_append(sql, ", PRIMARY KEY (run_id, sequence)) WITHOUT ROWID");
  return g_string_free(sql, FALSE);
}

static char *
insert_sql(void)
{
  GString *sql = g_string_new("INSERT INTO step (run_id, sequence, " RESULTS_STEP_COLUMNS);

  for (guint c = 0; c < COST_COMPONENTS; c++)
    g_string_append_printf(sql, ", %s_ps", cost_component_name(c));
  g_string_append(sql, ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?");
  for (guint c = 0; c < COST_COMPONENTS; c++)
    g_string_append(sql, ",?");
  g_string_append(sql, ")");
  return g_string_free(sql, FALSE);
}

static gboolean
insert_step(Results *results, sqlite3_stmt *statement, const RecordedStep *step, gint64 run_id,
            guint sequence, GError **error)
{
  const gint64 values[] = {run_id,
                           sequence,
                           (gint64)step->step,
                           step->repeats,
                           step->first_ps,
                           step->growth_ps,
                           step->recompute_overhead_ps,
                           step->sequences,
                           step->decodes,
                           (gint64)step->tokens,
                           step->preemptions,
                           step->copy_out_blocks,
                           step->copy_in_blocks};
  int column = 0;

  for (guint i = 0; i < G_N_ELEMENTS(values); i++)
    sqlite3_bind_int64(statement, ++column, values[i]);
  for (guint c = 0; c < COST_COMPONENTS; c++)
    sqlite3_bind_int64(statement, ++column, step->component_ps[c]);
  if (sqlite3_step(statement) != SQLITE_DONE)
    return results_fail(results, error);
  sqlite3_reset(statement);
  return TRUE;
}

gboolean
results_create_steps(Results *results, GError **error)
{
  g_autofree char *create = results_steps_sql();

  return results_exec(results, create, error);
}

gboolean
results_insert_steps(Results *results, const ResultsRun *run, gint64 run_id, GError **error)
{
  g_autofree char *insert = insert_sql();
  sqlite3_stmt *statement;
  gboolean worked = TRUE;

  if (run->steps == NULL)
    return TRUE;
  if (!results_create_steps(results, error) ||
      (statement = results_prepare(results, insert, error)) == NULL)
    return FALSE;
  for (guint i = 0; worked && i < run->steps->len; i++)
    worked = insert_step(results, statement, &g_array_index(run->steps, RecordedStep, i), run_id, i,
                         error);
  sqlite3_finalize(statement);
  return worked;
}

void
results_note_step(ResultsRun *run, const StepReport *report)
{
  const RecordedStep step = recorded_step(report);

  g_array_append_val(run->steps, step);
}
