#include "planner_copies.h"

static gint32
id_at(const GArray *ids, guint i)
{
  return g_array_index(ids, gint32, i);
}

static void
fill(GArray *ids, guint n)
{
  const gint32 nowhere = NOWHERE;

  while (ids->len < n)
    g_array_append_val(ids, nowhere);
}

/* Frees the place of block i of those away. */
static void
leave_place(Places *places, GArray *ids, guint i)
{
  places_give_back(places, id_at(ids, i));
  g_array_index(ids, gint32, i) = NOWHERE;
}

/* Frees the host blocks of the request's copies ahead. */
static void
give_ahead(Planner *planner, LiveRequest *request)
{
  for (guint i = 0; i < request->ahead->len; i++)
    places_give_back(&planner->host, id_at(request->ahead, i));
  g_array_set_size(request->ahead, 0);
  g_ptr_array_remove(planner->ahead, request);
}

/* Frees what a request that has left still held because a copy read it. */
static void
give_last(Planner *planner, LiveRequest *request)
{
  planner_give_blocks(planner, request->blocks, 0);
  give_ahead(planner, request);
  planner_give_places(planner, request);
}

static void
end_copy_out(Planner *planner, const StepCopy *copy, LiveRequest *request)
{
  if (copy->is_ahead)
    request->ahead_pending = 0;
  if (copy->is_last)
    planner_give_blocks(planner, request->leaving, 0);
  if (request->left)
    give_last(planner, request);
}

static void
end_copy(Planner *planner, const StepCopy *copy, LiveRequest *request)
{
  if (copy->direction == COPY_OUT) {
    end_copy_out(planner, copy, request);
    return;
  }
  for (guint i = 0; i < request->host->len; i++) {
    gboolean on_disk = id_at(request->disk, i) != NOWHERE;
    if (copy->direction == COPY_IN || (copy->direction == COPY_TO_DISK && on_disk)) {
      places_give_back(&planner->through, id_at(request->host, i));
      leave_place(&planner->host, request->host, i);
    }
    if (copy->direction != COPY_TO_DISK && on_disk)
      leave_place(&planner->disk, request->disk, i);
  }
  request->arrived |= copy->direction == COPY_IN;
}

gboolean
planner_end_copies(Planner *planner, const Step *step, GError **error)
{
  for (guint i = 0; i < step->copied->len; i++) {
    const StepCopy *copy = &g_array_index(step->copied, StepCopy, i);
    LiveRequest *request = planner->requests[copy->request];
    if (request == NULL)
      return planner_disagree(error, copy->request, "blocks of a copy", 0, copy->blocks);
    end_copy(planner, copy, request);
  }
  return TRUE;
}

/* Copies will read the victim's blocks from … end - 1, so these stay taken (`leaving`). Blocks
 * after them are freed, those before them stay in its table. With prefix caching all are the
 * scheduler's. */
static void
begin_to_leave(Planner *planner, LiveRequest *request, guint32 from, guint32 end)
{
  planner_give_blocks(planner, request->blocks, end);
  if (!planner->config.prefix_caching)
    for (guint32 i = from; i < end; i++)
      g_array_append_val(request->leaving, g_array_index(request->blocks, gint32, i));
  g_array_set_size(request->blocks, from);
}

static void
evict_ahead(Planner *planner, const StepVictim *victim, LiveRequest *request)
{
  guint32 landed = request->ahead->len - request->ahead_pending;

  request->begun = request->ahead->len;
  g_array_append_vals(request->host, request->ahead->data, request->ahead->len);
  g_array_set_size(request->ahead, 0);
  g_ptr_array_remove(planner->ahead, request);
  request->front = 0;
  request->has_rest = victim->rest_blocks > 0;
  request->computed = MIN(request->computed, victim->copied_blocks * planner->config.block_size);
  begin_to_leave(planner, request, landed, victim->copied_blocks);
}

