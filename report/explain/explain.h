/* A run in words, from its results database: why requests were slow, who was evicted for whom, what
 * that cost, and what every other policy would have cost. Texts are the caller's and end in a line
 * break; NULL with an error. */
#pragma once

#include "report/results/query.h"

#define EXPLAIN_NOT_KEPT(what)                                                                     \
  "Its " what " were not kept one by one; 'spillway sweep --detail all' or 'spillway run -o' "     \
  "keeps them"

/* The id of the run that is meant: `run_id`, or the last one where that is 0. 0 with an error. */
gint64 explain_find_run(Results *results, gint64 run_id, GError **error);

/* FALSE: the run has no rows in that table, which a sweep keeps only if it is told to. */
gboolean explain_is_kept(Results *results, const char *table, gint64 run_id);

/* The columns of what every policy would have cost, each summed up, for a SELECT; caller frees. */
char *explain_price_sums(void);
/* A table of those columns, or of a row of preemption; nothing where no cost is known. what: "this
 * eviction". */
void explain_append_prices(ResultsQuery *row, const char *what, GString *text);

/* A paragraph on the run, and the `top` requests that waited longest. */
char *explain_run(Results *results, gint64 run_id, guint top, GError **error);
/* id: as the trace has it. */
char *explain_request(Results *results, gint64 run_id, const char *id, GError **error);
char *explain_preemption(Results *results, gint64 run_id, gint64 sequence, GError **error);
