/* A request's blocks on the host: by content where requests may share them, else by their place in
 * the request (private_tier.h). */
#include "offload_jobs.h"

#include "sim/contents/content_key.h"

#include <string.h>

static guint64
key_at(const OffloadRequest *request, guint32 index)
{
  return g_array_index(request->keys, guint64, index);
}

void
offload_host_know(Offload *offload, Sequence *sequence, guint32 end)
{
  OffloadRequest *request = sequence->offload;
  guint32 known;

  if (offload->own != NULL)
    return;
  known = request->keys->len;
  if (end <= known)
    return;
  g_array_set_size(request->keys, end);
  g_byte_array_set_size(request->used, end);
  memset(request->used->data + known, 0, end - known);
  for (guint32 i = known; i < end; i++)
    g_array_index(request->keys, guint64, i) =
        content_key(offload->workload, offload->pool->block_size, sequence, i);
}

static TierState
state_of(const Offload *offload, const OffloadRequest *request, guint32 index)
{
  return offload->own != NULL ? private_tier_state(request->blocks, index)
                              : tier_state(offload->shared, key_at(request, index));
}

guint32
offload_host_run_end(const Offload *offload, const OffloadRequest *request, guint32 first,
                     guint32 end, gboolean *copying)
{
  guint32 i = first;

  *copying = FALSE;
  for (TierState state; i < end && (state = state_of(offload, request, i)) != TIER_ABSENT; i++)
    *copying |= state == TIER_STORING || state == TIER_PINNED;
  return i;
}

/* The request stores or loads its block, or finds it stored: its first use gives it its rank. */
static void
use(Offload *offload, OffloadRequest *request, guint32 index)
{
  if (request->used->data[index])
    return;
  request->used->data[index] = 1;
  if (request->rank == 0)
    request->rank = tier_next_rank(offload->shared);
  tier_use(offload->shared, key_at(request, index), request->rank, index);
}

void
offload_host_load(Offload *offload, OffloadJob *job)
{
  OffloadRequest *request = job->owner;

  job->n_blocks = job->end - job->first;
  if (offload->own != NULL) {
    private_tier_change(offload->own, request->blocks, job->first, job->end, TIER_READY,
                        TIER_PINNED);
    return;
  }
  for (guint32 i = job->first; i < job->end; i++) {
    guint64 key = key_at(request, i);
    g_array_append_val(job->keys, key);
    tier_pin(offload->shared, key);
    use(offload, request, i);
  }
}

static gboolean
make_own_room(Offload *offload, OffloadRequest *request, guint32 first, guint32 end, guint32 *n_new)
{
  *n_new = private_tier_count(request->blocks, first, end, TIER_ABSENT);
  if (request->blocks->rank == 0)
    private_tier_raise(offload->own, request->blocks);
  return *n_new == 0 ||
         private_tier_make_room(offload->own, *n_new, request->blocks, first, end);
}

gboolean
offload_host_make_room(Offload *offload, OffloadRequest *request, guint32 first, guint32 end,
                       guint32 *n_new)
{
  if (offload->own != NULL)
    return make_own_room(offload, request, first, end, n_new);
  *n_new = 0;
  for (guint32 i = first; i < end; i++) {
    TierState state = tier_state(offload->shared, key_at(request, i));
    *n_new += state == TIER_ABSENT;
    if (state != TIER_STORING)
      use(offload, request, i);
  }
  return *n_new == 0 ||
         tier_make_room(offload->shared, *n_new, &g_array_index(request->keys, guint64, first),
                        end - first);
}

void
offload_host_store(Offload *offload, OffloadJob *job, const guint32 *ids)
{
  const OffloadRequest *request = job->owner;

  if (offload->own != NULL) {
    job->n_blocks = private_tier_change(offload->own, request->blocks, job->first, job->end,
                                        TIER_ABSENT, TIER_STORING);
    return;
  }
  for (guint32 i = job->first; i < job->end; i++) {
    guint64 key = key_at(request, i);
    if (tier_state(offload->shared, key) != TIER_ABSENT)
      continue;
    tier_store(offload->shared, key, request->rank, i);
    g_array_append_val(job->keys, key);
    g_array_append_val(job->ids, ids[i]);
  }
  job->n_blocks = job->keys->len;
}

void
offload_host_end(Offload *offload, OffloadRequest *request)
{
  if (offload->own != NULL) {
    private_tier_raise(offload->own, request->blocks);
    return;
  }
  for (guint32 i = request->used->len; i-- > 0;)
    if (request->used->data[i])
      tier_use(offload->shared, key_at(request, i), tier_next_rank(offload->shared), 0);
}

void
offload_host_done(Offload *offload, const OffloadJob *job)
{
  gboolean stored = job->direction == COPY_OUT;

  if (offload->own != NULL)
    private_tier_change(offload->own, job->owner->blocks, job->first, job->end,
                        stored ? TIER_STORING : TIER_PINNED, TIER_READY);
  else
    for (guint i = 0; i < job->keys->len; i++)
      (stored ? tier_stored : tier_unpin)(offload->shared, g_array_index(job->keys, guint64, i));
}

guint32
offload_host_used_blocks(const Offload *offload)
{
  return offload->own != NULL ? private_tier_used_blocks(offload->own)
                              : tier_used_blocks(offload->shared);
}
