/* What came of a study: a table for people, JSON and CSV, from the view point_summary. The texts
 * are the caller's and end in a line break; NULL with an error where the database cannot be read.
 */
#pragma once

#include "store.h"

/* The figures people look at, a line a point, the mean over the seeds, ± half its 95 % confidence
 * interval, the best of a column marked. */
char *study_text(Results *results, const StudyTable *study, GError **error);
/* {"study", "options", "cells", "done", "pending", "not_done": [{"cell", "seed", "state",
 * "message"}], "points": [{"cell", "settings", "runs", "mean", "ci95"}]}; mean and ci95 have the
 * summary's keys. */
char *study_json(Results *results, const StudyTable *study, GError **error);
/* A row a point: the grid's options, runs, each figure and its _ci95. */
char *study_csv(Results *results, const StudyTable *study, GError **error);
