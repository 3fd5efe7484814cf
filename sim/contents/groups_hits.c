/* How much of a sequence's prefix is there in every group of layers: each kind accepts a length or
 * shortens it, and all are asked again until none does.
 */
#include "groups.h"

typedef struct {
  const GroupCache *cache;
  Sequence *sequence;
} Search;

/* TRUE if each group of the kind has that block; the first of them is `first`. */
static gboolean
has_block(const Search *s, const KvGroupKind *kind, guint32 first, guint32 index)
{
  guint32 id;

  for (guint32 i = 0; i < kind->groups; i++)
    if (!group_cache_find(s->cache, s->sequence, first + i, index, &id))
      return FALSE;
  return TRUE;
}

/* Of a window: the rightmost run of blocks that ends at the alignment and fills the window, or a
 * shorter one that begins with the first block. */
static guint32
window_hits(const Search *s, const KvGroupKind *kind, guint32 first, guint32 most)
{
  guint32 needed = (kind->window - 1 + kind->block_tokens - 1) / kind->block_tokens;
  guint32 run = 0, end = 0, tokens;

  if (needed == 0)
    return most - most % s->cache->alignment;
  for (guint32 i = most / kind->block_tokens; i-- > 0;) {
    if (!has_block(s, kind, first, i)) {
      run = 0;
      continue;
    }
    if (run == 0 && (i + 1) * kind->block_tokens % s->cache->alignment != 0)
      continue;
    if (run == 0)
      end = i + 1;
    if (++run == needed)
      break;
  }
  tokens = run > 0 ? end * kind->block_tokens : 0;
  return tokens - tokens % s->cache->alignment;
}

/* The longest run from the first block that a step after `most` tokens needs: the context's first
 * or, of chunks, that of the chunk in which `most` lies. */
static guint32
run_hits(const Search *s, const KvGroupKind *kind, guint32 first, guint32 most)
{
  guint32 blocks = (guint32)kv_group_gone_blocks(kind, most), tokens;

  while (blocks < most / kind->block_tokens && has_block(s, kind, first, blocks))
    blocks++;
  tokens = blocks * kind->block_tokens;
  return tokens - tokens % s->cache->alignment;
}

/* Of states: the last one that is there and ends at the alignment. */
static guint32
state_hits(const Search *s, const KvGroupKind *kind, guint32 first, guint32 most)
{
  for (guint32 i = most / kind->block_tokens; i > 0; i--)
    if (i * kind->block_tokens % s->cache->alignment == 0 && has_block(s, kind, first, i - 1))
      return i * kind->block_tokens;
  return 0;
}

static guint32
kind_hits(const Search *s, const KvGroupKind *kind, guint32 first, guint32 most)
{
  switch (kind->kind) {
  case KV_WINDOW:
    return window_hits(s, kind, first, most);
  case KV_STATE:
    return state_hits(s, kind, first, most);
  case KV_CHUNKS:
  case KV_WHOLE:
    break;
  }
  return run_hits(s, kind, first, most);
}

/* One round over the kinds with the whole context, or over the others. The former bound the latter
 * and, since they have every shorter prefix, too, are asked once. */
static guint32
ask_kinds(const Search *s, gboolean whole, guint32 most)
{
  const KvGroups *groups = s->cache->groups;
  guint32 first = 0;

  for (guint i = 0; i < groups->n_kinds; first += groups->kinds[i++].groups)
    if ((groups->kinds[i].kind == KV_WHOLE) == whole)
      most = kind_hits(s, &groups->kinds[i], first, most);
  return most;
}

guint32
group_cache_hits(const GroupCache *cache, Sequence *sequence, guint32 most_tokens)
{
  const Search search = {cache, sequence};
  guint32 whole = ask_kinds(&search, TRUE, most_tokens);
  guint32 hits = whole, before;

  sequence->hashed_tokens =
      request_hashed_tokens(workload_request(cache->workload, sequence->request));
  do {
    before = hits;
    hits = ask_kinds(&search, FALSE, before);
  } while (hits < before);
  sequence->shared_prefix_tokens = whole > hits ? whole : 0;
  return hits;
}
