/* The table `step`: made when the first run that records its steps is added, so that files of runs
 * that record none stay as they are. */
#include "step_record.h"

#include <string.h>

#include "private.h"

#define COLUMNS                                                                                    \
  "step, repeats, first_ps, growth_ps, recompute_overhead_ps, sequences, decodes, tokens,"         \
  " preemptions, copy_out_blocks, copy_in_blocks"

static char *
create_sql(void)
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
  GString *sql = g_string_new("INSERT INTO step (run_id, sequence, " COLUMNS);

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
  g_autofree char *create = create_sql();

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

/* Reading. The file is opened to read only, and is whatever the user named. */

static gboolean
fail(const Recording *recording, GError **error, const char *what)
{
  g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_FAILED, "%s: %s", recording->path, what);
  return FALSE;
}

static gboolean
fail_sqlite(const Recording *recording, sqlite3 *db, GError **error)
{
  g_autofree char *what =
      g_strdup_printf("%s; expected a results database (-o) with a run that recorded its steps",
                      sqlite3_errmsg(db));

  return fail(recording, error, what);
}

/* Splits "FILE.db:3". A file of that whole name comes first. */
static void
split_name(const char *text, Recording *recording)
{
  const char *colon = strrchr(text, ':');
  guint64 id;

  recording->path = g_strdup(text);
  if (colon == NULL || g_file_test(text, G_FILE_TEST_EXISTS) ||
      !g_ascii_string_to_unsigned(colon + 1, 10, 1, G_MAXINT64, &id, NULL))
    return;
  recording->path[colon - text] = '\0';
  recording->run_id = (gint64)id;
}

static gboolean
find_run(Recording *recording, sqlite3 *db, GError **error)
{
  sqlite3_stmt *statement = NULL;
  gint64 found = 0;

  if (sqlite3_prepare_v2(db, "SELECT max(run_id) FROM step WHERE ?1 = 0 OR run_id = ?1", -1,
                         &statement, NULL) != SQLITE_OK)
    return fail_sqlite(recording, db, error);
  sqlite3_bind_int64(statement, 1, recording->run_id);
  if (sqlite3_step(statement) == SQLITE_ROW)
    found = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  if (found == 0) {
    g_autofree char *which = recording->run_id != 0
                                 ? g_strdup_printf("its run %" G_GINT64_FORMAT, recording->run_id)
                                 : g_strdup("it");
    g_autofree char *what = g_strdup_printf(
        "%s has no recorded steps; live runs have, others with --record-steps", which);
    return fail(recording, error, what);
  }
  recording->run_id = found;
  return TRUE;
}

static gboolean
read_config(Recording *recording, sqlite3 *db, GError **error)
{
  sqlite3_stmt *statement = NULL;
  int result;

  if (sqlite3_prepare_v2(db, "SELECT key, value FROM config WHERE run_id = ?1", -1, &statement,
                         NULL) != SQLITE_OK)
    return fail_sqlite(recording, db, error);
  sqlite3_bind_int64(statement, 1, recording->run_id);
  while ((result = sqlite3_step(statement)) == SQLITE_ROW)
    g_hash_table_insert(recording->config,
                        g_strdup((const char *)sqlite3_column_text(statement, 0)),
                        g_strdup((const char *)sqlite3_column_text(statement, 1)));
  sqlite3_finalize(statement);
  return result == SQLITE_DONE || fail_sqlite(recording, db, error);
}

static char *
select_sql(void)
{
  GString *sql = g_string_new("SELECT " COLUMNS);

  for (guint c = 0; c < COST_COMPONENTS; c++)
    g_string_append_printf(sql, ", %s_ps", cost_component_name(c));
  g_string_append(sql, " FROM step WHERE run_id = ?1 ORDER BY sequence");
  return g_string_free(sql, FALSE);
}

/* FALSE for what no run writes. */
static gboolean
take_row(sqlite3_stmt *statement, RecordedStep *step)
{
  gint64 values[11];

  for (int i = 0; i < (int)G_N_ELEMENTS(values); i++) {
    values[i] = sqlite3_column_int64(statement, i);
    if (values[i] < 0)
      return FALSE;
  }
  *step = (RecordedStep){
      .step = (guint64)values[0],
      .repeats = (guint32)values[1],
      .first_ps = values[2],
      .growth_ps = values[3],
      .recompute_overhead_ps = values[4],
      .sequences = (guint32)values[5],
      .decodes = (guint32)values[6],
      .tokens = (guint64)values[7],
      .preemptions = (guint32)values[8],
      .copy_out_blocks = (guint32)values[9],
      .copy_in_blocks = (guint32)values[10],
  };
  for (guint c = 0; c < COST_COMPONENTS; c++)
    step->component_ps[c] = sqlite3_column_int64(statement, (int)(G_N_ELEMENTS(values) + c));
  return step->repeats >= 1;
}

static gboolean
read_steps(Recording *recording, sqlite3 *db, GError **error)
{
  g_autofree char *sql = select_sql();
  sqlite3_stmt *statement = NULL;
  gboolean sound = TRUE;
  int result;

  if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
    return fail_sqlite(recording, db, error);
  sqlite3_bind_int64(statement, 1, recording->run_id);
  while ((result = sqlite3_step(statement)) == SQLITE_ROW && sound) {
    RecordedStep step;
    sound = take_row(statement, &step);
    g_array_append_val(recording->steps, step);
  }
  sqlite3_finalize(statement);
  if (!sound)
    return fail(recording, error, "its recorded steps are damaged: found a time below 0");
  return result == SQLITE_DONE || fail_sqlite(recording, db, error);
}

Recording *
recording_read(const char *text, GError **error)
{
  g_autoptr(Recording) recording = g_new0(Recording, 1);
  sqlite3 *db = NULL;
  const char *executor;
  gboolean worked;

  recording->config = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  recording->steps = g_array_new(FALSE, FALSE, sizeof(RecordedStep));
  split_name(text, recording);
  worked = sqlite3_open_v2(recording->path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK ||
           fail_sqlite(recording, db, error);
  worked = worked && find_run(recording, db, error) && read_config(recording, db, error) &&
           read_steps(recording, db, error);
  sqlite3_close(db);
  if (!worked)
    return NULL;
  executor = g_hash_table_lookup(recording->config, "executor");
  recording->measured = g_strcmp0(executor, "cpu") == 0 || g_strcmp0(executor, "gpu") == 0;
  return g_steal_pointer(&recording);
}

void
recording_free(Recording *recording)
{
  if (recording == NULL)
    return;
  g_free(recording->path);
  g_hash_table_unref(recording->config);
  g_array_unref(recording->steps);
  g_free(recording);
}
