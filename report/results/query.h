/* Reading a results database: it is opened read-only, and rows are read by the names of their
 * columns. doc/results.md has the tables and views. */
#pragma once

#include "results.h"

/* NULL with an error where there is no such file, or it holds no results that this program knows.
 */
Results *results_open_read(const char *path, GError **error);

typedef struct ResultsQuery ResultsQuery;

/* The rows of an SQL statement, with `run_id` for its ?1 and `value` for its ?2. For
 * results_query_free(). */
ResultsQuery *results_query_new(Results *results, const char *sql, gint64 run_id, gint64 value,
                                GError **error);
/* The same with a text for its ?2. */
ResultsQuery *results_query_new_text(Results *results, const char *sql, gint64 run_id,
                                     const char *value, GError **error);
void results_query_free(ResultsQuery *query);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ResultsQuery, results_query_free)

/* Goes to the next row. FALSE after the last, and with an error where the file cannot be read. */
gboolean results_query_next(ResultsQuery *query, GError **error);

/* Steps the query to its first row and returns it; a NULL query stays NULL. Where it has no row
 * (RESULTS_ERROR_ABSENT, saying `absent`), or cannot be read, it is freed, and NULL is returned. */
ResultsQuery *results_query_first(ResultsQuery *query, const char *absent, GError **error);

/* Columns of the row. A name that it does not have is a bug of this program. */
double results_query_real(ResultsQuery *query, const char *column); /* NAN where NULL */
gboolean results_query_is_null(ResultsQuery *query, const char *column);
gint64 results_query_count(ResultsQuery *query, const char *column); /* 0 where NULL */
/* "" where NULL; valid until the next row. */
const char *results_query_text(ResultsQuery *query, const char *column);
