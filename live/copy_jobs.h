/* Copies beside the steps that the CPU makes: a queue each way, in the run's own time.
 *
 * A job's bytes are read when it begins and written when it ends, by whoever queues it; between
 * lies what the reading took (or what the caller says), behind the jobs before it. So what is not
 * to be touched in between can be held against what was read, and shows if it is used too early.
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

/* A job of the plan, with room for its bytes; in no queue yet. */
LiveJob *live_job_new(const StepPlan *plan, const CopyJob *job, gsize block_bytes);
void live_job_free(LiveJob *job);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LiveJob, live_job_free)

/* It begins at now_ps, behind those of its way, and takes so long; the queue owns it. */
void copy_jobs_add(CopyJobs *jobs, LiveJob *job, gint64 now_ps, gint64 duration_ns);
/* The first of that way if it has ended by then, which is the caller's, and is counted; NULL: it has
 * not. */
LiveJob *copy_jobs_take(CopyJobs *jobs, CopyDirection direction, gint64 now_ps,
                        CopiesEnded *ended);
/* When the next one ends; G_MAXINT64: there is none. */
gint64 copy_jobs_next_end_ps(const CopyJobs *jobs);
