/* A cell's search is one job; its answer is the search as JSON text, which the database keeps under
 * the cell's identity and the kind of search. */
#include "capacity.h"

#include <string.h>

#include "report/results/private.h"
#include "report/results/studies.h"
#include "study/job_run.h"

typedef struct {
  Capacity *capacity;
  Results *results;
} Job;

static void
run_cell(gpointer data, guint cell, GByteArray *answer)
{
  const Capacity *c = ((Job *)data)->capacity;
  const guint8 kind = ANSWER_RUN;
  g_autoptr(Settings) settings = study_plan_settings(c->plan, cell);
  g_autoptr(GError) error = NULL;
  json_auto_t *found = capacity_search(settings, c->kind, c->shelf, &error);
  g_autofree char *text = NULL;

  if (found == NULL) {
    answer_failure(answer, error->message);
    return;
  }
  text = json_dumps(found, JSON_COMPACT | JSON_REAL_PRECISION(17));
  g_byte_array_set_size(answer, 0);
  g_byte_array_append(answer, &kind, 1);
  g_byte_array_append(answer, (const guint8 *)text, (guint)strlen(text) + 1);
}

static const char *
identity_of(const Capacity *c, guint cell)
{
  return g_array_index(c->plan->table.cells, StudyCell, cell).identity;
}

/* Runs one statement with the cell's identity and the kind, and a text or NULL behind them. FALSE:
 * it failed. *found: the first column, for the caller to free; NULL: no row. */
static gboolean
ask(const Job *job, const char *sql, guint cell, const char *text, char **found, GError **error)
{
  sqlite3_stmt *statement = results_prepare(job->results, sql, error);
  int result;

  *found = NULL;
  if (statement == NULL)
    return FALSE;
  sqlite3_bind_text(statement, 1, identity_of(job->capacity, cell), -1, SQLITE_TRANSIENT);
  sqlite3_bind_text(statement, 2, search_kinds[job->capacity->kind], -1, SQLITE_STATIC);
  if (text != NULL)
    sqlite3_bind_text(statement, 3, text, -1, SQLITE_TRANSIENT);
  result = sqlite3_step(statement);
  if (result == SQLITE_ROW)
    *found = g_strdup((const char *)sqlite3_column_text(statement, 0));
  sqlite3_finalize(statement);
  return result == SQLITE_ROW || result == SQLITE_DONE || results_fail(job->results, error);
}

static gboolean
take(gpointer data, guint cell, const GByteArray *answer, gboolean *failed, GError **error)
{
  const Job *job = data;
  char *message = answer_message(answer);
  const char *text = message == NULL ? (const char *)answer->data + 1 : NULL;
  g_autofree char *row = NULL;

  *failed = message != NULL;
  job->capacity->failures->pdata[cell] = message;
  if (message != NULL)
    return TRUE;
  job->capacity->searches->pdata[cell] = json_loads(text, 0, NULL);
  return job->results == NULL ||
         ask(job, "INSERT OR REPLACE INTO capacity VALUES (?, ?, ?)", cell, text, &row, error);
}

static gboolean
is_load(const json_t *value)
{
  return json_is_null(value) || (json_is_number(value) && json_number_value(value) >= 0);
}

static gboolean
are_figures(const json_t *figures)
{
  const char *key;
  json_t *value;

  json_object_foreach((json_t *)figures, key, value)
  {
    if (!is_load(value))
      return FALSE;
  }
  return json_is_object(figures);
}

/* As capacity_search() makes it. */
static gboolean
is_search(const json_t *search)
{
  const json_t *low = json_object_get(search, "low"), *high = json_object_get(search, "high");
  const json_t *limit = json_object_get(search, "limited_by");

  return is_load(low) && is_load(high) &&
         (json_is_null(low) || json_is_null(high) ||
          json_number_value(low) <= json_number_value(high)) &&
         json_is_boolean(json_object_get(search, "unlimited")) &&
         (json_is_null(limit) || json_is_string(limit)) &&
         are_figures(json_object_get(search, "figures")) &&
         json_is_array(json_object_get(search, "trials"));
}

/* What an earlier start has found. */
static gboolean
look(const Job *job, guint cell, GError **error)
{
  g_autofree char *text = NULL;

  if (job->results == NULL)
    return TRUE;
  if (!ask(job, "SELECT search FROM capacity WHERE identity = ? AND kind = ?", cell, NULL, &text,
           error))
    return FALSE;
  if (text == NULL)
    return TRUE;
  job->capacity->searches->pdata[cell] = json_loads(text, 0, NULL);
  if (is_search(job->capacity->searches->pdata[cell]))
    return TRUE;
  g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_DAMAGED,
              "%s: search %.40s, in its table capacity: found '%.40s…', expected what a search "
              "writes; the file is damaged, or was changed by hand",
              job->results->path, identity_of(job->capacity, cell), text);
  return FALSE;
}

/* Traces are read before there are workers, which share them. */
static gboolean
read_traces(const Capacity *c, const GArray *cells, GError **error)
{
  for (guint i = 0; i < cells->len; i++) {
    g_autoptr(Settings) settings = study_plan_settings(c->plan, g_array_index(cells, guint, i));
    shelf_read_trace(c->shelf, settings, "capacity");
    if (shelf_workload(c->shelf, settings, error) == NULL)
      return FALSE;
  }
  return TRUE;
}

static gboolean
choose(const Job *job, GArray *cells, GError **error)
{
  Capacity *c = job->capacity;

  for (guint i = 0; i < c->plan->table.cells->len; i++) {
    const char *refusal = g_ptr_array_index(c->plan->refusals, i);
    c->failures->pdata[i] = g_strdup(refusal);
    if (refusal == NULL && !look(job, i, error))
      return FALSE;
    if (refusal == NULL && c->searches->pdata[i] == NULL)
      g_array_append_val(cells, i);
  }
  return read_traces(c, cells, error);
}

gboolean
capacity_run(Capacity *capacity, Results *results, guint n_jobs, guint *n_run, GError **error)
{
  Job job = {capacity, results};
  const TransportWork work = {run_cell, &job};
  g_autoptr(GArray) cells = g_array_new(FALSE, FALSE, sizeof(guint));
  g_autoptr(Transport) transport = NULL;
  JobRun run = {.name = capacity->plan->study->name, .take = take, .data = &job};

  g_ptr_array_set_size(capacity->searches, (gint)capacity->plan->table.cells->len);
  g_ptr_array_set_size(capacity->failures, (gint)capacity->plan->table.cells->len);
  if ((results != NULL && !results_exec(results, capacity_tables, error)) ||
      !choose(&job, cells, error))
    return FALSE;
  transport = transport_local_new(&work, n_jobs, cells->len);
  run.transport = transport;
  run.jobs = (const guint *)(gpointer)cells->data;
  run.n_jobs = cells->len;
  return job_run(&run, n_run, error);
}
