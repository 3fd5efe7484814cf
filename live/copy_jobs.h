/* Copies beside the steps that the CPU makes: a queue for each direction, by the run's clock.
 *
 * The queue's owner reads a job's bytes when it begins, and writes them when it ends. It lasts as
 * long as the reading took, or as the owner says, after the jobs before it. Between the two the
 * owner can check that nobody changes what was read or uses what will be written.
 */
#pragma once

#include "sim/executor.h"
#include "step_plan.h"

typedef struct {
  CopyDirection direction;
  guint n;
  BlockCopy *blocks;
  char *bytes;   /* of the blocks, one behind the other */
  guint64 *sums; /* a checksum of each */
  gint64 took_ps, end_ps;
} LiveJob;

typedef struct {
  GQueue ways[COPY_DIRECTIONS]; /* of LiveJob */
} CopyJobs;

void copy_jobs_init(CopyJobs *jobs);
void copy_jobs_clear(CopyJobs *jobs);

/* A job of the plan, with a buffer for its bytes; in no queue yet. */
LiveJob *live_job_new(const StepPlan *plan, const CopyJob *job, gsize block_bytes);
void live_job_free(LiveJob *job);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LiveJob, live_job_free)

/* Queues the job, and owns it: it begins at now_ps, or when the job before it ends, and takes
 * duration_ns. */
void copy_jobs_add(CopyJobs *jobs, LiveJob *job, gint64 now_ps, gint64 duration_ns);
/* The first job of the direction if it ends by now_ps: it is counted in `ended`, and the caller
 * frees it. NULL: none has ended. */
LiveJob *copy_jobs_take(CopyJobs *jobs, CopyDirection direction, gint64 now_ps, CopiesEnded *ended);
/* When the next job ends; G_MAXINT64: there is none. */
gint64 copy_jobs_next_end_ps(const CopyJobs *jobs);
