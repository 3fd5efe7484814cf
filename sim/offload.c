#include "offload.h"

#include "tier.h"

/* A request's part in it, which outlives its sequence while it has jobs. */
struct OffloadRequest {
  guint32 request;
  guint64 rank;          /* in the tier; 0: none yet */
  guint32 offered;       /* its first blocks that need not be offered again */
  guint32 prompt_tokens; /* of its prompt, and in all, once it ended */
  guint32 tokens;
  GArray *keys;      /* of guint64: of its full blocks, as far as they were asked for */
  GByteArray *used;  /* a flag a block: stored or loaded by it at some time */
  GArray *freed_ids; /* of guint32: its blocks when it ended; NULL before */
  GPtrArray *jobs;   /* of Job, under way */
  gboolean load_is_over;
  gboolean held_up;
  gboolean ended;     /* and the decision that looks at what it left is to come */
  gboolean forgotten; /* by its sequence */
};

typedef struct {
  guint32 id;
  OffloadRequest *owner;
  CopyDirection direction;
  GArray *keys;     /* of guint64 */
  GArray *ids;      /* of guint32: of a store, the GPU blocks that it reads */
  gint64 end_ps;    /* G_MAXINT64: not submitted */
  gboolean flushed; /* by the decision that is being made, or whose step is about to begin */
} Job;

struct Offload {
  OffloadConfig config;
  Pool *pool;
  Tier *host;
  guint32 next_job;
  guint32 step_first_job; /* the first one decided since a step began */
  GPtrArray *jobs;        /* of Job, under way, in the order of their ids */
  GPtrArray *ended;       /* of OffloadRequest: since the last decision */
  GHashTable *loading;    /* keys that are being loaded */
  GHashTable *fences;     /* GPU block id → Job that stores it, of requests that ended */
  GArray *given;          /* of guint32: blocks that the pool gave out in this decision */
  guint32 n_held_up;
  guint32 n_refused; /* stores that found no room in the last decision */
};

static void
job_free(gpointer data)
{
  Job *job = data;

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

static void
free_if_done(OffloadRequest *request)
{
  if (request->forgotten && request->jobs->len == 0 && !request->ended)
    request_free(request);
}

Offload *
offload_new(const OffloadConfig *config, Pool *pool)
{
  Offload *offload = g_new0(Offload, 1);

  g_assert(pool->cache != NULL);
  offload->config = *config;
  offload->pool = pool;
  offload->host = tier_new(config->host_blocks);
  offload->jobs = g_ptr_array_new_with_free_func(job_free);
  offload->ended = g_ptr_array_new();
  offload->loading = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
  offload->fences = g_hash_table_new(NULL, NULL);
  offload->given = g_array_new(FALSE, FALSE, sizeof(guint32));
  prefix_cache_watch(pool->cache, offload->given);
  return offload;
}

void
offload_free(Offload *offload)
{
  if (offload == NULL)
    return;
  for (guint i = 0; i < offload->jobs->len; i++) {
    Job *job = g_ptr_array_index(offload->jobs, i);
    g_ptr_array_remove_fast(job->owner->jobs, job);
    free_if_done(job->owner);
  }
  for (guint i = 0; i < offload->ended->len; i++) {
    OffloadRequest *request = g_ptr_array_index(offload->ended, i);
    request->ended = FALSE;
    free_if_done(request);
  }
  g_ptr_array_unref(offload->jobs);
  g_ptr_array_unref(offload->ended);
  g_hash_table_unref(offload->loading);
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
  guint8 unused = 0;

  for (guint32 i = request->keys->len; i < blocks; i++) {
    guint64 key = prefix_cache_key(offload->pool->cache, sequence, i);
    g_array_append_val(request->keys, key);
    g_byte_array_append(request->used, &unused, 1);
  }
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
  gboolean storing = FALSE;

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
    storing |= state == TIER_STORING;
  }
  if (storing)
    return FALSE;
  for (guint32 i = hits; i < end; i++)
    if (g_hash_table_contains(offload->loading, &g_array_index(request->keys, guint64, i)))
      return FALSE;
  *blocks = end - hits;
  return TRUE;
}

