/* A run in words, from its results database: why requests were slow, who was evicted for whom, what
 * that cost, and what the other action would have cost. Texts are the caller's and end in a line
 * break; NULL with an error. */
#pragma once

#include "results_query.h"

/* The id of the run that is meant: `run_id`, or the last one where that is 0. 0 with an error. */
gint64 explain_find_run(Results *results, gint64 run_id, GError **error);

/* A paragraph on the run, and the `top` requests that waited longest. */
char *explain_run(Results *results, gint64 run_id, guint top, GError **error);
/* id: as the trace has it. */
char *explain_request(Results *results, gint64 run_id, const char *id, GError **error);
char *explain_preemption(Results *results, gint64 run_id, gint64 sequence, GError **error);