gboolean
planner_evict_beside(Planner *planner, const StepVictim *victim, LiveRequest *request,
                     GError **error)
{
  guint32 held = victim->kept_blocks + victim->blocks;

  if (request->blocks->len != held)
    return planner_disagree(error, victim->request, "blocks of a victim", request->blocks->len,
                            held);
  if (victim->ahead_blocks > 0 && victim->ahead_blocks != request->ahead->len)
    return planner_disagree(error, victim->request, "blocks copied ahead", request->ahead->len,
                            victim->ahead_blocks);
  if (victim->ahead_blocks == 0)
    give_ahead(planner, request);
  if (victim->copied_blocks == 0)
    return TRUE;
  g_ptr_array_add(planner->away, request);
  request->front = held - victim->copied_blocks;
  g_array_set_size(request->source, 0);
  if (victim->ahead_blocks > 0) {
    g_array_append_vals(request->source, request->blocks->data, victim->copied_blocks);
    evict_ahead(planner, victim, request);
  } else {
    g_array_append_vals(request->source, &g_array_index(request->blocks, gint32, request->front),
                        victim->copied_blocks);
    request->begun = 0;
    request->has_rest = FALSE;
    begin_to_leave(planner, request, request->front, held);
  }
  fill(request->host, victim->copied_blocks);
  fill(request->disk, victim->copied_blocks);
  return TRUE;
}

/* Frees copies ahead that the scheduler gave up because others needed their room. */
static void
forget_given_ahead(Planner *planner, const Step *step)
{
  for (guint i = 0; i < step->copies->len; i++) {
    const StepCopy *copy = &g_array_index(step->copies, StepCopy, i);
    LiveRequest *request = planner->requests[copy->request];
    if (copy->is_ahead && request != NULL)
      request->ahead_begins = copy->blocks;
  }
  for (guint i = planner->ahead->len; i-- > 0;) {
    LiveRequest *request = g_ptr_array_index(planner->ahead, i);
    if (!request->left &&
        request->sequence->ahead_blocks - request->ahead_begins < request->ahead->len)
      give_ahead(planner, request);
  }
}

static void
add_block(StepPlan *plan, guint32 request, gint32 device, gint32 host, gint32 disk)
{
  const BlockCopy copy = {
      .request = request, .device_block = device, .host_block = host, .disk_block = disk};

  g_array_append_val(plan->job_blocks, copy);
}

static gboolean
begin_ahead(Planner *planner, const StepCopy *copy, LiveRequest *request, StepPlan *plan)
{
  guint32 first = request->ahead->len;

  if (first + copy->blocks > request->blocks->len ||
      !places_take(&planner->host, request->ahead, copy->blocks))
    return FALSE;
  if (first == 0)
    g_ptr_array_add(planner->ahead, request);
  for (guint32 i = first; i < request->ahead->len; i++)
    add_block(plan, copy->request, id_at(request->blocks, i), id_at(request->ahead, i), NOWHERE);
  request->ahead_pending = copy->blocks;
  request->ahead_begins = 0;
  return TRUE;
}

static gboolean
begin_out(Planner *planner, const StepCopy *copy, LiveRequest *request, StepPlan *plan)
{
  guint32 first = request->begun;
  g_autoptr(GArray) taken = g_array_new(FALSE, FALSE, sizeof(gint32));

  if (first + copy->blocks > request->host->len ||
      !places_take(&planner->host, taken, copy->blocks))
    return FALSE;
  for (guint32 i = first; i < first + copy->blocks; i++) {
    g_array_index(request->host, gint32, i) = id_at(taken, i - first);
    add_block(plan, copy->request, id_at(request->source, i), id_at(request->host, i), NOWHERE);
  }
  request->begun += copy->blocks;
  return TRUE;
}

/* Takes device blocks for the sequences that return: they hold them from the decision on, though
 * their copies may have to wait. */
static gboolean
take_for_arrivals(Planner *planner, GError **error)
{
  for (guint i = 0; i < planner->away->len; i++) {
    LiveRequest *request = g_ptr_array_index(planner->away, i);
    const Sequence *sequence = request->sequence;
    if (!request->left && sequence->arriving &&
        !planner_take_blocks(planner, request, sequence->blocks))
      return planner_disagree(error, sequence->request, "free blocks to come back to",
                              request->blocks->len, sequence->blocks);
  }
  return TRUE;
}

