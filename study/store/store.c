/* Cells in and out of the database. */
#include "private.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "report/results/check.h"

void
study_cell_clear(StudyCell *cell)
{
  g_free(cell->name);
  g_free(cell->run_name);
  g_free(cell->identity);
  g_strfreev(cell->values);
  g_free(cell->message);
}

/* "16" and "0.9" are numbers, "12%" and "1e" are texts. */
static void
bind_value(sqlite3_stmt *statement, int column, const char *text)
{
  char *end;
  gint64 integer = g_ascii_strtoll(text, &end, 10);
  double real;

  if (end != text && *end == '\0') {
    sqlite3_bind_int64(statement, column, integer);
    return;
  }
  real = g_ascii_strtod(text, &end);
  if (end != text && *end == '\0' && g_ascii_isdigit(text[strlen(text) - 1]))
    sqlite3_bind_double(statement, column, real);
  else
    sqlite3_bind_text(statement, column, text, -1, SQLITE_TRANSIENT);
}

static void
bind(sqlite3_stmt *statement, const char *types, va_list values)
{
  for (int column = 1; *types != '\0'; types++, column++) {
    const char *text = *types != 'i' ? va_arg(values, const char *) : NULL;
    if (*types == 'i')
      sqlite3_bind_int64(statement, column, va_arg(values, gint64));
    else if (*types == 'v' && text != NULL)
      bind_value(statement, column, text);
    else
      sqlite3_bind_text(statement, column, text, -1, SQLITE_TRANSIENT);
  }
}

/* Runs a statement to its end and resets it. `types` has a letter for each value: i gint64, s a
 * text or NULL, v likewise, but stored as a number where it is one. */
static gboolean
run_statement(Results *results, sqlite3_stmt *statement, GError **error, const char *types, ...)
{
  va_list values;
  int result;

  va_start(values, types);
  bind(statement, types, values);
  va_end(values);
  while ((result = sqlite3_step(statement)) == SQLITE_ROW)
    ;
  sqlite3_reset(statement);
  return result == SQLITE_DONE || results_fail(results, error);
}

static const char *
state_text(const StudyCell *cell)
{
  return cell->state == CELL_DONE     ? run_end_name(RUN_DONE)
         : cell->state == CELL_FAILED ? "failed"
                                      : "pending";
}

static void
set_message(StudyCell *cell, const char *message)
{
  char *text = message != NULL && *message != '\0' ? g_strdup(message) : NULL;

  g_free(cell->message);
  cell->message = text;
}

/* The statements of study_store_plan() and study_store_look(), prepared once. */
typedef struct {
  sqlite3_stmt *find_run, *find_cell, *put_cell, *put_setting;
} Statements;

static void
statements_clear(Statements *s)
{
  sqlite3_finalize(s->find_run);
  sqlite3_finalize(s->find_cell);
  sqlite3_finalize(s->put_cell);
  sqlite3_finalize(s->put_setting);
}

static gboolean
statements_prepare(Statements *s, Results *results, GError **error)
{
  *s = (Statements){0};
  return (s->find_run = results_prepare(results,
                                        "SELECT run.id, run.\"end\", run.end_reason FROM"
                                        " run_identity JOIN run ON run.id = run_id"
                                        " WHERE identity = ?",
                                        error)) != NULL &&
         (s->find_cell = results_prepare(results,
                                         "SELECT id, identity, state, message FROM cell"
                                         " WHERE study = ? AND name = ? AND seed = ?",
                                         error)) != NULL &&
         (s->put_cell = results_prepare(
              results,
              "INSERT INTO cell (study, name, seed, point, identity, state, run_id, message)"
              " VALUES (?1, ?2, ?3, ?4, ?5, ?6, nullif(?7, 0), ?8)"
              " ON CONFLICT (study, name, seed) DO UPDATE SET point = ?4, identity = ?5,"
              " state = ?6, run_id = nullif(?7, 0), message = ?8",
              error)) != NULL &&
         (s->put_setting = results_prepare(results, "INSERT INTO cell_setting VALUES (?, ?, ?, ?)",
                                           error)) != NULL;
}

/* The run of the cell's identity: sets state and message. *run_id: 0 where there is none. */
static void
look_for_run(const Statements *s, StudyCell *cell, gint64 *run_id, char **end)
{
  *run_id = 0;
  cell->state = CELL_PENDING;
  sqlite3_bind_text(s->find_run, 1, cell->identity, -1, SQLITE_TRANSIENT);
  if (sqlite3_step(s->find_run) == SQLITE_ROW) {
    *run_id = sqlite3_column_int64(s->find_run, 0);
    *end = g_strdup((const char *)sqlite3_column_text(s->find_run, 1));
    cell->state = g_strcmp0(*end, run_end_name(RUN_DONE)) == 0 ? CELL_DONE : CELL_ENDED;
    set_message(cell, (const char *)sqlite3_column_text(s->find_run, 2));
  }
  sqlite3_reset(s->find_run);
}

