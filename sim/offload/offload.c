#include "jobs.h"

gboolean
offload_needs_names(const OffloadConfig *config)
{
  return config->policy != TIER_LRU || config->store_threshold > 1;
}

Offload *
offload_new(const OffloadConfig *config, const Workload *workload, Pool *pool)
{
  Offload *offload = g_new0(Offload, 1);

  g_assert(pool->class->keeps_content && pool->groups == NULL);
  offload->config = *config;
  offload->pool = pool;
  offload->workload = workload;
  offload->jobs = g_ptr_array_new();
  offload->ended = g_ptr_array_new();
  offload->spare_jobs = g_ptr_array_new_with_free_func((GDestroyNotify)offload_job_free);
  offload->spare_requests = g_ptr_array_new_with_free_func((GDestroyNotify)offload_request_free);
  if (!pool->class->names_blocks) {
    offload->own = private_tier_new(config->host_blocks);
    return offload;
  }
  offload->shared = tier_new(config->host_blocks, config->policy);
  offload->counts = config->store_threshold > 1 ? offer_counts_new() : NULL;
  offload->fences = g_hash_table_new(NULL, NULL);
  offload->given = g_array_new(FALSE, FALSE, sizeof(guint32));
  pool->given = offload->given;
  return offload;
}

void
offload_free(Offload *offload)
{
  if (offload == NULL)
    return;
  for (guint i = 0; i < offload->jobs->len; i++)
    offload_complete_job(offload, g_ptr_array_index(offload->jobs, i));
  for (guint i = 0; i < offload->ended->len; i++) {
    OffloadRequest *request = g_ptr_array_index(offload->ended, i);
    request->ended = FALSE;
    offload_free_request_if_done(offload, request);
  }
  g_ptr_array_unref(offload->jobs);
  g_ptr_array_unref(offload->ended);
  g_ptr_array_unref(offload->spare_jobs);
  g_ptr_array_unref(offload->spare_requests);
  g_clear_pointer(&offload->fences, g_hash_table_unref);
  g_clear_pointer(&offload->given, g_array_unref);
  offer_counts_free(offload->counts);
  private_tier_free(offload->own);
  tier_free(offload->shared);
  g_free(offload);
}

static OffloadRequest *
request_of(Offload *offload, Sequence *sequence)
{
  if (sequence->offload == NULL)
    sequence->offload = offload_add_request(offload, sequence);
  return sequence->offload;
}

/* Tokens of the sequence that are known. */
static guint32
known_tokens(const Sequence *sequence)
{
  return sequence_length(sequence) - (sequence->in_flight ? 1 : 0);
}

gboolean
offload_lookup(Offload *offload, Sequence *sequence, guint32 hits, guint32 *blocks)
{
  OffloadRequest *request = request_of(offload, sequence);
  guint32 most = known_tokens(sequence) / offload->pool->block_size, end;
  gboolean copying;

  *blocks = 0;
  request->offered = 0;
  if (request->jobs != NULL)
    return FALSE;
  request->load_is_over = FALSE;
  offload_host_know(offload, sequence, most);
  end = offload_host_run_end(offload, request, hits, most, &copying);
  if (copying)
    return FALSE;
  *blocks = end - hits;
  return TRUE;
}

gboolean
offload_is_copying(const Offload *offload, const Sequence *sequence, guint32 blocks)
{
  return sequence->offload != NULL && offload->jobs->len > 0 &&
         offload_host_is_copying(offload, sequence->offload, blocks);
}

gboolean
offload_has_jobs(const Sequence *sequence)
{
  return sequence->offload != NULL && sequence->offload->jobs != NULL;
}

void
offload_load(Offload *offload, Step *step, Sequence *sequence, guint32 hits, guint32 blocks)
{
  OffloadRequest *request = sequence->offload;
  const StepLoad load = {
      .request = sequence->request,
      .hit_tokens = hits * offload->pool->block_size,
      .tokens = blocks * offload->pool->block_size,
  };

  request->offered = hits + blocks;
  request->load_is_over = FALSE;
  offload_host_load(offload, offload_add_job(offload, request, COPY_IN, hits, hits + blocks));
  g_array_append_val(step->loads, load);
}

gboolean
offload_loaded(const Sequence *sequence)
{
  return sequence->offload != NULL && sequence->offload->load_is_over;
}

void
offload_note_waiting(Offload *offload, Sequence *sequence, gboolean held_up)
{
  OffloadRequest *request = request_of(offload, sequence);

  offload->n_held_up += (held_up ? 1u : 0u) - (request->held_up ? 1u : 0u);
  request->held_up = held_up;
}

guint32
offload_held_up(const Offload *offload)
{
  return offload->n_held_up;
}

void
offload_preempt(Sequence *victim)
{
  OffloadRequest *request = victim->offload;

  for (OffloadJob *job = request != NULL ? request->jobs : NULL; job != NULL; job = job->sibling)
    job->flushed = TRUE;
}

