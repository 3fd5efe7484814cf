/* Runs read back from results databases, for reports and plots.
 *
 * A run's record is as it was when it was written, so that whatever prints a record prints these.
 * What is as long as the trace (latencies, victims, the series) is read one run at a time.
 */
#pragma once

#include "report/figures.h"

typedef struct {
  RunRecord record; /* its name is `label`; config has flat keys, such as "profile.name" */
  char *file;       /* as it was given */
  gint64 id;        /* in that file */
  char *name;       /* as it was stored */
  char *label;      /* tells it from the others of the report */
} StoredRun;

typedef struct {
  GPtrArray *files;   /* of StoredFile * */
  GPtrArray *runs;    /* of StoredRun *, in the order of the files and of their ids */
  GPtrArray *columns; /* of char *: settings that a study put first in run_summary */
} Stored;

/* ids: only these runs, a comma-separated list of ids or names; NULL: all. */
Stored *stored_open(const char *const *paths, const char *ids, GError **error);
void stored_free(Stored *stored);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Stored, stored_free)

/* Ascending values of double, in seconds, one a request that has the latency. NULL with an error.
 */
GArray *stored_latency(Stored *stored, const StoredRun *run, Latency latency, GError **error);

typedef struct {
  double time_s, length_s;
  double output_tokens, preemptions, resumes;
  double gpu_blocks, gpu_blocks_peak, cpu_blocks, running, waiting, swapped;
} StoredBucket;

GArray *stored_series(Stored *stored, const StoredRun *run, GError **error);

typedef struct {
  char *id; /* the request's, in the trace */
  guint32 preemptions;
  double total_s;     /* arrival to finish, or to what the run got to */
  double queued_s;    /* until first worked on */
  double preempted_s; /* between each preemption and its return */
  double cost_s;      /* recomputing or copying its KV; NAN where there is no cost model */
} StoredVictim;

/* Those that were out longest, `limit` at most; frees its elements. */
GArray *stored_victims(Stored *stored, const StoredRun *run, guint limit, GError **error);