/* What is stored of the cell: its id; and, where it failed as the same cell, why. */
static void
look_for_cell(const Statements *s, const char *study, StudyCell *cell)
{
  cell->id = 0;
  sqlite3_bind_text(s->find_cell, 1, study, -1, SQLITE_TRANSIENT);
  sqlite3_bind_text(s->find_cell, 2, cell->name, -1, SQLITE_TRANSIENT);
  sqlite3_bind_int64(s->find_cell, 3, (gint64)cell->seed);
  if (sqlite3_step(s->find_cell) == SQLITE_ROW) {
    cell->id = sqlite3_column_int64(s->find_cell, 0);
    if (cell->state == CELL_PENDING &&
        g_strcmp0((const char *)sqlite3_column_text(s->find_cell, 1), cell->identity) == 0 &&
        g_strcmp0((const char *)sqlite3_column_text(s->find_cell, 2), "failed") == 0) {
      cell->state = CELL_FAILED;
      set_message(cell, (const char *)sqlite3_column_text(s->find_cell, 3));
    }
  }
  sqlite3_reset(s->find_cell);
}

static gboolean
put_cell(Results *results, const Statements *s, const StudyTable *study, StudyCell *cell,
         GError **error)
{
  g_autofree char *end = NULL;
  gint64 run_id;

  look_for_run(s, cell, &run_id, &end);
  look_for_cell(s, study->name, cell);
  if (!run_statement(results, s->put_cell, error, "ssiissis", study->name, cell->name,
                     (gint64)cell->seed, (gint64)cell->point, cell->identity,
                     end != NULL ? end : state_text(cell), run_id, cell->message))
    return FALSE;
  if (cell->id != 0)
    return TRUE; /* its settings are those of its name */
  cell->id = sqlite3_last_insert_rowid(results->db);
  for (guint i = 0; study->options[i] != NULL; i++)
    if (!run_statement(results, s->put_setting, error, "iisv", cell->id, (gint64)i,
                       study->options[i], cell->values[i]))
      return FALSE;
  return TRUE;
}

static gboolean
put_study(Results *results, const StudyTable *study, GError **error)
{
  json_auto_t *options = json_array();
  g_autofree char *text = NULL;
  sqlite3_stmt *statement =
      results_prepare(results,
                      "INSERT INTO study VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (name) DO UPDATE"
                      " SET file = ?2, options = ?3, points = ?4, seeds = ?5",
                      error);
  gboolean worked;

  for (guint i = 0; study->options[i] != NULL; i++)
    json_array_append_new(options, json_string(study->options[i]));
  text = json_dumps(options, 0);
  worked = statement != NULL &&
           run_statement(results, statement, error, "sssii", study->name, study->file, text,
                         (gint64)study->n_points, (gint64)study->n_seeds);
  sqlite3_finalize(statement);
  return worked;
}

/* Cells of the study that are not among those put: their ids are in no plan. */
static gboolean
remove_others(Results *results, const StudyTable *study, GError **error)
{
  sqlite3_stmt *keep, *others;
  gboolean worked;

  if (!results_exec(results,
                    "CREATE TEMP TABLE IF NOT EXISTS kept (id INTEGER PRIMARY KEY);"
                    "DELETE FROM kept",
                    error))
    return FALSE;
  keep = results_prepare(results, "INSERT INTO kept VALUES (?)", error);
  worked = keep != NULL;
  for (guint i = 0; worked && i < study->cells->len; i++)
    worked = run_statement(results, keep, error, "i", g_array_index(study->cells, StudyCell, i).id);
  sqlite3_finalize(keep);
  if (!worked)
    return FALSE;
  others = results_prepare(
      results, "DELETE FROM cell WHERE study = ? AND id NOT IN (SELECT id FROM kept)", error);
  worked = others != NULL && run_statement(results, others, error, "s", study->name);
  sqlite3_finalize(others);
  return worked && results_exec(results,
                                "DELETE FROM cell_setting WHERE cell_id NOT IN"
                                " (SELECT id FROM cell); DELETE FROM kept",
                                error);
}

static gboolean
put_all(Results *results, const StudyTable *study, GError **error)
{
  Statements s = {0};
  gboolean worked = study_check_tables(results, error) &&
                    results_check_kept(results, "main", results->path, error) &&
                    put_study(results, study, error) && statements_prepare(&s, results, error);

  for (guint i = 0; worked && i < study->cells->len; i++)
    worked = put_cell(results, &s, study, &g_array_index(study->cells, StudyCell, i), error);
  statements_clear(&s);
  return worked && remove_others(results, study, error) && study_create_views(results, error);
}

