#include "radix_cache.h"

#include "mix.h"

#define NOWHERE G_MAXUINT32

/* A time is a count, and below it the distance from the end of the match that set it. */
enum { DEPTH_BITS = 20 };

struct RadixNode {
  RadixNode *parent;
  RadixNode *chain_next; /* in the table of children; of a spare node, the next spare one */
  guint64 key;           /* of its first page, under its parent */
  guint64 number;        /* no other node's, ever */
  guint64 used;          /* when last */
  guint32 request;       /* whose tokens: its pages first … end - 1 */
  guint32 first, end;
  guint32 locks;
  guint32 children;
  guint32 heap_index; /* among the leaves that can go; NOWHERE: it is none */
};

struct RadixCache {
  const Workload *workload;
  guint32 page_tokens;
  RadixNode root;
  guint64 numbers, uses;
  guint32 evictable_pages;
  RadixNode **chains; /* a hash table of children by parent and first page */
  guint32 chain_mask, nodes;
  RadixNode **leaves; /* a heap, the least recently used first */
  guint32 n_leaves, leaves_room;
  RadixNode *spare;
};

RadixCache *
radix_cache_new(const Workload *workload, guint32 page_tokens)
{
  RadixCache *cache = g_new0(RadixCache, 1);

  cache->workload = workload;
  cache->page_tokens = page_tokens;
  cache->chain_mask = 1023;
  cache->chains = g_new0(RadixNode *, cache->chain_mask + 1);
  cache->root.locks = 1;
  cache->root.heap_index = NOWHERE;
  return cache;
}

void
radix_cache_free(RadixCache *cache)
{
  RadixNode *next;

  if (cache == NULL)
    return;
  for (guint32 i = 0; i <= cache->chain_mask; i++)
    for (RadixNode *node = cache->chains[i]; node != NULL; node = next) {
      next = node->chain_next;
      g_free(node);
    }
  for (RadixNode *node = cache->spare; node != NULL; node = next) {
    next = node->chain_next;
    g_free(node);
  }
  g_free(cache->chains);
  g_free(cache->leaves);
  g_free(cache);
}

guint32
radix_cache_evictable_pages(const RadixCache *cache)
{
  return cache->evictable_pages;
}

/* Content ----------------------------------------------------------------------------------- */

/* Pages that the prompt's prefix hashes cover whole. */
static guint32
covered_pages(const RadixCache *cache, const Request *request)
{
  guint64 tokens =
      MIN((guint64)request->hash_count * request->hash_block_tokens, request->prompt_tokens);

  return (guint32)(tokens / cache->page_tokens);
}

/* The hash that covers the page's last token, and all before it. */
static guint64
hash_index(const RadixCache *cache, const Request *request, guint32 page)
{
  return (((guint64)page + 1) * cache->page_tokens - 1) / request->hash_block_tokens;
}

static guint64
hash_of(const RadixCache *cache, const Request *request, guint64 index)
{
  return g_array_index(cache->workload->hashes, guint64, request->hash_first + index);
}

/* What the page is under the node that its prefix ends in. */
static guint64
page_key(const RadixCache *cache, const RadixNode *parent, guint32 index, guint32 page)
{
  const Request *request = workload_request(cache->workload, index);
  guint64 key = mix64(parent->number + G_GUINT64_CONSTANT(0x9e3779b97f4a7c15));

  if (page < covered_pages(cache, request))
    return mix64((key ^ hash_of(cache, request, hash_index(cache, request, page))) +
                 request->hash_block_tokens);
  return mix64(key + mix64(((guint64)index << 32 | page) ^ G_GUINT64_CONSTANT(0xd1b54a32d192ed03)));
}

/* Where the node's pages and those of the request, of which there are `pages`, part. The first one
 * is the same. */
