#include "offload_jobs.h"

void
offload_job_free(OffloadJob *job)
{
  g_array_unref(job->keys);
  g_array_unref(job->ids);
  g_free(job);
}

static void
request_free(OffloadRequest *request)
{
  g_array_unref(request->keys);
  g_byte_array_unref(request->used);
  g_ptr_array_unref(request->jobs);
  g_clear_pointer(&request->freed_ids, g_array_unref);
  g_free(request);
}

void
offload_request_free_if_done(OffloadRequest *request)
{
  if (request->forgotten && request->jobs->len == 0 && !request->ended)
    request_free(request);
}

OffloadJob *
offload_add_job(Offload *offload, OffloadRequest *owner, CopyDirection direction)
{
  OffloadJob *job = g_new0(OffloadJob, 1);

  job->id = offload->next_job++;
  job->owner = owner;
  job->direction = direction;
  job->keys = g_array_new(FALSE, FALSE, sizeof(guint64));
  job->ids = g_array_new(FALSE, FALSE, sizeof(guint32));
  job->end_ps = G_MAXINT64;
  g_ptr_array_add(offload->jobs, job);
  g_ptr_array_add(owner->jobs, job);
  return job;
}

void
offload_fence(Offload *offload, OffloadJob *job)
{
  for (guint i = 0; i < job->ids->len; i++)
    g_hash_table_insert(offload->fences, GUINT_TO_POINTER(g_array_index(job->ids, guint32, i)),
                        job);
}

/* How long the step waits for a flushed job. */
static gint64
wait_for(OffloadJob *job, gint64 start_ps, const CopyLink *link)
{
  job->flushed = FALSE;
  if (link->side_by_side)
    job->end_ps = start_ps; /* recordings count no time for it */
  return MAX(0, job->end_ps - start_ps);
}

gint64
offload_begin_step(Offload *offload, gint64 start_ps, CopyLink *link, CopyDuration duration,
                   gpointer data)
{
  gint64 wait_ps = 0;

  for (guint i = 0; i < offload->jobs->len; i++) {
    OffloadJob *job = g_ptr_array_index(offload->jobs, i);
    gboolean due = job->direction == COPY_IN || job->id < offload->step_first_job || job->flushed;
    if (due && job->end_ps == G_MAXINT64)
      job->end_ps = copy_link_submit(link, job->direction, start_ps,
                                     duration(data, job->direction, job->keys->len));
    if (job->flushed)
      wait_ps = MAX(wait_ps, wait_for(job, start_ps, link));
  }
  offload->step_first_job = offload->next_job;
  return wait_ps;
}

static void
complete(Offload *offload, OffloadJob *job)
{
  for (guint i = 0; i < job->keys->len; i++) {
    guint64 key = g_array_index(job->keys, guint64, i);
    if (job->direction == COPY_OUT)
      tier_stored(offload->host, key);
    else
      tier_unpin(offload->host, key);
  }
  for (guint i = 0; i < job->ids->len; i++) {
    gpointer id = GUINT_TO_POINTER(g_array_index(job->ids, guint32, i));
    if (g_hash_table_lookup(offload->fences, id) == job)
      g_hash_table_remove(offload->fences, id);
  }
  job->owner->load_is_over |= job->direction == COPY_IN;
  g_ptr_array_remove(job->owner->jobs, job);
  offload_request_free_if_done(job->owner);
}

gboolean
offload_end_step(Offload *offload, gint64 end_ps)
{
  guint before = offload->jobs->len;

  for (guint i = 0; i < offload->jobs->len;) {
    OffloadJob *job = g_ptr_array_index(offload->jobs, i);
    if (job->end_ps > end_ps) {
      i++;
    } else {
      complete(offload, job);
      g_ptr_array_remove_index(offload->jobs, i);
    }
  }
  return offload->jobs->len < before;
}

gint64
offload_next_end_ps(const Offload *offload)
{
  gint64 next_ps = G_MAXINT64;

  for (guint i = 0; i < offload->jobs->len; i++)
    next_ps = MIN(next_ps, ((const OffloadJob *)g_ptr_array_index(offload->jobs, i))->end_ps);
  return next_ps;
}
