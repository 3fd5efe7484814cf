/* Keys of the groups' blocks, and which block holds what. */
#include "groups.h"

void
group_cache_align(GroupCache *cache)
{
  guint32 n = 0;

  cache->alignment = (guint32)kv_groups_period(cache->groups);
  cache->kind_of = g_new(const KvGroupKind *, cache->groups->n_groups);
  for (guint i = 0; i < cache->groups->n_kinds; i++) {
    const KvGroupKind *kind = &cache->groups->kinds[i];
    g_assert(kind->block_tokens > 0);
    cache->unit_tokens = common_divisor(kind->block_tokens, cache->unit_tokens);
    for (guint32 j = 0; j < kind->groups; j++)
      cache->kind_of[n++] = kind;
  }
  for (guint32 g = 0; g < n; g++) {
    const KvGroupKind *kind = cache->kind_of[g];
    cache->goes_early |= (kind->kind == KV_WINDOW && kind->window < cache->alignment) ||
                         (kind->kind == KV_CHUNKS && kind->window % cache->alignment != 0);
  }
  cache->units_of = g_new(guint32, n);
  while (n-- > 0)
    cache->units_of[n] = cache->kind_of[n]->block_tokens / cache->unit_tokens;
}

gboolean
group_cache_find(const GroupCache *cache, Sequence *sequence, guint32 group, guint32 index,
                 guint32 *id)
{
  return named_blocks_find(&cache->blocks, group_cache_key(cache, sequence, group, index), id);
}
