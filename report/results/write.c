/* The rows of one run, within the transaction of results_commit(). */
#include "config.h"

#include "report/text/flatten.h"
#include "private.h"
#include "report/files/requests.h"
#include "sim/units.h"

/* A prepared INSERT whose values are bound in the order of its columns. */
typedef struct {
  Results *results;
  sqlite3_stmt *statement;
  int column;
} Insert;

static gboolean
insert_prepare(Insert *insert, Results *results, const char *sql, GError **error)
{
  *insert = (Insert){.results = results, .statement = results_prepare(results, sql, error)};
  return insert->statement != NULL;
}

static void
bind_int(Insert *insert, gint64 value)
{
  sqlite3_bind_int64(insert->statement, ++insert->column, value);
}

static void
bind_real(Insert *insert, double value)
{
  sqlite3_bind_double(insert->statement, ++insert->column, value);
}

/* NULL where there is no such time. */
static void
bind_time(Insert *insert, gint64 time_ps)
{
  if (time_ps < 0)
    sqlite3_bind_null(insert->statement, ++insert->column);
  else
    bind_real(insert, ps_to_s(time_ps));
}

static void
bind_text(Insert *insert, const char *text)
{
  sqlite3_bind_text(insert->statement, ++insert->column, text, -1, SQLITE_TRANSIENT);
}

static gboolean
insert_row(Insert *insert, GError **error)
{
  int result = sqlite3_step(insert->statement);

  if (result != SQLITE_DONE)
    return results_fail(insert->results, error);
  sqlite3_reset(insert->statement);
  insert->column = 0;
  return TRUE;
}

static gboolean
insert_finish(Insert *insert, gboolean worked)
{
  sqlite3_finalize(insert->statement);
  return worked;
}

static char *
run_sql(void)
{
  GString *columns = g_string_new("INSERT INTO run (name, created_utc, program_version");
  guint n;
  const Figure *all = figures(&n);

  for (guint i = 0; i < n; i++) {
    g_autofree char *column = results_column(all[i].key);
    g_string_append_printf(columns, ", \"%s\"", column);
  }
  g_string_append(columns, ") VALUES (?, ?, ?");
  for (guint i = 0; i < n; i++)
    g_string_append(columns, ", ?");
  g_string_append(columns, ")");
  return g_string_free(columns, FALSE);
}

static gboolean
insert_run(Results *results, const RunRecord *record, gint64 *run_id, GError **error)
{
  g_autofree char *sql = run_sql();
  g_autoptr(GDateTime) now = g_date_time_new_now_utc();
  g_autofree char *created = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
  guint n;
  const Figure *all = figures(&n);
  Insert insert;
  gboolean worked;

  if (!insert_prepare(&insert, results, sql, error))
    return FALSE;
  bind_text(&insert, record->name != NULL ? record->name : "");
  bind_text(&insert, created);
  bind_text(&insert, PACKAGE_VERSION);
  for (guint i = 0; i < n; i++) {
    if (figure_is_text(&all[i]))
      bind_text(&insert, figure_text(&all[i], record));
    else if (figure_is_count(&all[i]))
      bind_int(&insert, (gint64)figure_count(&all[i], record));
    else
      bind_real(&insert, figure_real(&all[i], record));
  }
  worked = insert_row(&insert, error);
  *run_id = sqlite3_last_insert_rowid(results->db);
  return insert_finish(&insert, worked);
}

typedef struct {
  Insert insert;
  gint64 run_id;
  gboolean worked;
  GError **error;
} ConfigRows;

static void
insert_setting(const char *key, json_t *leaf, gpointer user_data)
{
  ConfigRows *rows = user_data;
  g_autofree char *text = NULL;

  if (!rows->worked)
    return;
  bind_int(&rows->insert, rows->run_id);
  bind_text(&rows->insert, key);
  if (json_is_integer(leaf) || json_is_boolean(leaf)) {
    bind_int(&rows->insert, json_is_integer(leaf) ? json_integer_value(leaf) : json_is_true(leaf));
  } else if (json_is_real(leaf)) {
    bind_real(&rows->insert, json_real_value(leaf));
  } else if (json_is_null(leaf)) {
    bind_time(&rows->insert, -1);
  } else {
    text = json_leaf_text(leaf);
    bind_text(&rows->insert, text);
  }
  rows->worked = insert_row(&rows->insert, rows->error);
}

static gboolean
insert_config(Results *results, const RunRecord *record, gint64 run_id, GError **error)
{
  ConfigRows rows = {.run_id = run_id, .worked = TRUE, .error = error};

  if (record->config == NULL)
    return TRUE;
  if (!insert_prepare(&rows.insert, results, "INSERT INTO config VALUES (?, ?, ?)", error))
    return FALSE;
  json_flatten(record->config, NULL, insert_setting, &rows);
  return insert_finish(&rows.insert, rows.worked);
}

