#include "copy_jobs.h"

#include "sim/units.h"

#include <string.h>

void
copy_jobs_init(CopyJobs *jobs)
{
  *jobs = (CopyJobs){0};
  for (CopyDirection d = COPY_OUT; d < COPY_DIRECTIONS; d++)
    g_queue_init(&jobs->ways[d]);
}

void
copy_jobs_clear(CopyJobs *jobs)
{
  for (CopyDirection d = COPY_OUT; d < COPY_DIRECTIONS; d++)
    g_queue_clear_full(&jobs->ways[d], (GDestroyNotify)live_job_free);
}

LiveJob *
live_job_new(const StepPlan *plan, const CopyJob *job, gsize block_bytes)
{
  LiveJob *made = g_new0(LiveJob, 1);

  made->direction = job->direction;
  made->n = job->n;
  made->blocks = g_memdup2(&g_array_index(plan->job_blocks, BlockCopy, job->first),
                           job->n * sizeof(BlockCopy));
  made->bytes = g_malloc(MAX(job->n * block_bytes, 1));
  made->sums = g_new0(guint64, MAX(job->n, 1));
  return made;
}

void
live_job_free(LiveJob *job)
{
  if (job == NULL)
    return;
  g_free(job->blocks);
  g_free(job->bytes);
  g_free(job->sums);
  g_free(job);
}

void
copy_jobs_add(CopyJobs *jobs, LiveJob *job, gint64 now_ps, gint64 duration_ns)
{
  GQueue *way = &jobs->ways[job->direction];
  const LiveJob *before = g_queue_peek_tail(way);
  gint64 begin_ps = before != NULL ? MAX(now_ps, before->end_ps) : now_ps;

  job->took_ps = MAX(duration_ns, 1) * PS_PER_NS;
  job->end_ps = begin_ps + job->took_ps;
  g_queue_push_tail(way, job);
}

LiveJob *
copy_jobs_take(CopyJobs *jobs, CopyDirection direction, gint64 now_ps, CopiesEnded *ended)
{
  const LiveJob *first = g_queue_peek_head(&jobs->ways[direction]);

  if (first == NULL || first->end_ps > now_ps)
    return NULL;
  ended->ended[direction]++;
  ended->blocks[direction] += first->n;
  ended->took_ps[direction] += first->took_ps;
  return g_queue_pop_head(&jobs->ways[direction]);
}

gint64
copy_jobs_next_end_ps(const CopyJobs *jobs)
{
  gint64 next_ps = G_MAXINT64;

  for (CopyDirection d = COPY_OUT; d < COPY_DIRECTIONS; d++) {
    const LiveJob *first = g_queue_peek_head((GQueue *)&jobs->ways[d]);
    if (first != NULL)
      next_ps = MIN(next_ps, first->end_ps);
  }
  return next_ps;
}
