/* Which full blocks of the groups the prefix cache keeps, and their registration.
 */
#include "groups.h"

GArray *
group_cache_new_states(const Pool *pool)
{
  GroupCache *cache = pool->contents;

  if (cache->decision != pool->decisions)
    cache->new_states->len = 0;
  cache->decision = pool->decisions;
  return cache->new_states;
}

/* TRUE if the block is one of the `needed` blocks before the last multiple of the alignment up to
 * `tokens`. */
static gboolean
ends_at(const GroupCache *cache, const KvGroupKind *kind, guint32 index, guint32 needed,
        guint32 tokens)
{
  guint32 end = tokens / cache->alignment * cache->alignment / kind->block_tokens;

  return index < end && index + needed >= end;
}

/* TRUE if the cache keeps a full block of that index. */
static gboolean
is_kept(const GroupCache *cache, const Sequence *sequence, const KvGroupKind *kind, guint32 index)
{
  guint32 in_alignment = cache->alignment / kind->block_tokens;
  guint32 needed =
      kind->kind == KV_STATE ? 1 : (kind->window - 1 + kind->block_tokens - 1) / kind->block_tokens;

  if (cache->retention == RETAIN_REPLAYED)
    return ends_at(cache, kind, index, needed, sequence->result.prompt_tokens - 1) ||
           ends_at(cache, kind, index, needed, sequence->shared_prefix_tokens);
  return cache->retention == RETAIN_ALL || kind->kind == KV_STATE || needed >= in_alignment ||
         index % in_alignment + needed >= in_alignment;
}

/* The group's blocks up to `end` are full: registers those of them that the cache keeps. */
static void
register_blocks(Pool *pool, Sequence *sequence, guint32 group, guint32 end)
{
  GroupCache *cache = pool->contents;
  const KvGroupKind *kind = cache->kind_of[group];
  GroupTable *table = &sequence->group_tables[group];
  gboolean dense = kind->kind == KV_WHOLE || kind->kind == KV_CHUNKS;
  guint32 first = table->registered, kept = end;

  table->registered = end;
  if (!dense && cache->retention == RETAIN_REPLAYED) /* behind these none is kept */
    kept = MIN(end, MAX(sequence->result.prompt_tokens, sequence->shared_prefix_tokens) /
                        kind->block_tokens);
  for (guint32 i = first; i < kept; i++) {
    guint64 key;
    if (table->ids[i] == 0 || !(dense || is_kept(cache, sequence, kind, i)))
      continue;
    key = group_cache_key(cache, sequence, group, i);
    named_blocks_register(&cache->blocks, table->ids[i], key);
    if (kind->kind == KV_STATE)
      g_array_append_val(group_cache_new_states(pool), key);
  }
}

/* Withholds the state of the prompt's last kept point once more, if `tokens` end there. */
static void
withhold_again(Pool *pool, Sequence *sequence, guint32 group, guint32 tokens)
{
  const GroupCache *cache = pool->contents;
  const GroupTable *table = &sequence->group_tables[group];
  guint32 every = cache->kind_of[group]->block_tokens;
  guint32 blocks = (sequence->result.prompt_tokens - 1) / every;
  guint64 key;

  if (blocks == 0 || tokens != blocks * every || table->length < blocks ||
      table->ids[blocks - 1] == 0)
    return;
  key = group_cache_key(cache, sequence, group, blocks - 1);
  g_array_append_val(group_cache_new_states(pool), key);
}

void
group_cache_commit(Pool *pool, Sequence *sequence, guint32 tokens)
{
  const GroupCache *cache = pool->contents;

  if (sequence->blocks == 0)
    return;
  if (cache->retention != RETAIN_ALL)
    tokens = tokens / cache->alignment * cache->alignment;
  for (guint32 g = 0; g < cache->groups->n_groups; g++) {
    const GroupTable *table = &sequence->group_tables[g];
    guint32 full = tokens / cache->kind_of[g]->block_tokens;
    full = MIN(full, table->length);
    if (full > table->registered)
      register_blocks(pool, sequence, g, full);
    if (cache->withholds_states_again && cache->kind_of[g]->kind == KV_STATE)
      withhold_again(pool, sequence, g, tokens);
  }
}
