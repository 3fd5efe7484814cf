/* The prefix cache of vLLM's hybrid manager: blocks of all groups of layers (kv_groups.h) in one
 * pool, with names (named_blocks.h), and a table of blocks a group and sequence.
 *
 *     whole context   [ 4 ][ 9 ][ 2 ][ 7 ][ 1 ]
 *     window          [   ][   ][ 3 ][ 8 ][ 5 ]    what is out of sight was given back
 *     states          [   ][   ][   ][   ][ 6 ]    one, behind the last token of its block
 *
 * A block that is given back stays in the queue of free blocks with its content. A prefix of n
 * tokens is there if every group has what a step after n tokens needs: all of it; the blocks that
 * the window shows; those since the chunk began; the state behind token n. A hit is the longest
 * such n, a multiple of all groups' block lengths. Source: vLLM 0.11 to 0.33,
 * v1/core/kv_cache_coordinator.py and single_type_kv_cache_manager.py.
 */
#include "groups.h"

static void
free_cache(Pool *pool)
{
  GroupCache *cache = pool->contents;

  named_blocks_clear(&cache->blocks);
  g_free(cache->kind_of);
  g_free(cache->units_of);
  g_array_unref(cache->new_states);
  g_free(cache);
}

/* Updates the pool's count after blocks were taken or given back. */
static void
count(Pool *pool)
{
  const GroupCache *cache = pool->contents;

  pool->free_blocks = cache->blocks.free_blocks;
  pool->evicted |= cache->blocks.evicted;
}