/* The last `blocks` of those away; the others were found in the prefix cache. */
static gboolean
begin_in(Planner *planner, const StepCopy *copy, LiveRequest *request, StepPlan *plan)
{
  guint32 away = request->host->len;

  if (copy->blocks > away || request->blocks->len < request->front + away)
    return FALSE;
  for (guint32 i = away - copy->blocks; i < away; i++) {
    if (id_at(request->host, i) == NOWHERE)
      return FALSE;
    add_block(plan, copy->request, id_at(request->blocks, request->front + i),
              id_at(request->host, i), NOWHERE);
  }
  return TRUE;
}

/* A job between host and disk: any copy->blocks blocks of the request that are in `from` get places
 * in `to`. The scheduler only counts them. */
static gboolean
begin_disk_copy(Places *places, const StepCopy *copy, LiveRequest *request, const GArray *from,
                GArray *to, StepPlan *plan)
{
  g_autoptr(GArray) taken = g_array_new(FALSE, FALSE, sizeof(gint32));
  guint32 n = 0;

  if (!places_take(places, taken, copy->blocks))
    return FALSE;
  for (guint32 i = 0; i < request->host->len && n < copy->blocks; i++) {
    if (id_at(from, i) == NOWHERE)
      continue;
    g_array_index(to, gint32, i) = id_at(taken, n++);
    add_block(plan, copy->request, NOWHERE, id_at(request->host, i), id_at(request->disk, i));
  }
  return n == copy->blocks;
}

static gboolean
begin_to_disk(Planner *planner, const StepCopy *copy, LiveRequest *request, StepPlan *plan)
{
  return begin_disk_copy(&planner->disk, copy, request, request->host, request->disk, plan);
}

/* Into the host's pool, or, where the copy in follows at once, through the buffer beside it. */
static gboolean
begin_from_disk(Planner *planner, const StepCopy *copy, LiveRequest *request, StepPlan *plan)
{
  Places *places = request->sequence->reads_through ? &planner->through : &planner->host;

  return begin_disk_copy(places, copy, request, request->disk, request->host, plan);
}

static gboolean
begin_copy(Planner *planner, const StepCopy *copy, LiveRequest *request, StepPlan *plan)
{
  switch (copy->direction) {
  case COPY_OUT:
    return copy->is_ahead ? begin_ahead(planner, copy, request, plan)
                          : begin_out(planner, copy, request, plan);
  case COPY_IN:
    return begin_in(planner, copy, request, plan);
  case COPY_TO_DISK:
    return begin_to_disk(planner, copy, request, plan);
  default:
    return begin_from_disk(planner, copy, request, plan);
  }
}

static const char *const places_of[] = {
    [COPY_OUT] = "places for a copy out",
    [COPY_IN] = "places for a copy in",
    [COPY_TO_DISK] = "places for a copy to the disk",
    [COPY_FROM_DISK] = "places for a copy from the disk",
};

/* A copy whose request has left meanwhile is not made: its last token was on its way. */
gboolean
planner_begin_copies(Planner *planner, const Step *step, StepPlan *plan, GError **error)
{
  if (!take_for_arrivals(planner, error))
    return FALSE;
  forget_given_ahead(planner, step);
  for (guint i = 0; i < step->copies->len; i++) {
    const StepCopy *copy = &g_array_index(step->copies, StepCopy, i);
    LiveRequest *request = planner->requests[copy->request];
    CopyJob job = {.direction = copy->direction, .first = plan->job_blocks->len};
    if (request != NULL && request->left)
      continue;
    if (request == NULL || !begin_copy(planner, copy, request, plan))
      return planner_disagree(error, copy->request, places_of[copy->direction],
                              request != NULL ? plan->job_blocks->len - job.first : 0,
                              copy->blocks);
    job.n = plan->job_blocks->len - job.first;
    g_array_append_val(plan->jobs, job);
  }
  return TRUE;
}

gboolean
planner_leave_copies(Planner *planner, LiveRequest *request)
{
  if (request->ahead_pending > 0)
    return TRUE;
  give_ahead(planner, request);
  return FALSE;
}