static gboolean
insert_requests(Results *results, const ResultsRun *run, gint64 run_id, GError **error)
{
  Insert insert;
  gboolean worked;
  char id[24];

  if (!insert_prepare(&insert, results,
                      "INSERT INTO request VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", error))
    return FALSE;
  worked = run->requests != NULL || results_spool_rewind(run, error);
  for (guint32 i = 0; worked && i < workload_count(run->workload); i++) {
    RequestResult read;
    const RequestResult *result = run->requests != NULL ? &run->requests[i] : &read;
    if (run->requests == NULL && !(worked = results_spool_read(run, &read, 1, error)))
      break;
    bind_int(&insert, run_id);
    bind_int(&insert, i);
    bind_text(&insert, workload_id(run->workload, i, id));
    bind_text(&insert, request_outcome_name(result->status));
    bind_time(&insert, result->arrival_ps);
    bind_int(&insert, result->prompt_tokens);
    bind_int(&insert, result->generated_tokens);
    bind_time(&insert, result->first_scheduled_ps);
    bind_time(&insert, result->first_token_ps);
    bind_time(&insert, result->last_token_ps);
    bind_time(&insert, result->status == STATUS_FINISHED ? result->finish_ps : -1);
    bind_int(&insert, result->preemptions);
    bind_time(&insert, result->preempted_ps);
    bind_int(&insert, result->recomputed_tokens);
    bind_int(&insert, result->swapped_out_blocks);
    bind_int(&insert, result->swapped_in_blocks);
    worked = insert_row(&insert, error);
  }
  return insert_finish(&insert, worked);
}

static gboolean
insert_preemptions(Results *results, const ResultsRun *run, gint64 run_id, GError **error)
{
  g_autoptr(GString) sql =
      g_string_new("INSERT INTO preemption VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?");
  Insert insert;
  gboolean worked = TRUE;

  for (guint p = 0; p < OVERFLOW_POLICIES_COUNT; p++)
    g_string_append(sql, ",?");
  g_string_append_c(sql, ')');
  if (!insert_prepare(&insert, results, sql->str, error))
    return FALSE;
  for (guint i = 0; worked && i < run->preemptions->len; i++) {
    const Preemption *preemption = &g_array_index(run->preemptions, Preemption, i);
    bind_int(&insert, run_id);
    bind_int(&insert, i);
    bind_int(&insert, preemption->victim.request);
    bind_int(&insert, preemption->victim.beneficiary);
    bind_int(&insert, (gint64)preemption->step);
    bind_time(&insert, preemption->time_ps);
    bind_text(&insert, overflow_action_name(preemption->victim.action));
    bind_int(&insert, preemption->victim.fell_back != FALSE);
    bind_int(&insert, preemption->victim.blocks);
    bind_int(&insert, preemption->victim.tokens_lost);
    bind_int(&insert, preemption->found_tokens);
    bind_time(&insert, preemption->cost_ps);
    bind_time(&insert,
              preemption->price_ps[preemption->victim.copied_blocks > 0 ? overflow_recompute_place
                                                                        : overflow_swap_place]);
    bind_time(&insert, preemption->resumed_ps);
    bind_time(&insert, preemption->victim.copies.beside ? preemption->victim.free_after_ps : -1);
    for (guint p = 0; p < OVERFLOW_POLICIES_COUNT; p++)
      bind_time(&insert, preemption->price_ps[p]);
    worked = insert_row(&insert, error);
  }
  return insert_finish(&insert, worked);
}

static gboolean
insert_series(Results *results, const ResultsRun *run, const ResultsSeries *series, gint64 run_id,
              GError **error)
{
  gint64 origin_ps =
      workload_count(run->workload) > 0 ? workload_request(run->workload, 0)->arrival_ps : 0;
  gboolean worked = TRUE;
  Insert insert;

  if (!insert_prepare(&insert, results,
                      "INSERT INTO series VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", error))
    return FALSE;
  for (guint32 i = 0; worked && i < series->n; i++) {
    const SeriesBucket *bucket = &series->buckets[i];
    bind_int(&insert, run_id);
    bind_int(&insert, i);
    bind_time(&insert, origin_ps + i * series->bucket_ps);
    bind_time(&insert, series->bucket_ps);
    bind_int(&insert, (gint64)bucket->output_tokens);
    bind_int(&insert, (gint64)bucket->computed_tokens);
    bind_int(&insert, bucket->preemptions);
    bind_int(&insert, bucket->resumes);
    bind_int(&insert, bucket->finished);
    bind_int(&insert, bucket->gpu_blocks);
    bind_int(&insert, bucket->gpu_blocks_peak);
    bind_int(&insert, bucket->host_blocks);
    bind_int(&insert, bucket->running);
    bind_int(&insert, bucket->waiting);
    bind_int(&insert, bucket->swapped);
    bind_int(&insert, bucket->sampled != FALSE);
    worked = insert_row(&insert, error);
  }
  return insert_finish(&insert, worked);
}

gboolean
results_insert(Results *results, const ResultsRun *run, const RunRecord *record,
               const ResultsSeries *series, gint64 *run_id, GError **error)
{
  return insert_run(results, record, run_id, error) &&
         insert_config(results, record, *run_id, error) &&
         ((run->requests == NULL && run->rows == NULL) ||
          insert_requests(results, run, *run_id, error)) &&
         insert_preemptions(results, run, *run_id, error) &&
         insert_series(results, run, series, *run_id, error) &&
         results_insert_steps(results, run, *run_id, error);
}