static gboolean
contains(const GArray *keys, guint64 key)
{
  for (guint i = 0; i < keys->len; i++)
    if (g_array_index(keys, guint64, i) == key)
      return TRUE;
  return FALSE;
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

/* The same of a sequence's step; a prefill's last step may leave a state within it, too. */
static guint32
step_new_blocks(const GroupCache *cache, const KvGroupKind *kind, const Sequence *sequence,
                guint32 have, guint32 computed, guint32 tokens)
{
  guint32 end = sequence_prefill_end(sequence);

  return new_blocks(kind, have, tokens) +
         (kind->kind == KV_STATE &&
          kv_groups_leaves_inner_state(cache->groups, computed, tokens, end));
}

/* The tokens, of `tokens`, whose blocks a group of this kind is asked for on admission. */
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

/* Of a window's group at most what it holds while in_flight_tokens are computed at once.
 * G_MAXUINT32 where the prefix ends in a state that is only being written by this decision's step.
 */
static guint32
admission_blocks(Pool *pool, Sequence *sequence, const PoolPrefix *prefix, guint64 tokens,
                 guint32 in_flight_tokens)
{
  const GroupCache *cache = pool->contents;
  guint32 blocks = 0, cached = prefix->tokens;

  for (guint32 g = 0; g < cache->groups->n_groups; g++) {
    const KvGroupKind *kind = cache->kind_of[g];
    guint32 hits = cached / kind->block_tokens;
    guint32 gone = (guint32)kv_group_gone_blocks(kind, cached);
    guint32 id = 0;
    blocks += step_new_blocks(cache, kind, sequence, MAX(gone, hits), cached,
                              capped_tokens(kind, (guint32)tokens, in_flight_tokens));
    for (guint32 i = gone; i < hits; i++) {
      if (!group_cache_find(cache, sequence, g, i, &id))
        g_assert_not_reached();
      blocks += cache->blocks.of[id].references == 0;
    }
    if (kind->kind == KV_STATE && hits > 0 &&
        contains(group_cache_new_states(pool), group_cache_key(cache, sequence, g, hits - 1)))
      return G_MAXUINT32;
  }
  return blocks;
}

static void
add_room(GroupTable *table)
{
  table->room = MAX(64, 2 * table->room);
  table->ids = g_renew(guint32, table->ids, table->room);
}

static inline void
append(GroupTable *table, guint32 id)
{
  if (table->length == table->room)
    add_room(table);
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

/* Free blocks of windows in the prefix: where less of it is found they are not needed. */
static guint32
idle_windows(Pool *pool, Sequence *sequence, const PoolPrefix *prefix)
{
  const GroupCache *cache = pool->contents;
  guint32 blocks = 0, cached = prefix->tokens, id;

  for (guint32 g = 0; g < cache->groups->n_groups; g++) {
    const KvGroupKind *kind = cache->kind_of[g];
    if (kind->kind == KV_WHOLE)
      continue;
    for (guint32 i = (guint32)kv_group_gone_blocks(kind, cached); i < cached / kind->block_tokens;
         i++)
      blocks +=
          group_cache_find(cache, sequence, g, i, &id) && cache->blocks.of[id].references == 0;
  }
  return blocks;
}

static void
share(Pool *pool, Sequence *sequence, const PoolPrefix *prefix)
{
  GroupCache *cache = pool->contents;
  GroupTable *tables = tables_of(cache, sequence);
  guint32 cached = prefix->tokens;

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
  count(pool);
}

/* Gives back the blocks [first, end) of the group's table, the last one first. */
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

static void
give_back(Pool *pool, Sequence *sequence, guint32 settled)
{
  GroupCache *cache = pool->contents;

  if (sequence->blocks == 0)
    return;
  for (guint32 g = 0; g < cache->groups->n_groups; g++) {
    guint32 gone = (guint32)kv_group_gone_blocks(cache->kind_of[g], settled);
    give(cache, sequence, g, MIN(gone, sequence->group_tables[g].length));
  }
  count(pool);
}

/* How many blocks become free when the sequence gives back what a step after `settled` tokens does
 * not need. */
static guint32
gone_blocks(const GroupCache *cache, const Sequence *sequence, guint32 settled)
{
  guint32 blocks = 0;

  for (guint32 g = 0; g < sequence->n_group_tables; g++) {
    const GroupTable *table = &sequence->group_tables[g];
    guint32 gone = (guint32)kv_group_gone_blocks(cache->kind_of[g], settled);
    for (guint32 i = table->first; i < MIN(gone, table->length); i++)
      blocks += table->ids[i] != 0 && cache->blocks.of[table->ids[i]].references == 1;
  }
  return blocks;
}

/* Blocks at the head of a table that need not be taken: for a sequence without blocks, whose KV is
 * elsewhere, those that no step needs any more. One that has just given back all its blocks (a
 * chunk began) keeps its table, whose length counts, since its computed tokens may be out of date
 * (decode_clock.h). */
static guint32
absent(const KvGroupKind *kind, const Sequence *sequence, guint32 group, guint32 computed)
{
  guint32 length = sequence->group_tables != NULL ? sequence->group_tables[group].length : 0;

  guint32 gone;

  if (sequence->blocks > 0)
    return length;
  gone = (guint32)kv_group_gone_blocks(kind, computed);
  return MAX(length, gone);
}

/* TRUE if a state comes from elsewhere and takes a block beside that which the step writes. */
static gboolean
brings_state(const KvGroupKind *kind, const Sequence *sequence, guint32 computed, guint32 tokens)
{
  return kind->kind == KV_STATE && sequence->blocks == 0 && computed > 0 &&
         kv_group_gone_blocks(kind, computed) != kv_group_gone_blocks(kind, tokens);
}

/* A sequence without blocks has its KV elsewhere and needs blocks for the part that is still seen.
 */
static gint64
lacks(const Pool *pool, const Sequence *sequence, guint32 settled, guint64 tokens)
{
  const GroupCache *cache = pool->contents;
  guint32 blocks = 0, computed = sequence->computed_tokens;

  for (guint32 g = 0; g < cache->groups->n_groups; g++) {
    const KvGroupKind *kind = cache->kind_of[g];
    blocks += step_new_blocks(cache, kind, sequence, absent(kind, sequence, g, computed), computed,
                              (guint32)tokens) +
              brings_state(kind, sequence, computed, (guint32)tokens);
  }
  return blocks - (gint64)gone_blocks(cache, sequence, settled);
}

static void
take_to(Pool *pool, Sequence *sequence, guint32 tokens)
{
  GroupCache *cache = pool->contents;
  GroupTable *tables = tables_of(cache, sequence);
  gboolean empty = sequence->blocks == 0;
  guint32 taken = 0, computed = sequence->computed_tokens, end = sequence_prefill_end(sequence);
  guint32 states = kv_groups_leaves_inner_state(cache->groups, computed, tokens, end) ? 2 : 1;

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
      pad(&tables[g], needed - states);
    for (; tables[g].length < needed; taken++)
      append(&tables[g], named_blocks_take(&cache->blocks));
  }
  sequence->blocks += taken;
  count(pool);
}

static void
change(Pool *pool, Sequence *sequence, guint32 settled, guint32 known, guint32 tokens)
{
  GroupCache *cache = pool->contents;
  GroupTable *tables = sequence->group_tables;
  guint32 n = cache->groups->n_groups;

  group_cache_commit(pool, sequence, cache->goes_early ? known - 1 : known);
  for (guint32 g = 0; g < n; g++)
    if (cache->kind_of[g]->kind != KV_WHOLE) {
      guint32 gone = (guint32)kv_group_gone_blocks(cache->kind_of[g], settled);
      if (gone > tables[g].first)
        give(cache, sequence, g, MIN(gone, tables[g].length));
    }
  for (guint32 g = 0; g < n; g++) {
    guint32 needed = blocks_of(cache->kind_of[g], tokens);
    for (; tables[g].length < needed; sequence->blocks++)
      append(&tables[g], named_blocks_take(&cache->blocks));
  }
  if (cache->goes_early)
    group_cache_commit(pool, sequence, known);
  count(pool);
}

static PoolPrefix
find(Pool *pool, Sequence *sequence, guint32 most_tokens)
{
  guint32 tokens = group_cache_hits(pool->contents, sequence, most_tokens);

  return (PoolPrefix){.tokens = tokens, .found = tokens > 0};
}

static void
release(Pool *pool, Sequence *sequence, Release why G_GNUC_UNUSED)
{
  GroupCache *cache = pool->contents;

  if (sequence->group_tables == NULL)
    return;
  for (guint32 g = 0; g < cache->groups->n_groups; g++) {
    GroupTable *table = &sequence->group_tables[g];
    give(cache, sequence, g, table->length);
    table->length = table->first = table->registered = 0;
  }
  g_assert(sequence->blocks == 0);
  count(pool);
}

static void
forget(Sequence *sequence)
{
  for (guint32 g = 0; g < sequence->n_group_tables; g++)
    g_free(sequence->group_tables[g].ids);
  g_clear_pointer(&sequence->group_tables, g_free);
}

static const ContentsClass contents_groups = {
    .keeps_content = TRUE,
    .names_blocks = TRUE,
    .free = free_cache,
    .find = find,
    .share = share,
    .commit = group_cache_commit,
    .release = release,
    .forget = forget,
    .give_back = give_back,
    .lacks = lacks,
    .take_to = take_to,
    .change = change,
    .admission_blocks = admission_blocks,
    .idle_windows = idle_windows,
};

void
contents_use_groups(Pool *pool, const Workload *workload, const GroupContentsConfig *config)
{
  GroupCache *cache = g_new0(GroupCache, 1);

  named_blocks_init(&cache->blocks, config->num_blocks);
  cache->two_ended = config->two_ended;
  cache->windows_two_ended = config->windows_two_ended;
  cache->workload = workload;
  cache->groups = pool->groups;
  cache->retention = config->retention;
  cache->withholds_states_again = config->withholds_states_again;
  cache->new_states = g_array_new(FALSE, FALSE, sizeof(guint64));
  group_cache_align(cache);
  pool->class = &contents_groups;
  pool->contents = cache;
}
