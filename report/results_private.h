/* What results.c, results_schema.c and results_write.c share. */
#pragma once

#include <sqlite3.h>

#include "results.h"
#include "sim/executor_replay.h"

struct Results {
  char *path;
  sqlite3 *db;
};

typedef struct {
  guint64 step;
  gint64 time_ps;
  gint64 cost_ps; /* -1: not known */
  StepVictim victim;
} Preemption;

struct ResultsRun {
  Observer observer; /* first */
  const Workload *workload;
  CostModel *cost;
  RequestResult *requests; /* one a request */
  GArray *preemptions;     /* of Preemption */
  GArray *steps;           /* of RecordedStep; NULL: not recorded */
};

/* Sets an error that says what `path` is or lacks, from the connection's last result. FALSE. */
gboolean results_fail(Results *results, GError **error);
gboolean results_exec(Results *results, const char *sql, GError **error);
/* The first column of the first row as an integer, -1 where there is no row. */
gboolean results_query_int(Results *results, const char *sql, gint64 *value, GError **error);
sqlite3_stmt *results_prepare(Results *results, const char *sql, GError **error);

/* The file within an open transaction: creates the schema in an empty one, refuses what is not
 * ours. */
gboolean results_check_schema(Results *results, GError **error);
gboolean results_create_summary_view(Results *results, const char *const *config_keys,
                                     GError **error);
/* A figure's column: its key with '_' for '.'. Caller frees. */
char *results_column(const char *key);

/* Recorded steps (step_record.c): one that was told, and the rows of a run that has any. */
void results_note_step(ResultsRun *run, const StepReport *report);
gboolean results_insert_steps(Results *results, const ResultsRun *run, gint64 run_id,
                              GError **error);

gboolean results_insert(Results *results, const ResultsRun *run, const RunRecord *record,
                        const ResultsSeries *series, gint64 *run_id, GError **error);
