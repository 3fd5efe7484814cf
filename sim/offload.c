#include "offload_jobs.h"

#include "sim/contents/content_key.h"

#include <string.h>

Offload *
offload_new(const OffloadConfig *config, const Workload *workload, Pool *pool)
{
  Offload *offload = g_new0(Offload, 1);

  g_assert(pool->class->names_blocks && pool->groups == NULL);
  offload->config = *config;
  offload->pool = pool;
  offload->workload = workload;
  offload->host = tier_new(config->host_blocks);
  offload->jobs = g_ptr_array_new_with_free_func((GDestroyNotify)offload_job_free);
  offload->ended = g_ptr_array_new();
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
  for (guint i = 0; i < offload->jobs->len; i++) {
    OffloadJob *job = g_ptr_array_index(offload->jobs, i);
    g_ptr_array_remove_fast(job->owner->jobs, job);
    offload_request_free_if_done(job->owner);
  }
  for (guint i = 0; i < offload->ended->len; i++) {
    OffloadRequest *request = g_ptr_array_index(offload->ended, i);
    request->ended = FALSE;
    offload_request_free_if_done(request);
  }
  g_ptr_array_unref(offload->jobs);
  g_ptr_array_unref(offload->ended);
  g_hash_table_unref(offload->fences);
  g_array_unref(offload->given);
  tier_free(offload->host);
  g_free(offload);
}

static OffloadRequest *
request_of(Sequence *sequence)
{
  OffloadRequest *request = sequence->offload;

  if (request != NULL)
    return request;
  request = sequence->offload = g_new0(OffloadRequest, 1);
  request->request = sequence->request;
  request->prompt_tokens = sequence->result.prompt_tokens;
  request->keys = g_array_new(FALSE, FALSE, sizeof(guint64));
  request->used = g_byte_array_new();
  request->jobs = g_ptr_array_new();
  return request;
}

/* Tokens of the sequence that are known. */
static guint32
known_tokens(const Sequence *sequence)
{
  return sequence_length(sequence) - (sequence->in_flight ? 1 : 0);
}

static void
find_keys(Offload *offload, Sequence *sequence, guint32 blocks)
{
  OffloadRequest *request = request_of(sequence);
  guint32 known = request->keys->len;

  if (blocks <= known)
    return;
  g_array_set_size(request->keys, blocks);
  g_byte_array_set_size(request->used, blocks);
  memset(request->used->data + known, 0, blocks - known);
  for (guint32 i = known; i < blocks; i++)
    g_array_index(request->keys, guint64, i) =
        content_key(offload->workload, offload->pool->block_size, sequence, i);
}

static guint64
key_at(const OffloadRequest *request, guint32 index)
{
  return g_array_index(request->keys, guint64, index);
}

gboolean
offload_lookup(Offload *offload, Sequence *sequence, guint32 hits, guint32 *blocks)
{
  OffloadRequest *request = request_of(sequence);
  guint32 most = known_tokens(sequence) / offload->pool->block_size, end = hits;
  gboolean copying = FALSE; /* some of them are: stored, or loaded by another */

  *blocks = 0;
  request->offered = 0;
  if (request->jobs->len > 0)
    return FALSE;
  request->load_is_over = FALSE;
  find_keys(offload, sequence, most);
  for (TierState state; end < most; end++) {
    state = tier_state(offload->host, key_at(request, end));
    if (state == TIER_ABSENT)
      break;
    copying |= state == TIER_STORING || state == TIER_PINNED;
  }
  if (copying)
    return FALSE;
  *blocks = end - hits;
  return TRUE;
}

/* The request stores or loads its block, or finds it stored: its first use gives it its rank. */
static void
use(Offload *offload, OffloadRequest *request, guint32 index)
{
  if (request->used->data[index])
    return;
  request->used->data[index] = 1;
  if (request->rank == 0)
    request->rank = tier_next_rank(offload->host);
  tier_use(offload->host, key_at(request, index), request->rank, index);
}

void
offload_load(Offload *offload, Step *step, Sequence *sequence, guint32 hits, guint32 blocks)
{
  OffloadRequest *request = request_of(sequence);
  OffloadJob *job = offload_add_job(offload, request, COPY_IN);
  const StepLoad load = {
      .request = sequence->request,
      .hit_tokens = hits * offload->pool->block_size,
      .tokens = blocks * offload->pool->block_size,
  };

  request->offered = hits + blocks;
  request->load_is_over = FALSE;
  for (guint32 i = hits; i < hits + blocks; i++) {
    guint64 key = key_at(request, i);
    g_array_append_val(job->keys, key);
    tier_pin(offload->host, key);
    use(offload, request, i);
  }
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
  OffloadRequest *request = request_of(sequence);

  offload->n_held_up += (held_up ? 1u : 0u) - (request->held_up ? 1u : 0u);
  request->held_up = held_up;
}

guint32
offload_held_up(const Offload *offload)
{
  return offload->n_held_up;
}

void
offload_preempt(Offload *offload G_GNUC_UNUSED, Sequence *victim)
{
  OffloadRequest *request = victim->offload;

  for (guint i = 0; request != NULL && i < request->jobs->len; i++)
    ((OffloadJob *)g_ptr_array_index(request->jobs, i))->flushed = TRUE;
}

