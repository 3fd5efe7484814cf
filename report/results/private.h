/* What the files of results/ share. */
#pragma once

#include <sqlite3.h>
#include <stdio.h>

#include "report/files/request_rows.h"
#include "results.h"
#include "sim/executor_replay.h"
#include "sim/policies/overflow.h"

struct Results {
  char *path;
  sqlite3 *db;
  gboolean is_read;  /* opened by results_open_read() */
  const char *input; /* the file that is being merged into this one; NULL: none */
};

typedef struct {
  guint64 step;
  gint64 time_ps;
  gint64 resumed_ps; /* -1: never */
  gint64 cost_ps;    /* of what was done; -1: not known */
  /* Of what each overflow policy would have done, by its place in their table; -1: not known. */
  gint64 price_ps[OVERFLOW_POLICIES_COUNT];
  guint32 found_tokens; /* the first of its tokens, that a cache had when it came back */
  StepVictim victim;
} Preemption;

struct ResultsRun {
  Observer observer; /* first */
  const Workload *workload;
  CostModel *cost;
  guint32 step_tokens; /* the token budget of a step */
  /* One result a request: in memory where it was unpacked, else in a temporary file, which requests
   * go to in order as they end; both NULL: they are not kept. */
  RequestResult *requests;
  FILE *spool;
  int spool_errno; /* of what could not be opened or written; 0: nothing */
  RequestRows *rows;
  GArray *preemptions;      /* of Preemption */
  GHashTable *away;         /* request → Plans, of victims that are not back; only with a cost */
  guint32 *last_preemption; /* of each request, its index + 1; 0: none, or it was brought back */
  GArray *steps;            /* of RecordedStep; NULL: not recorded */
};

/* What results_pack() packed. To be cleared whether or not it could be unpacked. */
typedef struct {
  RunRecord record; /* without a name */
  ResultsRun run;
  ResultsSeries series;
  Workload *workload; /* ids and arrivals only */
  SeriesBucket *buckets;
} PackedRun;

gboolean results_unpack(const guint8 *bytes, gsize n_bytes, PackedRun *packed);
void packed_run_clear(PackedRun *packed);

/* A transaction takes the write lock at once; it is undone as a whole unless `worked`. */
gboolean results_begin(Results *results, GError **error);
gboolean results_finish(Results *results, gboolean worked, GError **error);

/* Sets an error that says what `path` is or lacks, from the connection's last result. FALSE. */
gboolean results_fail(Results *results, GError **error);
/* Sets the error of a file that must not be written. FALSE. */
gboolean results_fail_read_only(const Results *results, GError **error);
/* The same of a file that is read, which is at `path`. */
gboolean results_fail_read(Results *results, const char *path, GError **error);
/* Runs a script of ours. */
gboolean results_exec(Results *results, const char *sql, GError **error);
/* The first column of the first row as an integer, -1 where there is no row. */
gboolean results_query_int(Results *results, const char *sql, gint64 *value, GError **error);
/* Runs one statement; more in `sql` are an error, and none is run. For statements that hold names
 * out of a file. */
gboolean results_exec_one(Results *results, const char *sql, GError **error);
sqlite3_stmt *results_prepare(Results *results, const char *sql, GError **error);

/* FALSE if the file is another program's, or of a format that this one does not know. */
gboolean results_check_format(Results *results, gint64 application_id, GError **error);
/* The file within an open transaction: creates the schema in an empty one, refuses what is not
 * ours. */
gboolean results_check_schema(Results *results, GError **error);
/* The settings that every run_summary shows. NULL-terminated. */
extern const char *const results_summary_keys[];

/* The statements that make the views, each "CREATE VIEW" or, with "TEMP ", "CREATE TEMP VIEW". */
char *results_views_script(const char *kind);
/* FALSE with an error that names `path` unless the schema's tables are as this program makes them.
 */
gboolean results_check_tables(Results *results, const char *schema, const char *path,
                              GError **error);
extern const char results_fixed_views[];
/* A figure's column: its key with '_' for '.'. Caller frees. */
char *results_column(const char *key);

/* The columns of `step` but its key and the components. */
#define RESULTS_STEP_COLUMNS                                                                       \
  "step, repeats, first_ps, growth_ps, recompute_overhead_ps, sequences, decodes, tokens,"         \
  " preemptions, copy_out_blocks, copy_in_blocks"

/* Preemptions (preemptions.c): what a step says of them. */
void preemptions_note_returns(ResultsRun *run, const StepReport *report);
void preemptions_note_victims(ResultsRun *run, const StepReport *report);

/* Recorded steps (step_record.c): one that was told, the table, and the rows of a run that has any.
 */
void results_note_step(ResultsRun *run, const StepReport *report);
/* The statement that makes the table; for the caller to free. */
char *results_steps_sql(void);
gboolean results_create_steps(Results *results, GError **error);
gboolean results_insert_steps(Results *results, const ResultsRun *run, gint64 run_id,
                              GError **error);

/* Reads the first, then the next result of a run whose requests are in a file: `n` of them. FALSE:
 * the file could not be written, or read. */
gboolean results_spool_rewind(const ResultsRun *run, GError **error);
gboolean results_spool_read(const ResultsRun *run, gpointer results, gsize n, GError **error);

gboolean results_insert(Results *results, const ResultsRun *run, const RunRecord *record,
                        const ResultsSeries *series, gint64 *run_id, GError **error);
