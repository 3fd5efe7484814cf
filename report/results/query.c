#include "query.h"

#include <math.h>

#include "private.h"

struct ResultsQuery {
  Results *results; /* the caller's */
  sqlite3_stmt *statement;
};

static gboolean
fail_read(Results *results, GError **error)
{
  gboolean foreign = (sqlite3_errcode(results->db) & 0xff) == SQLITE_NOTADB;

  g_set_error(error, RESULTS_ERROR, foreign ? RESULTS_ERROR_FOREIGN : RESULTS_ERROR_FAILED,
              foreign ? "%s is not a results database (%s); name another file"
                      : "cannot read %s: %s",
              results->path, sqlite3_errmsg(results->db));
  return FALSE;
}

static gboolean
check(Results *results, GError **error)
{
  gint64 application_id = 0;
  g_autoptr(ResultsQuery) query =
      results_query_new(results, "SELECT application_id FROM pragma_application_id", 0, 0, error);
  g_autoptr(GError) cause = NULL;

  if (query == NULL)
    return FALSE;
  if (!results_query_next(query, &cause)) {
    if (cause != NULL)
      g_propagate_error(error, g_steal_pointer(&cause));
    return cause == NULL;
  }
  application_id = results_query_count(query, "application_id");
  return results_check_format(results, application_id, error);
}

Results *
results_open_read(const char *path, GError **error)
{
  g_autoptr(Results) results = g_new0(Results, 1);

  results->path = g_strdup(path);
  if (!g_file_test(path, G_FILE_TEST_EXISTS) || g_file_test(path, G_FILE_TEST_IS_DIR)) {
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_FAILED,
                "%s: %s; expected a file that 'spillway run -o' wrote", path,
                g_file_test(path, G_FILE_TEST_IS_DIR) ? "it is a folder" : "there is no such file");
    return NULL;
  }
  if (sqlite3_open_v2(path, &results->db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) {
    fail_read(results, error);
    return NULL;
  }
  sqlite3_busy_timeout(results->db, RESULTS_LOCK_WAIT_MS);
  return check(results, error) ? g_steal_pointer(&results) : NULL;
}

static ResultsQuery *
prepare(Results *results, const char *sql, gint64 run_id, GError **error)
{
  ResultsQuery *query = g_new0(ResultsQuery, 1);

  query->results = results;
  if (sqlite3_prepare_v2(results->db, sql, -1, &query->statement, NULL) != SQLITE_OK) {
    fail_read(results, error);
    results_query_free(query);
    return NULL;
  }
  if (sqlite3_bind_parameter_count(query->statement) > 0)
    sqlite3_bind_int64(query->statement, 1, run_id);
  return query;
}

ResultsQuery *
results_query_new(Results *results, const char *sql, gint64 run_id, gint64 value, GError **error)
{
  ResultsQuery *query = prepare(results, sql, run_id, error);

  if (query != NULL && sqlite3_bind_parameter_count(query->statement) > 1)
    sqlite3_bind_int64(query->statement, 2, value);
  return query;
}

ResultsQuery *
results_query_new_text(Results *results, const char *sql, gint64 run_id, const char *value,
                       GError **error)
{
  ResultsQuery *query = prepare(results, sql, run_id, error);

  if (query != NULL)
    sqlite3_bind_text(query->statement, 2, value, -1, SQLITE_TRANSIENT);
  return query;
}

void
results_query_free(ResultsQuery *query)
{
  if (query == NULL)
    return;
  sqlite3_finalize(query->statement);
  g_free(query);
}

gboolean
results_query_next(ResultsQuery *query, GError **error)
{
  int result = sqlite3_step(query->statement);

  if (result != SQLITE_ROW && result != SQLITE_DONE)
    fail_read(query->results, error);
  return result == SQLITE_ROW;
}

static int
find_column(const ResultsQuery *query, const char *column)
{
  int n = sqlite3_column_count(query->statement), i = 0;

  while (i < n && !g_str_equal(sqlite3_column_name(query->statement, i), column))
    i++;
  g_assert(i < n);
  return i;
}

double
results_query_real(ResultsQuery *query, const char *column)
{
  int i = find_column(query, column);

  return sqlite3_column_type(query->statement, i) == SQLITE_NULL
             ? NAN
             : sqlite3_column_double(query->statement, i);
}

gint64
results_query_count(ResultsQuery *query, const char *column)
{
  return sqlite3_column_int64(query->statement, find_column(query, column));
}

const char *
results_query_text(ResultsQuery *query, const char *column)
{
  const unsigned char *text = sqlite3_column_text(query->statement, find_column(query, column));

  return text != NULL ? (const char *)text : "";
}

ResultsQuery *
results_query_first(ResultsQuery *query, const char *absent, GError **error)
{
  GError *cause = NULL;

  if (query == NULL || results_query_next(query, &cause))
    return query;
  if (cause != NULL)
    g_propagate_error(error, cause);
  else
    g_set_error_literal(error, RESULTS_ERROR, RESULTS_ERROR_ABSENT, absent);
  results_query_free(query);
  return NULL;
}