static guint32
common_end(const RadixCache *cache, const RadixNode *node, guint32 index, guint32 pages)
{
  const Request *a = workload_request(cache->workload, node->request);
  const Request *b = workload_request(cache->workload, index);
  guint32 end = MIN(node->end, pages), page = node->first;

  if (node->request == index)
    return end;
  end = MIN(end, MIN(covered_pages(cache, a), covered_pages(cache, b)));
  while (page < end) {
    guint64 hash = hash_index(cache, a, page);
    if (hash_of(cache, a, hash) != hash_of(cache, b, hash))
      return page;
    page = MAX(page + 1, (guint32)((hash + 1) * a->hash_block_tokens / cache->page_tokens));
  }
  return MIN(page, end);
}

/* Children ---------------------------------------------------------------------------------- */

static RadixNode **
chain_of(const RadixCache *cache, guint64 key)
{
  return &cache->chains[key & cache->chain_mask];
}

static void
grow_chains(RadixCache *cache)
{
  RadixNode **old = cache->chains;
  guint32 old_mask = cache->chain_mask;

  cache->chain_mask = 2 * old_mask + 1;
  cache->chains = g_new0(RadixNode *, cache->chain_mask + 1);
  for (guint32 i = 0; i <= old_mask; i++)
    for (RadixNode *node = old[i], *next; node != NULL; node = next) {
      RadixNode **chain = chain_of(cache, node->key);
      next = node->chain_next;
      node->chain_next = *chain;
      *chain = node;
    }
  g_free(old);
}

static void
hang(RadixCache *cache, RadixNode *node, RadixNode *parent)
{
  RadixNode **chain;

  if (++cache->nodes > cache->chain_mask)
    grow_chains(cache);
  node->parent = parent;
  node->key = page_key(cache, parent, node->request, node->first);
  chain = chain_of(cache, node->key);
  node->chain_next = *chain;
  *chain = node;
  parent->children++;
}

static void
unhang(RadixCache *cache, RadixNode *node)
{
  RadixNode **link = chain_of(cache, node->key);

  while (*link != node)
    link = &(*link)->chain_next;
  *link = node->chain_next;
  node->parent->children--;
  cache->nodes--;
}

static RadixNode *
child_of(const RadixCache *cache, const RadixNode *parent, guint32 request, guint32 page)
{
  guint64 key = page_key(cache, parent, request, page);
  RadixNode *node = *chain_of(cache, key);

  while (node != NULL && node->key != key)
    node = node->chain_next;
  return node;
}

/* Leaves ------------------------------------------------------------------------------------ */

static void
place_leaf(RadixCache *cache, guint32 index, RadixNode *node)
{
  cache->leaves[index] = node;
  node->heap_index = index;
}

static void
sift_up(RadixCache *cache, guint32 index, RadixNode *node)
{
  while (index > 0 && node->used < cache->leaves[(index - 1) / 2]->used) {
    place_leaf(cache, index, cache->leaves[(index - 1) / 2]);
    index = (index - 1) / 2;
  }
  place_leaf(cache, index, node);
}

static void
sift_down(RadixCache *cache, guint32 index, RadixNode *node)
{
  for (;;) {
    guint32 child = 2 * index + 1;
    if (child >= cache->n_leaves)
      break;
    if (child + 1 < cache->n_leaves && cache->leaves[child + 1]->used < cache->leaves[child]->used)
      child++;
    if (node->used <= cache->leaves[child]->used)
      break;
    place_leaf(cache, index, cache->leaves[child]);
    index = child;
  }
  place_leaf(cache, index, node);
}

/* The node became a leaf that can go, stopped being one, or was used. */
static void
update_leaf(RadixCache *cache, RadixNode *node)
{
  gboolean can_go = node->children == 0 && node->locks == 0;
  guint32 index = node->heap_index;

  if (can_go && index == NOWHERE) {
    if (cache->n_leaves == cache->leaves_room) {
      cache->leaves_room = MAX(64, 2 * cache->leaves_room);
      cache->leaves = g_renew(RadixNode *, cache->leaves, cache->leaves_room);
    }
    sift_up(cache, cache->n_leaves++, node);
  } else if (can_go) {
    sift_down(cache, index, node); /* times only grow */
  } else if (index != NOWHERE) {
    RadixNode *last = cache->leaves[--cache->n_leaves];
    node->heap_index = NOWHERE;
    if (index == cache->n_leaves)
      return;
    sift_down(cache, index, last);
    sift_up(cache, last->heap_index, last);
  }
}

