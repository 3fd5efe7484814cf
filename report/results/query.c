#include "query.h"

#include <math.h>

#include "private.h"

struct ResultsQuery {
  Results *results; /* the caller's */
  sqlite3_stmt *statement;
};

static ResultsQuery *
prepare(Results *results, const char *sql, gint64 run_id, GError **error)
{
  ResultsQuery *query = g_new0(ResultsQuery, 1);

  query->results = results;
  if (sqlite3_prepare_v2(results->db, sql, -1, &query->statement, NULL) != SQLITE_OK) {
    results_fail(results, error);
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
    results_fail(query->results, error);
  return result == SQLITE_ROW;
}

char *
results_column(const char *key)
{
  return g_strdelimit(g_strdup(key), ".", '_');
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

gboolean
results_query_is_null(ResultsQuery *query, const char *column)
{
  return sqlite3_column_type(query->statement, find_column(query, column)) == SQLITE_NULL;
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
