#include "prefix_cache.h"

#include "mix.h"

#define NO_BLOCK G_MAXUINT32

typedef struct {
  guint64 key;      /* 0: the content is not registered */
  guint32 previous; /* in the free queue */
  guint32 next;
  guint32 chain_next; /* of the same chain of keys, registered later; where key is not 0 */
  guint32 references;
} Block;

struct PrefixCache {
  const Workload *workload;
  guint32 block_size;
  Block *blocks; /* blocks[0] is the null block, here the free queue's anchor */
  guint32 free_blocks;
  gboolean two_ended;
  gboolean evicted;
  GArray *given; /* borrowed; NULL: nobody watches */
  /* A hash table of keys whose links are in the blocks, since a block has one key at most: chains
   * in the order of registering, so that the first block with a key is the first one found. */
  guint32 *chains;
  guint64 chain_mask; /* at least as many chains as blocks; keys are mixed well */
};

static guint64
chain(guint64 key, guint64 value)
{
  return mix64(mix64(key) + value + G_GUINT64_CONSTANT(0x9e3779b97f4a7c15));
}

PrefixCache *
prefix_cache_new(const Workload *workload, guint32 num_blocks, guint32 block_size,
                 gboolean two_ended)
{
  PrefixCache *cache = g_new0(PrefixCache, 1);

  cache->workload = workload;
  cache->block_size = block_size;
  cache->two_ended = two_ended;
  cache->blocks = g_new0(Block, num_blocks);
  while (cache->chain_mask + 1 < num_blocks)
    cache->chain_mask = 2 * cache->chain_mask + 1;
  cache->chains = g_new(guint32, cache->chain_mask + 1);
  for (guint64 i = 0; i <= cache->chain_mask; i++)
    cache->chains[i] = NO_BLOCK;
  cache->free_blocks = num_blocks - 1;
  for (guint32 i = 0; i < num_blocks; i++) {
    cache->blocks[i].previous = i == 0 ? num_blocks - 1 : i - 1;
    cache->blocks[i].next = i == num_blocks - 1 ? 0 : i + 1;
  }
  return cache;
}

void
prefix_cache_free(PrefixCache *cache)
{
  if (cache == NULL)
    return;
  g_free(cache->chains);
  g_free(cache->blocks);
  g_free(cache);
}

guint32
prefix_cache_free_blocks(const PrefixCache *cache)
{
  return cache->free_blocks;
}

gboolean
prefix_cache_evicted(const PrefixCache *cache)
{
  return cache->evicted;
}

static void
queue_remove(PrefixCache *cache, guint32 id)
{
  Block *block = &cache->blocks[id];

  cache->blocks[block->previous].next = block->next;
  cache->blocks[block->next].previous = block->previous;
  cache->free_blocks--;
}

static void
queue_insert_behind(PrefixCache *cache, guint32 before, guint32 id)
{
  Block *block = &cache->blocks[id];

  block->previous = before;
  block->next = cache->blocks[before].next;
  cache->blocks[block->next].previous = id;
  cache->blocks[before].next = id;
  cache->free_blocks++;
}

static guint32 *
chain_of(PrefixCache *cache, guint64 key)
{
  return &cache->chains[key & cache->chain_mask];
}

/* The first block that was registered with the key. */
static gboolean
find(PrefixCache *cache, guint64 key, guint32 *id)
{
  for (*id = *chain_of(cache, key); *id != NO_BLOCK; *id = cache->blocks[*id].chain_next)
    if (cache->blocks[*id].key == key)
      return TRUE;
  return FALSE;
}

static void
set_content(PrefixCache *cache, guint32 id, guint64 key)
{
  guint32 *end = chain_of(cache, key);

  while (*end != NO_BLOCK)
    end = &cache->blocks[*end].chain_next;
  *end = id;
  cache->blocks[id].key = key;
  cache->blocks[id].chain_next = NO_BLOCK;
}

static void
erase_content(PrefixCache *cache, guint32 id)
{
  Block *block = &cache->blocks[id];
  guint32 *link = chain_of(cache, block->key);

  if (block->key == 0)
    return;
  cache->evicted = TRUE;
  while (*link != id)
    link = &cache->blocks[*link].chain_next;
  *link = block->chain_next;
  block->key = 0;
}

/* Keys of the blocks that the prompt's prefix hashes cover whole: each chains all hashes up to its
 * last token, so equal keys mean equal content from the prompt's start, whatever the block size. */
