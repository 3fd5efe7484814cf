/* Values of a results database, checked before anything is made of them: a file may have been
 * changed by hand, damaged, or made to mislead. */
#pragma once

#include "private.h"

/* FALSE with an error that names the run, the table, the column and what was found, where a value
 * is none that a run writes: of another type, out of its range, or at odds with its neighbours.
 * schema: "main", or the attached one; run_id: only that run's, 0: all. path: for the message. */
gboolean results_check_values(Results *results, const char *schema, gint64 run_id, const char *path,
                              GError **error);
/* The same of the runs' figures alone, which is quick. */
gboolean results_check_figures(Results *results, const char *schema, gint64 run_id,
                               const char *path, GError **error);
