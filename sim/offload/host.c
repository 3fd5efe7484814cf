/* A request's blocks on the host: by content (tier.h) where requests share prefixes, else by their
 * place in the request (private_tier.h). */
#include "jobs.h"

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

guint32
offload_host_run_end(const Offload *offload, const OffloadRequest *request, guint32 first,
                     guint32 end, gboolean *copying)
{
  guint32 i = first;
  TierState state;

  *copying = FALSE;
  if (offload->own != NULL)
    return private_tier_run_end(request->blocks, first, end, copying);
  for (; i < end && (state = tier_state(offload->shared, key_at(request, i))) != TIER_ABSENT; i++)
    *copying |= state == TIER_STORING || state == TIER_PINNED;
  return i;
}

gboolean
offload_host_is_copying(const Offload *offload, const OffloadRequest *request, guint32 end)
{
  if (offload->own != NULL)
    return request->jobs != NULL;
  for (guint32 i = 0; i < end; i++) {
    TierState state = tier_state(offload->shared, key_at(request, i));
    if (state == TIER_STORING || state == TIER_PINNED)
      return TRUE;
  }
  return FALSE;
}

/* Notes how the request uses its block; the first use raises the block's rank. */
static void
use(Offload *offload, OffloadRequest *request, guint32 index, UseFlag how)
{
  guint8 *used = &request->used->data[index];

  if (how != USE_FOUND || (*used & USE_STORED) == 0)
    *used |= how;
  if (*used & USE_SEEN)
    return;
  *used |= USE_SEEN;
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
  g_array_append_vals(job->keys, &g_array_index(request->keys, guint64, job->first), job->n_blocks);
  for (guint32 i = job->first; i < job->end; i++) {
    tier_pin(offload->shared, key_at(request, i));
    use(offload, request, i, USE_FOUND);
  }
}

static gboolean
make_own_room(Offload *offload, OffloadRequest *request, guint32 first, guint32 end, guint32 *n_new)
{
  *n_new = private_tier_count(request->blocks, first, end, TIER_ABSENT);
  if (request->blocks->rank == 0)
    private_tier_raise(offload->own, request->blocks);
  return *n_new == 0 || private_tier_make_room(offload->own, *n_new, request->blocks, first, end);
}

/* TRUE if the block is absent, and was offered often enough to be stored. */
static gboolean
wants(const Offload *offload, guint64 key)
{
  return tier_state(offload->shared, key) == TIER_ABSENT &&
         (offload->counts == NULL ||
          offer_counts_of(offload->counts, key) >= offload->config.store_threshold);
}

/* Blocks to store; tells the tier, the last block first, of those missed for the first time. */
static guint32
count_missing(Offload *offload, OffloadRequest *request, guint32 first, guint32 end)
{
  guint32 n = 0;

  for (guint32 i = end; i-- > first;) {
    if (!wants(offload, key_at(request, i)))
      continue;
    n++;
    if ((request->used->data[i] & USE_MISSED) == 0)
      tier_miss(offload->shared, key_at(request, i));
    request->used->data[i] |= USE_MISSED;
  }
  return n;
}

static gboolean
make_shared_room(Offload *offload, OffloadRequest *request, guint32 first, guint32 end,
                 guint32 *n_new)
{
  const guint64 *keys = &g_array_index(request->keys, guint64, first);

  if (offload->counts != NULL)
    offer_counts_note(offload->counts, keys, end - first);
  *n_new = count_missing(offload, request, first, end);
  for (guint32 i = first; i < end; i++) {
    TierState state = tier_state(offload->shared, key_at(request, i));
    if (state == TIER_READY || state == TIER_PINNED)
      use(offload, request, i, USE_FOUND);
    else if (wants(offload, key_at(request, i)))
      use(offload, request, i, USE_MISSED);
  }
  return *n_new == 0 || tier_make_room(offload->shared, *n_new, keys, end - first);
}

gboolean
offload_host_make_room(Offload *offload, OffloadRequest *request, guint32 first, guint32 end,
                       guint32 *n_new)
{
  return offload->own != NULL ? make_own_room(offload, request, first, end, n_new)
                              : make_shared_room(offload, request, first, end, n_new);
}

void
offload_host_store(Offload *offload, OffloadJob *job, const guint32 *ids)
{
  const OffloadRequest *request = job->owner;
  guint32 n = 0;

  if (offload->own != NULL) {
    job->n_blocks = private_tier_change(offload->own, request->blocks, job->first, job->end,
                                        TIER_ABSENT, TIER_STORING);
    return;
  }
  g_array_set_size(job->keys, job->end - job->first);
  g_array_set_size(job->ids, job->end - job->first);
  for (guint32 i = job->first; i < job->end; i++) {
    guint64 key = key_at(request, i);
    if (!wants(offload, key))
      continue;
    tier_store(offload->shared, key, request->rank, i);
    request->used->data[i] |= USE_STORED;
    g_array_index(job->keys, guint64, n) = key;
    g_array_index(job->ids, guint32, n++) = ids[i];
  }
  job->n_blocks = job->keys->len = job->ids->len = n;
}

void
offload_host_end(Offload *offload, OffloadRequest *request)
{
  if (offload->own != NULL) {
    private_tier_raise(offload->own, request->blocks);
    return;
  }
  for (guint32 i = request->used->len; i-- > 0;) {
    guint8 used = request->used->data[i];
    gboolean found = (used & USE_FOUND) != 0;
    if (used & USE_SEEN)
      tier_end_use(offload->shared, key_at(request, i), (used & USE_STORED) != 0 && !found, found);
  }
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