void
offload_finish(Offload *offload, Sequence *sequence)
{
  OffloadRequest *request = sequence->offload;

  if (request == NULL)
    return;
  request->ended = TRUE;
  request->tokens = sequence_length(sequence);
  find_keys(offload, sequence, request->tokens / offload->pool->block_size);
  request->freed_ids = g_array_new(FALSE, FALSE, sizeof(guint32));
  g_array_append_vals(request->freed_ids, sequence->block_ids, sequence->blocks);
  for (guint i = 0; i < request->jobs->len; i++)
    offload_fence(offload, g_ptr_array_index(request->jobs, i));
  offload_note_waiting(offload, sequence, FALSE);
  g_ptr_array_add(offload->ended, request);
}

void
offload_forget(Sequence *sequence)
{
  OffloadRequest *request = sequence->offload;

  if (request == NULL)
    return;
  sequence->offload = NULL;
  request->forgotten = TRUE;
  offload_request_free_if_done(request);
}

/* Offers the request's blocks up to `full`, which are in the GPU blocks `ids`. */
static void
store(Offload *offload, Step *step, OffloadRequest *request, guint32 full, const guint32 *ids)
{
  guint32 first = request->offered, n_new = 0;
  OffloadJob *job;

  if (full <= first)
    return;
  for (guint32 i = first; i < full; i++) {
    TierState state = tier_state(offload->host, key_at(request, i));
    n_new += state == TIER_ABSENT;
    if (state != TIER_STORING)
      use(offload, request, i);
  }
  if (n_new > 0 && !tier_make_room(offload->host, n_new,
                                   &g_array_index(request->keys, guint64, first), full - first)) {
    offload->n_refused++;
    return;
  }
  request->offered = full;
  if (n_new == 0)
    return;
  job = offload_add_job(offload, request, COPY_OUT);
  for (guint32 i = first; i < full; i++) {
    guint64 key = key_at(request, i);
    if (tier_state(offload->host, key) != TIER_ABSENT)
      continue;
    tier_store(offload->host, key, request->rank, i);
    g_array_append_val(job->keys, key);
    g_array_append_val(job->ids, ids[i]);
  }
  if (request->ended)
    offload_fence(offload, job);
  g_array_append_val(step->stores, ((const StepStore){request->request, job->keys->len}));
}

static guint32
full_blocks(const Offload *offload, guint32 tokens, const OffloadRequest *request)
{
  if (offload->config.prompt_only)
    tokens = MIN(tokens, request->prompt_tokens);
  return tokens / offload->pool->block_size;
}

static void
store_scheduled(Offload *offload, Step *step)
{
  for (guint i = 0; i < step->sequences->len; i++) {
    Sequence *sequence = g_ptr_array_index(step->sequences, i);
    const StepEntry *entry = &g_array_index(step->entries, StepEntry, i);
    OffloadRequest *request = sequence != NULL ? request_of(sequence) : NULL;
    guint32 full;
    if (request == NULL)
      continue;
    full = full_blocks(offload, MIN(entry->cached_tokens + entry->tokens, known_tokens(sequence)),
                       request);
    full = MIN(full, sequence->blocks);
    find_keys(offload, sequence, full);
    store(offload, step, request, full, sequence->block_ids);
  }
}

/* The content of those that ended is still in their blocks. Their blocks' ranks are fresh from now
 * on, the last block's first. */
static void
store_ended(Offload *offload, Step *step)
{
  for (guint i = 0; i < offload->ended->len; i++) {
    OffloadRequest *request = g_ptr_array_index(offload->ended, i);
    guint32 tokens = MAX(request->prompt_tokens, request->tokens - 1);
    guint32 full = MIN(full_blocks(offload, tokens, request), request->freed_ids->len);
    store(offload, step, request, full, (const guint32 *)(gpointer)request->freed_ids->data);
  }
  for (guint i = 0; i < offload->ended->len; i++) {
    OffloadRequest *request = g_ptr_array_index(offload->ended, i);
    for (guint32 j = request->used->len; j-- > 0;)
      if (request->used->data[j])
        tier_use(offload->host, key_at(request, j), tier_next_rank(offload->host), 0);
    request->ended = FALSE;
    offload_request_free_if_done(request);
  }
  offload->ended->len = 0;
}

/* Stores that read a block which was given out in this decision. */
static void
flush_overwritten(Offload *offload)
{
  for (guint i = 0; i < offload->given->len; i++) {
    guint32 id = g_array_index(offload->given, guint32, i);
    OffloadJob *job = g_hash_table_lookup(offload->fences, GUINT_TO_POINTER(id));
    if (job != NULL)
      job->flushed = TRUE;
  }
  offload->given->len = 0;
}

void
offload_decide(Offload *offload, Step *step)
{
  offload->n_refused = 0;
  store_scheduled(offload, step);
  store_ended(offload, step);
  flush_overwritten(offload);
  for (guint i = 0; i < offload->jobs->len; i++) {
    const OffloadJob *job = g_ptr_array_index(offload->jobs, i);
    if (job->flushed)
      g_array_append_val(step->flushes, job->id);
  }
  step->has_tier = TRUE;
  step->tier_used_blocks = tier_used_blocks(offload->host);
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
offload_may_store(const Offload *offload, const Sequence *sequence)
{
  const OffloadRequest *request = sequence->offload;

  return !offload->config.prompt_only || request == NULL ||
         request->offered < request->prompt_tokens / offload->pool->block_size;
}