gboolean
study_store_plan(Results *results, const StudyTable *study, GError **error)
{
  return results_begin(results, error) &&
         results_finish(results, put_all(results, study, error), error);
}

gboolean
study_store_look(Results *results, const StudyTable *study, GError **error)
{
  Statements s = {0};
  gboolean has, worked;

  if (!study_has_tables(results, "main", &has, error))
    return FALSE;
  if (!has)
    return TRUE;
  worked = results_check_kept(results, "main", results->path, error) &&
           statements_prepare(&s, results, error);
  for (guint i = 0; worked && i < study->cells->len; i++) {
    StudyCell *cell = &g_array_index(study->cells, StudyCell, i);
    g_autofree char *end = NULL;
    gint64 run_id;
    look_for_run(&s, cell, &run_id, &end);
    look_for_cell(&s, study->name, cell);
  }
  statements_clear(&s);
  return worked;
}

/* The run of that identity, which another program may have added since: 0 where there is none. An
 * identity whose run was deleted by hand is removed. */
static gboolean
find_run(Results *results, const StudyCell *cell, gint64 *run_id, GError **error)
{
  sqlite3_stmt *find = results_prepare(
      results, "SELECT run.id FROM run_identity JOIN run ON run.id = run_id WHERE identity = ?",
      error);
  sqlite3_stmt *forget =
      results_prepare(results, "DELETE FROM run_identity WHERE identity = ?", error);
  gboolean worked = find != NULL && forget != NULL;

  *run_id = 0;
  if (worked) {
    sqlite3_bind_text(find, 1, cell->identity, -1, SQLITE_TRANSIENT);
    if (sqlite3_step(find) == SQLITE_ROW)
      *run_id = sqlite3_column_int64(find, 0);
    else
      worked = run_statement(results, forget, error, "s", cell->identity);
  }
  sqlite3_finalize(find);
  sqlite3_finalize(forget);
  return worked;
}

static gboolean
add_run(Results *results, const StudyCell *cell, const PackedRun *packed, gint64 *run_id,
        GError **error)
{
  sqlite3_stmt *identity;
  gboolean worked =
      results_insert(results, &packed->run, &packed->record, &packed->series, run_id, error);

  if (!worked)
    return FALSE;
  identity = results_prepare(results, "INSERT INTO run_identity VALUES (?, ?)", error);
  worked =
      identity != NULL && run_statement(results, identity, error, "is", *run_id, cell->identity);
  sqlite3_finalize(identity);
  return worked;
}

/* Adds the run, unless its identity is there, and sets it in all cells of that identity. */
static gboolean
store_run(Results *results, const StudyCell *cell, const PackedRun *packed, GError **error)
{
  const Summary *summary = &packed->record.summary;
  sqlite3_stmt *cells;
  gint64 run_id;
  gboolean worked;

  if (!find_run(results, cell, &run_id, error) ||
      (run_id == 0 && !add_run(results, cell, packed, &run_id, error)))
    return FALSE;
  cells = results_prepare(
      results, "UPDATE cell SET state = ?, run_id = ?, message = nullif(?, '') WHERE identity = ?",
      error);
  worked = cells != NULL && run_statement(results, cells, error, "siss", run_end_name(summary->end),
                                          run_id, summary->end_reason, cell->identity);
  sqlite3_finalize(cells);
  return worked;
}

gboolean
study_store_run(Results *results, StudyCell *cell, const guint8 *bytes, gsize n_bytes,
                GError **error)
{
  PackedRun packed;
  gboolean worked = results_unpack(bytes, n_bytes, &packed);

  if (!worked)
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_FAILED,
                "%s: a worker's answer is not one of this program", cell->run_name);
  packed.record.name = cell->run_name;
  worked = worked && results_begin(results, error) &&
           results_finish(results, store_run(results, cell, &packed, error), error);
  if (worked) {
    cell->state = packed.record.summary.end == RUN_DONE ? CELL_DONE : CELL_ENDED;
    set_message(cell, packed.record.summary.end_reason);
  }
  packed_run_clear(&packed);
  return worked;
}

gboolean
study_store_failure(Results *results, StudyCell *cell, const char *message, GError **error)
{
  sqlite3_stmt *statement;
  gboolean worked = results_begin(results, error);

  if (!worked)
    return FALSE;
  cell->state = CELL_FAILED;
  set_message(cell, message);
  statement = results_prepare(
      results, "UPDATE cell SET state = 'failed', run_id = NULL, message = ? WHERE identity = ?",
      error);
  worked = statement != NULL &&
           run_statement(results, statement, error, "ss", cell->message, cell->identity);
  sqlite3_finalize(statement);
  return results_finish(results, worked, error);
}