static guint32
full_blocks(const Offload *offload, guint32 tokens, const OffloadRequest *request)
{
  if (offload->config.prompt_only)
    tokens = MIN(tokens, request->prompt_tokens);
  return tokens / offload->pool->block_size;
}

/* Blocks of a request that ended which are full of what it computed. */
static guint32
last_full_blocks(const Offload *offload, const OffloadRequest *request)
{
  guint32 tokens = MAX(request->prompt_tokens, request->tokens - 1);
  guint32 full = full_blocks(offload, tokens, request);

  return MIN(full, request->held_blocks);
}

void
offload_finish(Offload *offload, Sequence *sequence)
{
  OffloadRequest *request = sequence->offload;

  if (request == NULL)
    return;
  request->ended = TRUE;
  request->tokens = sequence_length(sequence);
  request->held_blocks = sequence->blocks;
  offload_host_know(offload, sequence, request->tokens / offload->pool->block_size);
  if (offload->shared != NULL)
    g_array_append_vals(request->freed_ids, sequence->block_ids, sequence->blocks);
  else if (request->jobs != NULL || request->offered < last_full_blocks(offload, request))
    sequence->free_watch = &request->watch;
  for (OffloadJob *job = request->jobs; job != NULL; job = job->sibling)
    offload_fence(offload, job);
  offload_note_waiting(offload, sequence, FALSE);
  g_ptr_array_add(offload->ended, request);
}

void
offload_forget(Offload *offload, Sequence *sequence)
{
  OffloadRequest *request = sequence->offload;

  if (request == NULL)
    return;
  sequence->offload = NULL;
  request->forgotten = TRUE;
  offload_free_request_if_done(offload, request);
}

/* Offers the request's first `full` blocks to the host; they are in the GPU blocks `ids`. */
static void
store(Offload *offload, Step *step, OffloadRequest *request, guint32 full, const guint32 *ids)
{
  guint32 first = request->offered, n_new;
  OffloadJob *job;

  if (full <= first)
    return;
  offload->was_used = TRUE;
  if (!offload_host_make_room(offload, request, first, full, &n_new)) {
    offload->n_refused++;
    return;
  }
  request->offered = full;
  if (n_new == 0)
    return;
  job = offload_add_job(offload, request, COPY_OUT, first, full);
  offload_host_store(offload, job, ids);
  if (request->ended)
    offload_fence(offload, job);
  g_array_append_val(step->stores, ((const StepStore){request->request, job->n_blocks}));
}

static void
store_scheduled(Offload *offload, Step *step)
{
  for (guint i = 0; i < step->sequences->len; i++) {
    Sequence *sequence = g_ptr_array_index(step->sequences, i);
    const StepEntry *entry = &g_array_index(step->entries, StepEntry, i);
    OffloadRequest *request;
    guint32 full;
    if (sequence == NULL)
      continue;
    request = request_of(offload, sequence);
    full = full_blocks(offload, MIN(entry->cached_tokens + entry->tokens, known_tokens(sequence)),
                       request);
    full = MIN(full, sequence->blocks);
    offload_host_know(offload, sequence, full);
    store(offload, step, request, full, sequence->block_ids);
  }
}

/* Stores for requests that ended, whose content is still in their blocks. */
static void
store_ended(Offload *offload, Step *step)
{
  for (guint i = 0; i < offload->ended->len; i++) {
    OffloadRequest *request = g_ptr_array_index(offload->ended, i);
    const GArray *ids = request->freed_ids;
    store(offload, step, request, last_full_blocks(offload, request),
          ids != NULL ? (const guint32 *)(gpointer)ids->data : NULL);
  }
  for (guint i = 0; i < offload->ended->len; i++) {
    OffloadRequest *request = g_ptr_array_index(offload->ended, i);
    offload_host_end(offload, request);
    request->ended = FALSE;
    offload_free_request_if_done(offload, request);
  }
  offload->ended->len = 0;
}

void
offload_decide(Offload *offload, Step *step)
{
  offload->n_refused = 0;
  store_scheduled(offload, step);
  store_ended(offload, step);
  offload_flush_overwritten(offload);
  for (guint i = 0; i < offload->jobs->len; i++) {
    const OffloadJob *job = g_ptr_array_index(offload->jobs, i);
    if (job->flushed)
      g_array_append_val(step->flushes, job->id);
  }
  step->has_tier = TRUE;
  step->tier_used_blocks = offload_host_used_blocks(offload);
}

gboolean
offload_wants_decision(const Offload *offload)
{
  return offload->ended->len > 0;
}

gboolean
offload_is_busy(const Offload *offload)
{
  return offload->jobs->len > 0 || offload->ended->len > 0 || offload->n_refused > 0;
}

gboolean
offload_was_used(const Offload *offload)
{
  return offload->was_used;
}

gboolean
offload_may_store(const Offload *offload, const Sequence *sequence)
{
  const OffloadRequest *request = sequence->offload;

  return !offload->config.prompt_only || request == NULL ||
         request->offered < request->prompt_tokens / offload->pool->block_size;
}
