#include "jobs.h"

void
offload_request_free(OffloadRequest *request)
{
  g_clear_pointer(&request->keys, g_array_unref);
  g_clear_pointer(&request->used, g_byte_array_unref);
  g_clear_pointer(&request->freed_ids, g_array_unref);
  g_free(request);
}

void
offload_job_free(OffloadJob *job)
{
  g_clear_pointer(&job->keys, g_array_unref);
  g_clear_pointer(&job->ids, g_array_unref);
  g_free(job);
}

/* Takes the array's last, with what it has allocated; NULL: there is none. */
static gpointer
take_spare(GPtrArray *spare)
{
  return spare->len > 0 ? g_ptr_array_steal_index_fast(spare, spare->len - 1) : NULL;
}

OffloadRequest *
offload_add_request(Offload *offload, const Sequence *sequence)
{
  OffloadRequest *request = take_spare(offload->spare_requests);

  if (request == NULL) {
    request = g_new0(OffloadRequest, 1);
    if (offload->shared != NULL) {
      request->keys = g_array_new(FALSE, FALSE, sizeof(guint64));
      request->used = g_byte_array_new();
      request->freed_ids = g_array_new(FALSE, FALSE, sizeof(guint32));
    }
  }
  *request = (OffloadRequest){
      .request = sequence->request,
      .prompt_tokens = sequence->result.prompt_tokens,
      .blocks = offload->own != NULL ? private_tier_add(offload->own) : NULL,
      .keys = request->keys,
      .used = request->used,
      .freed_ids = request->freed_ids,
  };
  if (request->keys != NULL)
    request->keys->len = request->used->len = request->freed_ids->len = 0;
  return request;
}

void
offload_free_request_if_done(Offload *offload, OffloadRequest *request)
{
  if (!request->forgotten || request->jobs != NULL || request->ended)
    return;
  if (request->blocks != NULL)
    private_tier_forget(offload->own, request->blocks);
  free_watch_end(&request->watch);
  g_ptr_array_add(offload->spare_requests, request);
}

OffloadJob *
offload_add_job(Offload *offload, OffloadRequest *owner, CopyDirection direction, guint32 first,
                guint32 end)
{
  OffloadJob *job = take_spare(offload->spare_jobs);

  if (job == NULL) {
    job = g_new0(OffloadJob, 1);
    if (offload->shared != NULL) {
      job->keys = g_array_new(FALSE, FALSE, sizeof(guint64));
      job->ids = g_array_new(FALSE, FALSE, sizeof(guint32));
    }
  }
  *job = (OffloadJob){
      .id = offload->next_job++,
      .owner = owner,
      .sibling = owner->jobs,
      .direction = direction,
      .first = first,
      .end = end,
      .end_ps = G_MAXINT64,
      .keys = job->keys,
      .ids = job->ids,
  };
  if (job->keys != NULL)
    job->keys->len = job->ids->len = 0;
  owner->jobs = job;
  g_ptr_array_add(offload->jobs, job);
  return job;
}

void
offload_fence(Offload *offload, OffloadJob *job)
{
  for (guint i = 0; job->ids != NULL && i < job->ids->len; i++)
    g_hash_table_insert(offload->fences, GUINT_TO_POINTER(g_array_index(job->ids, guint32, i)),
                        job);
}

static void
unfence(Offload *offload, const OffloadJob *job)
{
  for (guint i = 0; job->ids != NULL && i < job->ids->len; i++) {
    gpointer id = GUINT_TO_POINTER(g_array_index(job->ids, guint32, i));
    if (g_hash_table_lookup(offload->fences, id) == job)
      g_hash_table_remove(offload->fences, id);
  }
}

/* TRUE if a store for a request that ended reads a block that the pool gave out in this decision.
 */
static gboolean
reads_given(const OffloadJob *job)
{
  const OffloadRequest *owner = job->owner;
  guint32 first = MAX(job->first, owner->watch.left_blocks);
  guint32 end = MIN(job->end, owner->watch.told_blocks);

  return job->direction == COPY_OUT &&
         private_tier_count(owner->blocks, first, end, TIER_STORING) > 0;
}

void
offload_flush_overwritten(Offload *offload)
{
  if (offload->own != NULL) {
    for (guint i = 0; i < offload->jobs->len; i++) {
      OffloadJob *job = g_ptr_array_index(offload->jobs, i);
      job->flushed |= reads_given(job);
    }
    for (guint i = 0; i < offload->jobs->len; i++) {
      OffloadRequest *owner = ((OffloadJob *)g_ptr_array_index(offload->jobs, i))->owner;
      owner->watch.told_blocks = owner->watch.left_blocks;
    }
    return;
  }
  for (guint i = 0; i < offload->given->len && g_hash_table_size(offload->fences) > 0; i++) {
    guint32 id = g_array_index(offload->given, guint32, i);
    OffloadJob *job = g_hash_table_lookup(offload->fences, GUINT_TO_POINTER(id));
    if (job != NULL)
      job->flushed = TRUE;
  }
  offload->given->len = 0;
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
                                     duration(data, job->direction, job->n_blocks));
    if (job->flushed) {
      gint64 job_ps = wait_for(job, start_ps, link);
      wait_ps = MAX(wait_ps, job_ps);
    }
  }
  offload->step_first_job = offload->next_job;
  return wait_ps;
}

void
offload_complete_job(Offload *offload, OffloadJob *job)
{
  OffloadRequest *owner = job->owner;
  OffloadJob **link = &owner->jobs;

  offload_host_done(offload, job);
  unfence(offload, job);
  owner->load_is_over |= job->direction == COPY_IN;
  while (*link != job)
    link = &(*link)->sibling;
  *link = job->sibling;
  offload_free_request_if_done(offload, owner);
  g_ptr_array_add(offload->spare_jobs, job);
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
      offload_complete_job(offload, job);
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