static Job *
add_job(Offload *offload, OffloadRequest *owner, CopyDirection direction)
{
  Job *job = g_new0(Job, 1);

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
  Job *job = add_job(offload, request, COPY_IN);
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
    g_hash_table_add(offload->loading, g_memdup2(&key, sizeof key));
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
    ((Job *)g_ptr_array_index(request->jobs, i))->flushed = TRUE;
}

static void
fence(Offload *offload, Job *job)
{
  for (guint i = 0; i < job->ids->len; i++)
    g_hash_table_insert(offload->fences, GUINT_TO_POINTER(g_array_index(job->ids, guint32, i)),
                        job);
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
    fence(offload, g_ptr_array_index(request->jobs, i));
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
  free_if_done(request);
}

/* Offers the request's blocks up to `full`, which are in the GPU blocks `ids`. */
static void
store(Offload *offload, Step *step, OffloadRequest *request, guint32 full, const guint32 *ids)
{
  guint32 first = request->offered, n_new = 0;
  Job *job;

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
  job = add_job(offload, request, COPY_OUT);
  for (guint32 i = first; i < full; i++) {
    guint64 key = key_at(request, i);
    if (tier_state(offload->host, key) != TIER_ABSENT)
      continue;
    tier_store(offload->host, key, request->rank, i);
    g_array_append_val(job->keys, key);
    g_array_append_val(job->ids, ids[i]);
  }
  if (request->ended)
    fence(offload, job);
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
    free_if_done(request);
  }
  offload->ended->len = 0;
}

/* Stores that read a block which was given out in this decision. */
static void
flush_overwritten(Offload *offload)
{
  for (guint i = 0; i < offload->given->len; i++) {
    guint32 id = g_array_index(offload->given, guint32, i);
    Job *job = g_hash_table_lookup(offload->fences, GUINT_TO_POINTER(id));
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
    const Job *job = g_ptr_array_index(offload->jobs, i);
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

/* How long the step waits for a flushed job. */
static gint64
wait_for(Job *job, gint64 start_ps, const CopyLink *link)
{
  job->flushed = FALSE;
  if (link->side_by_side)
    job->end_ps = start_ps; /* recordings count no time for it */
  return MAX(0, job->end_ps - start_ps);
}

gint64
offload_begin_step(Offload *offload, gint64 start_ps, CopyLink *link, OffloadDuration duration,
                   gpointer data)
{
  gint64 wait_ps = 0;

  for (guint i = 0; i < offload->jobs->len; i++) {
    Job *job = g_ptr_array_index(offload->jobs, i);
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
complete(Offload *offload, Job *job)
{
  for (guint i = 0; i < job->keys->len; i++) {
    guint64 key = g_array_index(job->keys, guint64, i);
    if (job->direction == COPY_OUT) {
      tier_stored(offload->host, key);
    } else {
      tier_unpin(offload->host, key);
      g_hash_table_remove(offload->loading, &key);
    }
  }
  for (guint i = 0; i < job->ids->len; i++) {
    gpointer id = GUINT_TO_POINTER(g_array_index(job->ids, guint32, i));
    if (g_hash_table_lookup(offload->fences, id) == job)
      g_hash_table_remove(offload->fences, id);
  }
  job->owner->load_is_over |= job->direction == COPY_IN;
  g_ptr_array_remove(job->owner->jobs, job);
  free_if_done(job->owner);
}

gboolean
offload_end_step(Offload *offload, gint64 end_ps)
{
  guint before = offload->jobs->len;

  for (guint i = 0; i < offload->jobs->len;) {
    Job *job = g_ptr_array_index(offload->jobs, i);
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
    next_ps = MIN(next_ps, ((const Job *)g_ptr_array_index(offload->jobs, i))->end_ps);
  return next_ps;
}
