/* What the files of the verb `sweep` share: sweep.c runs it, report.c says what came of it.
 */
#pragma once

#include "study/cluster.h"
#include "cli/format_option.h"
#include "study/plan.h"

#define SWEEP_VERB "sweep"

typedef struct {
  char *output, *jobs, *shard, *detail, *format;
  gboolean dry_run;
} SweepOptions;

typedef struct {
  SweepOptions options;
  guint n_jobs;          /* 0: not given */
  guint shard, n_shards; /* from 1 */
  ResultsDetail detail;
  OutputFormat format;
  Cluster cluster;
  Study *study;
  Shelf *shelf;
  StudyPlan *plan;
  Results *results; /* NULL in a dry run without one */
} Sweep;

/* Whether the cell at that place of the order in which cells are run is this shard's: a
 * deterministic share, every n-th. */
gboolean sweep_is_ours(const Sweep *s, guint place);

/* Prints the cells and what is to become of them. An exit status, as below. */
int sweep_print_cells(const Sweep *s);
/* The study's table on standard output. */
int sweep_print_results(const Sweep *s);
/* A message if cells have no good end: how many, and the first of them. */
int sweep_say_failures(const Sweep *s);
/* Notes that replicas of a study without a generated trace are all the same. */
void sweep_say_replicas(const Sweep *s);
/* Of all cells, done ones. */
guint sweep_count_done(const Sweep *s);
