/* The tables with a row for each request or step, read for one run at a time. */
#include "file.h"

/* A statement over one run, whose id is its only parameter. */
static sqlite3_stmt *
prepare_for(const Stored *stored, const StoredRun *run, const char *sql, GError **error)
{
  sqlite3_stmt *statement = stored_prepare(stored_file(stored, run), sql, error);

  if (statement != NULL)
    sqlite3_bind_int64(statement, 1, run->id);
  return statement;
}

/* The rows that were read, or NULL where reading failed. */
static GArray *
rows_or_null(GArray *rows, GError *failure, GError **error)
{
  if (failure == NULL)
    return rows;
  g_propagate_error(error, failure);
  g_array_unref(rows);
  return NULL;
}

GArray *
stored_latency(Stored *stored, const StoredRun *run, Latency latency, GError **error)
{
  static const char *const expressions[LATENCIES] = {
      [LATENCY_TTFT] = "first_token_s - arrival_s",
      [LATENCY_TPOT] = ("CASE WHEN output_tokens > 1"
                        " THEN (last_token_s - first_token_s) / (output_tokens - 1) END"),
      [LATENCY_E2E] = "finish_s - arrival_s",
  };
  g_autofree char *sql = g_strdup_printf("SELECT %s AS latency_s FROM request WHERE run_id = ?1 AND"
                                         " latency_s IS NOT NULL ORDER BY latency_s",
                                         expressions[latency]);
  sqlite3_stmt *statement = prepare_for(stored, run, sql, error);
  GArray *values;
  GError *failure = NULL;

  if (statement == NULL)
    return NULL;
  values = g_array_new(FALSE, FALSE, sizeof(double));
  while (stored_next(stored_file(stored, run), statement, &failure)) {
    double value = sqlite3_column_double(statement, 0);
    g_array_append_val(values, value);
  }
  return rows_or_null(values, failure, error);
}

GArray *
stored_series(Stored *stored, const StoredRun *run, GError **error)
{
  static const char sql[] =
      "SELECT time_s, length_s, output_tokens, preemptions, resumes, gpu_blocks, gpu_blocks_peak,"
      " cpu_blocks, running, waiting, swapped FROM series WHERE run_id = ?1 ORDER BY bucket";
  sqlite3_stmt *statement = prepare_for(stored, run, sql, error);
  GArray *buckets;
  GError *failure = NULL;

  if (statement == NULL)
    return NULL;
  buckets = g_array_new(FALSE, FALSE, sizeof(StoredBucket));
  while (stored_next(stored_file(stored, run), statement, &failure)) {
    double v[11];
    for (int i = 0; i < 11; i++)
      v[i] = sqlite3_column_double(statement, i);
    StoredBucket bucket = {v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10]};
    g_array_append_val(buckets, bucket);
  }
  return rows_or_null(buckets, failure, error);
}

static void
victim_clear(gpointer data)
{
  g_free(((StoredVictim *)data)->id);
}

GArray *
stored_victims(Stored *stored, const StoredRun *run, guint limit, GError **error)
{
  static const char sql[] =
      "SELECT id, preemptions, coalesce(finish_s, last_token_s, first_scheduled_s) - arrival_s,"
      " first_scheduled_s - arrival_s, preempted_s, cost_s FROM request LEFT JOIN"
      " (SELECT victim, sum(cost_s) AS cost_s FROM preemption WHERE run_id = ?1 GROUP BY victim)"
      " ON victim = request WHERE run_id = ?1 AND preemptions > 0"
      " ORDER BY preempted_s DESC, request LIMIT ?2";
  sqlite3_stmt *statement = prepare_for(stored, run, sql, error);
  GArray *victims;
  GError *failure = NULL;

  if (statement == NULL)
    return NULL;
  sqlite3_bind_int64(statement, 2, limit);
  victims = g_array_new(FALSE, FALSE, sizeof(StoredVictim));
  g_array_set_clear_func(victims, victim_clear);
  while (stored_next(stored_file(stored, run), statement, &failure)) {
    StoredVictim victim = {
        .id = stored_text(statement, 0),
        .preemptions = (guint32)sqlite3_column_int64(statement, 1),
        .total_s = sqlite3_column_double(statement, 2),
        .queued_s = sqlite3_column_double(statement, 3),
        .preempted_s = sqlite3_column_double(statement, 4),
        .cost_s = stored_real(statement, 5),
    };
    g_array_append_val(victims, victim);
  }
  return rows_or_null(victims, failure, error);
}
