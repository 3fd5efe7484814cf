/* What the files of the verb `sweep` share: sweep.c runs it, report.c prints the results. */
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

/* Whether the cell at `place` in the order of running belongs to this shard, which has every
 * n_shards-th. */
gboolean sweep_is_ours(const Sweep *s, guint place);

/* These three return an exit status. */
/* Prints the shard's cells with their states. */
int sweep_print_cells(const Sweep *s);
/* Prints the study's results to standard output. */
int sweep_print_results(const Sweep *s);
/* Prints how many cells failed or ended badly, and the first of them; nothing if none did. */
int sweep_say_failures(const Sweep *s);
/* Notes that replicas of a study without a generated trace are all the same. */
void sweep_say_replicas(const Sweep *s);
/* How many cells are done, of all shards. */
guint sweep_count_done(const Sweep *s);
