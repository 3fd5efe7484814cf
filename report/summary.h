/* A run's summary, and several runs' comparison, for programs: JSON and CSV.
 *
 * All texts are the caller's, end in a line break, and are the same bytes for the same runs.
 */
#pragma once

#include "figures.h"

/* A new reference: the figures, then against and config where there are any. */
json_t *summary_to_json(const RunRecord *record);
/* Sets root[a][b] for a figure's key "a.b", root[a] for "a". Steals the value. */
void summary_set_nested(json_t *root, const char *key, json_t *value);
/* --format json of `run`. */
char *summary_json(const RunRecord *record);

/* {"runs": [{"policy": NAME, the summary …} …], "best": {KEY: NAME …}}. best holds the figures
 * of which one run alone has the best value. */
char *comparison_json(const RunRecord *records, guint n_records);

/* A header line and a row a run, nested keys joined by '.'. with_names: begins with the column
 * "policy". */
char *summary_csv(const RunRecord *records, guint n_records, gboolean with_names);
