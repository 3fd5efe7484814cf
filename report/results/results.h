/* The results database (-o results.db): runs, appended one transaction each. doc/results.md has the
 * tables.
 *
 * Open it before the run, so that a file that cannot take results is told early; collect during
 * the run; commit after it. A commit that fails leaves what the file held before.
 */
#pragma once

#include "report/figures.h"
#include "sim/observer.h"
#include "sim/policies/overflow.h"

#define RESULTS_FORMAT 6
#define RESULTS_APPLICATION_ID 0x5370696c /* "Spil" */
#define RESULTS_LOCK_WAIT_MS 10000

typedef enum {
  RESULTS_ERROR_FOREIGN,    /* not a results database, left as it was */
  RESULTS_ERROR_NEWER,      /* written by a newer program */
  RESULTS_ERROR_LOCKED,     /* another program is writing to it */
  RESULTS_ERROR_FAILED,     /* cannot be opened or written */
  RESULTS_ERROR_ABSENT,     /* does not hold what was asked for */
  RESULTS_ERROR_DAMAGED,    /* not as this program writes it: tables, values, or the file itself */
  RESULTS_ERROR_UNREADABLE, /* cannot be read, for whatever reason else */
} ResultsError;

#define RESULTS_ERROR (results_error_quark())
GQuark results_error_quark(void);

typedef struct Results Results;

/* Opens or makes the file. lock_wait_ms: how long to wait for another program, here and in commits.
 */
Results *results_open(const char *path, guint lock_wait_ms, GError **error);
void results_free(Results *results);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Results, results_free)
/* For many short commits: they go to a log beside the file (SQLite's WAL), without waiting for the
 * disk, which is most of what one takes. What is committed outlives a program that is killed; only
 * the machine's own end can lose the last of it, and never damages the file. Off again, the log is
 * merged and the file is one. Nothing changes where other machines may see the file. */
void results_set_ahead(Results *results, gboolean ahead);

typedef struct ResultsRun ResultsRun;

/* The column of preemption with what that policy would have cost: "price_s_swap_free". Caller
 * frees. */
char *results_price_column(const OverflowPolicy *policy);

/* Collects a run. cost: prices each preemption; NULL leaves its cost empty. Both outlive it.
 * step_tokens: the token budget of a step. */
ResultsRun *results_run_new(const Workload *workload, CostModel *cost, guint32 step_tokens);
Observer *results_run_observer(ResultsRun *run);
/* Before the run: keeps its steps too, so that it can be replayed. */
void results_run_record_steps(ResultsRun *run);
void results_run_free(ResultsRun *run);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ResultsRun, results_run_free)

typedef struct {
  const SeriesBucket *buckets; /* as metrics_series() gives them */
  guint32 n;
  gint64 bucket_ps;
} ResultsSeries;

/* Appends the run. Its id in the file (positive), or 0 with an error. */
gint64 results_commit(Results *results, const ResultsRun *run, const RunRecord *record,
                      const ResultsSeries *series, GError **error);
