/* Runs, in parallel, the parts of a map that a database lacks, and stores them there. A job is a
 * point and a seed with all policies, so that they share its requests; its rows are one
 * transaction. */
#pragma once

#include "map.h"
#include "report/results/results.h"

typedef struct {
  Results *results;
  guint n_workers;    /* 0: one a core */
  gint64 deadline_us; /* monotonic: no further job is kept after it; G_MAXINT64: none */
} MapRunOptions;

typedef struct {
  guint n_jobs, n_before; /* jobs in all; those that the database held */
  guint n_now;            /* those that were run now */
} MapProgress;

/* Fills in map->runs. FALSE without an error: it was told to stop (Ctrl-C, SIGTERM), what was run
 * is kept. A deadline that has passed is no failure: progress tells what is left. */
gboolean policy_map_execute(PolicyMap *map, const MapRunOptions *options, MapProgress *progress,
                            GError **error);
