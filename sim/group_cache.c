#include "group_cache.h"

#include "content_key.h"
#include "mix.h"
#include "named_blocks.h"

/* A sequence's blocks in one group. */
struct GroupTable {
  guint32 *ids; /* `length` of them; 0: given back, or never taken */
  guint32 length, room;
  guint32 first;      /* those before have been given back */
  guint32 registered; /* those before are known to the cache */
};

struct GroupCache {
  NamedBlocks blocks;
  const Workload *workload;
  const KvGroups *groups;
  GroupRetention retention;
  gboolean two_ended, windows_two_ended;
  guint32 unit_tokens; /* that all groups' blocks are a multiple of: content has a key at each */
  guint32 alignment;   /* tokens, a multiple of all groups' blocks */
  const KvGroupKind **kind_of; /* by group */
  GArray *new_states;          /* of guint64: keys of states that this decision's steps write */
};

static guint32
divisor(guint32 a, guint32 b)
{
  while (b != 0) {
    guint32 rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

GroupCache *
group_cache_new(const Workload *workload, const GroupCacheConfig *config)
{
  GroupCache *cache = g_new0(GroupCache, 1);
  guint32 n = 0;

  named_blocks_init(&cache->blocks, config->num_blocks);
  cache->two_ended = config->two_ended;
  cache->windows_two_ended = config->windows_two_ended;
  cache->workload = workload;
  cache->groups = config->groups;
  cache->retention = config->retention;
  cache->alignment = 1;
  cache->kind_of = g_new(const KvGroupKind *, config->groups->n_groups);
  cache->new_states = g_array_new(FALSE, FALSE, sizeof(guint64));
  for (guint i = 0; i < config->groups->n_kinds; i++) {
    const KvGroupKind *kind = &config->groups->kinds[i];
    g_assert(kind->block_tokens > 0);
    cache->unit_tokens = divisor(kind->block_tokens, cache->unit_tokens);
    cache->alignment *= kind->block_tokens / divisor(kind->block_tokens, cache->alignment);
    for (guint32 j = 0; j < kind->groups; j++)
      cache->kind_of[n++] = kind;
  }
  return cache;
}

void
group_cache_free(GroupCache *cache)
{
  if (cache == NULL)
    return;
  named_blocks_clear(&cache->blocks);
  g_free(cache->kind_of);
  g_array_unref(cache->new_states);
  g_free(cache);
}

guint32
group_cache_free_blocks(const GroupCache *cache)
{
  return cache->blocks.free_blocks;
}

gboolean
group_cache_evicted(const GroupCache *cache)
{
  return cache->blocks.evicted;
}

void
group_cache_begin(GroupCache *cache)
{
  cache->new_states->len = 0;
}

const KvGroups *
group_cache_groups(const GroupCache *cache)
{
  return cache->groups;
}

guint32
group_cache_alignment(const GroupCache *cache)
{
  return cache->alignment;
}

/* Of one group's block: the same tokens in another group are other content. */
static guint64
block_key(GroupCache *cache, Sequence *sequence, guint32 group, guint32 index)
{
  guint32 units = cache->kind_of[group]->block_tokens / cache->unit_tokens;
  guint64 content =
      content_key(cache->workload, cache->unit_tokens, sequence, (index + 1) * units - 1);

  return MAX(mix64(content + (group + 1) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15)), 1);
}

/* TRUE if the state of that key is only written in this decision's step. */
static gboolean
is_new_state(const GroupCache *cache, guint64 key)
{
  for (guint i = 0; i < cache->new_states->len; i++)
    if (g_array_index(cache->new_states, guint64, i) == key)
      return TRUE;
  return FALSE;
}

gboolean
group_cache_find(GroupCache *cache, Sequence *sequence, guint32 group, guint32 index, guint32 *id)
{
  return named_blocks_find(&cache->blocks, block_key(cache, sequence, group, index), id);
}

static guint32
blocks_of(const KvGroupKind *kind, guint32 tokens)
{
  return (tokens + kind->block_tokens - 1) / kind->block_tokens;
}

/* Blocks beyond the first `have` that a group takes for `tokens` tokens; a state is written where
 * the step ends, and nowhere between. */
static guint32
new_blocks(const KvGroupKind *kind, guint32 have, guint32 tokens)
{
  guint32 needed = blocks_of(kind, tokens), more = needed > have ? needed - have : 0;

  return kind->kind == KV_STATE ? MIN(more, 1) : more;
}

/* What a group of this kind is asked for, of the blocks of `tokens` tokens. */
static guint32
capped_tokens(const KvGroupKind *kind, guint32 tokens, guint32 in_flight_tokens)
{
  guint64 seen;

  if (in_flight_tokens == 0 || kind->window == 0)
    return tokens;
  seen = (guint64)kind->window + in_flight_tokens - (kind->kind == KV_WINDOW ? 1 : 0);
  seen = (seen + kind->block_tokens - 1) / kind->block_tokens * kind->block_tokens;
  if (kind->kind == KV_WINDOW || kind->window % kind->block_tokens != 0)
    seen += kind->block_tokens;
  return (guint32)MIN(seen, tokens);
}

guint32
group_cache_admission_blocks(GroupCache *cache, Sequence *sequence, guint32 cached, guint32 tokens,
                             guint32 in_flight_tokens)
{
  guint32 blocks = 0;

  for (guint32 g = 0; g < cache->groups->n_groups; g++) {
    const KvGroupKind *kind = cache->kind_of[g];
    guint32 hits = cached / kind->block_tokens;
    guint32 gone = (guint32)kv_group_gone_blocks(kind, cached);
    guint32 id = 0;
    blocks += new_blocks(kind, MAX(gone, hits), capped_tokens(kind, tokens, in_flight_tokens));
    for (guint32 i = gone; i < hits; i++) {
      if (!group_cache_find(cache, sequence, g, i, &id))
        g_assert_not_reached();
      blocks += cache->blocks.of[id].references == 0;
    }
    if (kind->kind == KV_STATE && hits > 0 &&
        is_new_state(cache, block_key(cache, sequence, g, hits - 1)))
      return G_MAXUINT32;
  }
  return blocks;
}

static void
append(GroupTable *table, guint32 id)
{
  if (table->length == table->room) {
    table->room = MAX(16, 2 * table->room);
    table->ids = g_renew(guint32, table->ids, table->room);
  }
  table->ids[table->length++] = id;
}

static void
pad(GroupTable *table, guint32 length)
{
  while (table->length < length)
    append(table, 0);
}

static GroupTable *
tables_of(const GroupCache *cache, Sequence *sequence)
{
  if (sequence->group_tables == NULL) {
    sequence->group_tables = g_new0(GroupTable, cache->groups->n_groups);
    sequence->n_group_tables = cache->groups->n_groups;
  }
  return sequence->group_tables;
}

void
group_cache_share(GroupCache *cache, Sequence *sequence, guint32 cached)
{
  GroupTable *tables = tables_of(cache, sequence);

  g_assert(sequence->blocks == 0);
  for (guint32 g = 0; g < cache->groups->n_groups; g++) {
    guint32 hits = cached / cache->kind_of[g]->block_tokens, id;
    pad(&tables[g], (guint32)kv_group_gone_blocks(cache->kind_of[g], cached));
    tables[g].first = tables[g].length;
    while (tables[g].length < hits) {
      if (!group_cache_find(cache, sequence, g, tables[g].length, &id))
        g_assert_not_reached();
      named_blocks_hold(&cache->blocks, id);
      append(&tables[g], id);
      sequence->blocks++;
    }
    tables[g].registered = tables[g].length;
  }
}

/* Blocks [first, end) of the group's table, the last one first. */
static void
give(GroupCache *cache, Sequence *sequence, guint32 group, guint32 end)
{
  GroupTable *table = &sequence->group_tables[group];
  gboolean two_ended =
      cache->kind_of[group]->kind == KV_WINDOW ? cache->windows_two_ended : cache->two_ended;
  guint32 last_first = 0;

  for (guint32 i = end; i-- > table->first;) {
    if (table->ids[i] == 0)
      continue;
    named_blocks_give(&cache->blocks, table->ids[i], two_ended, &last_first);
    table->ids[i] = 0;
    sequence->blocks--;
  }
  table->first = MAX(table->first, end);
}

void
group_cache_give_back(GroupCache *cache, Sequence *sequence, guint32 computed)
{
  if (sequence->blocks == 0)
    return;
  for (guint32 g = 0; g < cache->groups->n_groups; g++) {
    guint32 gone = (guint32)kv_group_gone_blocks(cache->kind_of[g], computed);
    give(cache, sequence, g, MIN(gone, sequence->group_tables[g].length));
  }
}

guint32
group_cache_gone_blocks(const GroupCache *cache, const Sequence *sequence, guint32 computed)
{
  guint32 blocks = 0;

  for (guint32 g = 0; g < sequence->n_group_tables; g++) {
    const GroupTable *table = &sequence->group_tables[g];
    guint32 gone = (guint32)kv_group_gone_blocks(cache->kind_of[g], computed);
    for (guint32 i = table->first; i < MIN(gone, table->length); i++)
      blocks += table->ids[i] != 0 && cache->blocks.of[table->ids[i]].references == 1;
  }
  return blocks;
}

/* Blocks at the head of a table that are none: of a sequence that has its tokens elsewhere. */
static guint32
absent(const KvGroupKind *kind, const Sequence *sequence, guint32 group, guint32 computed)
{
  return sequence->blocks > 0 ? sequence->group_tables[group].length
                              : (guint32)kv_group_gone_blocks(kind, computed);
}

/* A state that comes from elsewhere has a block where it was written, beside that which the step
 * writes. */
static gboolean
brings_state(const KvGroupKind *kind, const Sequence *sequence, guint32 computed, guint32 tokens)
{
  return kind->kind == KV_STATE && sequence->blocks == 0 && computed > 0 &&
         kv_group_gone_blocks(kind, computed) != kv_group_gone_blocks(kind, tokens);
}

guint32
group_cache_lacks(const GroupCache *cache, const Sequence *sequence, guint32 computed,
                  guint32 tokens)
{
  guint32 blocks = 0;

  for (guint32 g = 0; g < cache->groups->n_groups; g++) {
    const KvGroupKind *kind = cache->kind_of[g];
    blocks += new_blocks(kind, absent(kind, sequence, g, computed), tokens) +
              brings_state(kind, sequence, computed, tokens);
  }
  return blocks;
}

void
group_cache_take(GroupCache *cache, Sequence *sequence, guint32 computed, guint32 tokens)
{
  GroupTable *tables = tables_of(cache, sequence);
  gboolean empty = sequence->blocks == 0;
  guint32 taken = 0;

  for (guint32 g = 0; g < cache->groups->n_groups; g++) {
    const KvGroupKind *kind = cache->kind_of[g];
    guint32 needed = blocks_of(kind, tokens);
    if (empty) {
      pad(&tables[g], (guint32)kv_group_gone_blocks(kind, computed));
      tables[g].first = tables[g].length;
    }
    if (brings_state(kind, sequence, computed, tokens)) {
      append(&tables[g], named_blocks_take(&cache->blocks));
      taken++;
    }
    if (kind->kind == KV_STATE && needed > 0)
      pad(&tables[g], needed - 1);
    for (; tables[g].length < needed; taken++)
      append(&tables[g], named_blocks_take(&cache->blocks));
  }
  sequence->blocks += taken;
}

/* TRUE if the block is one of the `needed` ones that end with the last multiple of the alignment
 * before `tokens`. */
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

void
group_cache_register(GroupCache *cache, Sequence *sequence, guint32 tokens)
{
  guint32 aligned =
      cache->retention == RETAIN_ALL ? tokens : tokens / cache->alignment * cache->alignment;

  if (sequence->blocks == 0)
    return;
  for (guint32 g = 0; g < cache->groups->n_groups; g++) {
    const KvGroupKind *kind = cache->kind_of[g];
    GroupTable *table = &sequence->group_tables[g];
    gboolean dense = kind->kind == KV_WHOLE || kind->kind == KV_CHUNKS;
    guint32 full = MIN(aligned / kind->block_tokens, table->length);
    for (guint32 i = table->registered; i < full; i++) {
      guint64 key = block_key(cache, sequence, g, i);
      if (table->ids[i] == 0 || !(dense || is_kept(cache, sequence, kind, i)))
        continue;
      named_blocks_register(&cache->blocks, table->ids[i], key);
      if (kind->kind == KV_STATE)
        g_array_append_val(cache->new_states, key);
    }
    table->registered = MAX(table->registered, full);
  }
}

void
group_cache_release(GroupCache *cache, Sequence *sequence)
{
  if (sequence->group_tables == NULL)
    return;
  for (guint32 g = 0; g < cache->groups->n_groups; g++) {
    GroupTable *table = &sequence->group_tables[g];
    give(cache, sequence, g, table->length);
    table->length = table->first = table->registered = 0;
  }
  g_assert(sequence->blocks == 0);
}

void
group_cache_forget(Sequence *sequence)
{
  for (guint32 g = 0; g < sequence->n_group_tables; g++)
    g_free(sequence->group_tables[g].ids);
  g_clear_pointer(&sequence->group_tables, g_free);
}