static void
make_prefix_keys(PrefixCache *cache, Sequence *sequence)
{
  const Request *request = workload_request(cache->workload, sequence->request);
  const guint64 *hashes = (const guint64 *)(gpointer)cache->workload->hashes->data;
  guint64 covered =
      MIN((guint64)request->hash_count * request->hash_block_tokens, request->prompt_tokens);
  guint64 key = 0;
  guint32 hash = 0;

  sequence->n_prefix_keys = (guint32)(covered / cache->block_size);
  sequence->prefix_keys = g_new(guint64, sequence->n_prefix_keys);
  for (guint32 i = 0; i < sequence->n_prefix_keys; i++) {
    guint64 end = (guint64)(i + 1) * cache->block_size;
    for (; (guint64)hash * request->hash_block_tokens < end; hash++)
      key = chain(key, hashes[request->hash_first + hash]);
    sequence->prefix_keys[i] = MAX(chain(key, end), 1);
  }
}

void
prefix_cache_watch(PrefixCache *cache, GArray *given)
{
  cache->given = given;
}

guint64
prefix_cache_key(PrefixCache *cache, Sequence *sequence, guint32 index)
{
  const Request *request = workload_request(cache->workload, sequence->request);

  if (request->hash_count > 0 && sequence->prefix_keys == NULL)
    make_prefix_keys(cache, sequence);
  if (index < sequence->n_prefix_keys)
    return sequence->prefix_keys[index];
  return MAX(
      mix64(((guint64)sequence->request << 32 | index) ^ G_GUINT64_CONSTANT(0xd1b54a32d192ed03)),
      1);
}

guint32
prefix_cache_hits(PrefixCache *cache, Sequence *sequence, guint32 most, guint32 *n_idle)
{
  guint32 limit = MIN((sequence_length(sequence) - 1) / cache->block_size, most);
  guint32 hits = 0, id;

  *n_idle = 0;
  for (; hits < limit && find(cache, prefix_cache_key(cache, sequence, hits), &id); hits++)
    *n_idle += cache->blocks[id].references == 0;
  return hits;
}

static void
give_block(PrefixCache *cache, Sequence *sequence, guint32 id)
{
  if (sequence->blocks == sequence->block_ids_room) {
    sequence->block_ids_room = MAX(16, 2 * sequence->block_ids_room);
    sequence->block_ids = g_renew(guint32, sequence->block_ids, sequence->block_ids_room);
  }
  if (cache->blocks[id].references++ == 0)
    queue_remove(cache, id);
  sequence->block_ids[sequence->blocks++] = id;
  if (cache->given != NULL)
    g_array_append_val(cache->given, id);
}

void
prefix_cache_share(PrefixCache *cache, Sequence *sequence, guint32 n)
{
  g_assert(sequence->blocks == 0);
  for (guint32 i = 0; i < n; i++) {
    guint32 id = NO_BLOCK;
    find(cache, prefix_cache_key(cache, sequence, i), &id);
    give_block(cache, sequence, id);
  }
  sequence->registered_blocks = n;
}

void
prefix_cache_take(PrefixCache *cache, Sequence *sequence, guint32 n)
{
  g_assert(n <= cache->free_blocks);
  for (; n > 0; n--) {
    guint32 id = cache->blocks[0].next;
    erase_content(cache, id);
    give_block(cache, sequence, id);
  }
}

void
prefix_cache_register(PrefixCache *cache, Sequence *sequence, guint32 tokens)
{
  guint32 full = MIN(tokens / cache->block_size, sequence->blocks);

  for (guint32 i = sequence->registered_blocks; i < full; i++)
    set_content(cache, sequence->block_ids[i], prefix_cache_key(cache, sequence, i));
  sequence->registered_blocks = MAX(sequence->registered_blocks, full);
}

void
prefix_cache_release(PrefixCache *cache, Sequence *sequence)
{
  guint32 last_partial = 0; /* 0: the anchor, before the head */

  for (guint32 i = sequence->blocks; i-- > 0;) {
    guint32 id = sequence->block_ids[i];
    gboolean first = cache->two_ended && cache->blocks[id].key == 0;
    if (--cache->blocks[id].references > 0)
      continue;
    queue_insert_behind(cache, first ? last_partial : cache->blocks[0].previous, id);
    if (first)
      last_partial = id;
  }
  sequence->blocks = 0;
  sequence->registered_blocks = 0;
}