/* The tree ---------------------------------------------------------------------------------- */

static guint64
next_use(RadixCache *cache)
{
  return ++cache->uses << DEPTH_BITS;
}

static void
use(RadixCache *cache, RadixNode *node, guint64 when)
{
  node->used = when;
  if (node->heap_index != NOWHERE)
    update_leaf(cache, node);
}

static RadixNode *
new_node(RadixCache *cache, guint32 request, guint32 first, guint32 end)
{
  RadixNode *node = cache->spare;

  if (node != NULL)
    cache->spare = node->chain_next;
  else
    node = g_new(RadixNode, 1);
  *node = (RadixNode){
      .number = ++cache->numbers,
      .used = next_use(cache),
      .request = request,
      .first = first,
      .end = end,
      .heap_index = NOWHERE,
  };
  return node;
}

/* Cuts the node in two before page `at`. Returns the first one. */
static RadixNode *
split(RadixCache *cache, RadixNode *node, guint32 at)
{
  RadixNode *upper = new_node(cache, node->request, node->first, at), *parent = node->parent;

  upper->locks = node->locks;
  unhang(cache, node);
  hang(cache, upper, parent);
  node->first = at;
  hang(cache, node, upper);
  use(cache, node, next_use(cache));
  return upper;
}

guint32
radix_cache_match(RadixCache *cache, guint32 request, guint32 tokens, RadixNode **node)
{
  guint32 pages = tokens / cache->page_tokens, page = 0;
  RadixNode *end = &cache->root, *child;
  guint64 when;

  while (page < pages && (child = child_of(cache, end, request, page)) != NULL) {
    page = common_end(cache, child, request, pages);
    end = page < child->end ? split(cache, child, page) : child;
    if (end != child)
      break;
  }
  when = next_use(cache);
  for (RadixNode *n = end; n != &cache->root; n = n->parent)
    use(cache, n, when--);
  *node = end;
  return page;
}

guint32
radix_cache_insert(RadixCache *cache, guint32 request, guint32 tokens, RadixNode **node)
{
  guint32 pages = tokens / cache->page_tokens, page = 0;
  RadixNode *end = &cache->root, *child;

  while (page < pages && (child = child_of(cache, end, request, page)) != NULL) {
    use(cache, child, next_use(cache));
    page = common_end(cache, child, request, pages);
    end = page < child->end ? split(cache, child, page) : child;
  }
  *node = end;
  if (page < pages) {
    *node = new_node(cache, request, page, pages);
    hang(cache, *node, end);
    cache->evictable_pages += pages - page;
    update_leaf(cache, *node);
    update_leaf(cache, end);
  }
  return page;
}

void
radix_cache_lock(RadixCache *cache, RadixNode *node)
{
  for (; node != &cache->root; node = node->parent)
    if (node->locks++ == 0) {
      cache->evictable_pages -= node->end - node->first;
      update_leaf(cache, node);
    }
}

void
radix_cache_unlock(RadixCache *cache, RadixNode *node)
{
  for (; node != &cache->root; node = node->parent)
    if (--node->locks == 0) {
      cache->evictable_pages += node->end - node->first;
      update_leaf(cache, node);
    }
}

guint32
radix_cache_evict(RadixCache *cache, guint32 pages)
{
  guint32 freed = 0;

  while (freed < pages && cache->n_leaves > 0) {
    RadixNode *leaf = cache->leaves[0], *parent = leaf->parent;
    freed += leaf->end - leaf->first;
    leaf->locks = 1; /* it leaves the heap */
    update_leaf(cache, leaf);
    unhang(cache, leaf);
    leaf->chain_next = cache->spare;
    cache->spare = leaf;
    update_leaf(cache, parent);
  }
  cache->evictable_pages -= freed;
  return freed;
}
