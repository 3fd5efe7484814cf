#include "radix_tree.h"

#include "sim/heap.h"
#include "sim/mix.h"

#define NOWHERE G_MAXUINT32

/* A time of use is a count of uses in the high bits, less a node's distance from the match's end.
 */
enum { DEPTH_BITS = 20 };

struct RadixNode {
  RadixNode *parent;
  RadixNode *chain_next; /* in the table of children; of a spare node, the next spare one */
  guint64 key;           /* of its first page, under its parent */
  guint64 number;        /* of no other node, ever */
  guint64 used;          /* last time of use */
  guint32 request;       /* its tokens: the request's pages first … end - 1 */
  guint32 first, end;
  guint32 locks;
  guint32 children;
  guint32 heap_index; /* among the leaves that can be evicted; NOWHERE: it is none of them */
};

struct RadixTree {
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

RadixTree *
radix_tree_new(const Workload *workload, guint32 page_tokens)
{
  RadixTree *tree = g_new0(RadixTree, 1);

  tree->workload = workload;
  tree->page_tokens = page_tokens;
  tree->chain_mask = 1023;
  tree->chains = g_new0(RadixNode *, tree->chain_mask + 1);
  tree->root.locks = 1;
  tree->root.heap_index = NOWHERE;
  return tree;
}

void
radix_tree_free(RadixTree *tree)
{
  RadixNode *next;

  if (tree == NULL)
    return;
  for (guint32 i = 0; i <= tree->chain_mask; i++)
    for (RadixNode *node = tree->chains[i]; node != NULL; node = next) {
      next = node->chain_next;
      g_free(node);
    }
  for (RadixNode *node = tree->spare; node != NULL; node = next) {
    next = node->chain_next;
    g_free(node);
  }
  g_free(tree->chains);
  g_free(tree->leaves);
  g_free(tree);
}

guint32
radix_tree_evictable_pages(const RadixTree *tree)
{
  return tree->evictable_pages;
}

/* Content ----------------------------------------------------------------------------------- */

/* Pages that the prompt's prefix hashes cover whole. */
static guint32
covered_pages(const RadixTree *tree, const Request *request)
{
  guint64 tokens =
      MIN((guint64)request->hash_count * request->hash_block_tokens, request->prompt_tokens);

  return (guint32)(tokens / tree->page_tokens);
}

/* Index of the hash that covers the page's last token and all before it. */
static guint64
hash_index(const RadixTree *tree, const Request *request, guint32 page)
{
  return (((guint64)page + 1) * tree->page_tokens - 1) / request->hash_block_tokens;
}

static guint64
hash_of(const RadixTree *tree, const Request *request, guint64 index)
{
  return g_array_index(tree->workload->hashes, guint64, request->hash_first + index);
}

/* The key of the page below the node that its prefix ends with. */
static guint64
page_key(const RadixTree *tree, const RadixNode *parent, guint32 index, guint32 page)
{
  const Request *request = workload_request(tree->workload, index);
  guint64 key = mix64(parent->number + MIX64_STEP);

  if (page < covered_pages(tree, request))
    return mix64((key ^ hash_of(tree, request, hash_index(tree, request, page))) +
                 request->hash_block_tokens);
  return mix64(key + mix64(((guint64)index << 32 | page) ^ G_GUINT64_CONSTANT(0xd1b54a32d192ed03)));
}

/* The first page at which the node and the request's first `pages` pages differ, or where one ends;
 * the node's first page is known to be equal. */
static guint32
common_end(const RadixTree *tree, const RadixNode *node, guint32 index, guint32 pages)
{
  const Request *a = workload_request(tree->workload, node->request);
  const Request *b = workload_request(tree->workload, index);
  guint32 end = MIN(node->end, pages), page = node->first;

  if (node->request == index)
    return end;
  end = MIN(end, MIN(covered_pages(tree, a), covered_pages(tree, b)));
  while (page < end) {
    guint64 hash = hash_index(tree, a, page);
    if (hash_of(tree, a, hash) != hash_of(tree, b, hash))
      return page;
    page = MAX(page + 1, (guint32)((hash + 1) * a->hash_block_tokens / tree->page_tokens));
  }
  return MIN(page, end);
}

/* Children ---------------------------------------------------------------------------------- */

static RadixNode **
chain_of(const RadixTree *tree, guint64 key)
{
  return &tree->chains[key & tree->chain_mask];
}

static void
grow_chains(RadixTree *tree)
{
  RadixNode **old = tree->chains;
  guint32 old_mask = tree->chain_mask;

  tree->chain_mask = 2 * old_mask + 1;
  tree->chains = g_new0(RadixNode *, tree->chain_mask + 1);
  for (guint32 i = 0; i <= old_mask; i++)
    for (RadixNode *node = old[i], *next; node != NULL; node = next) {
      RadixNode **chain = chain_of(tree, node->key);
      next = node->chain_next;
      node->chain_next = *chain;
      *chain = node;
    }
  g_free(old);
}

static void
hang(RadixTree *tree, RadixNode *node, RadixNode *parent)
{
  RadixNode **chain;

  if (++tree->nodes > tree->chain_mask)
    grow_chains(tree);
  node->parent = parent;
  node->key = page_key(tree, parent, node->request, node->first);
  chain = chain_of(tree, node->key);
  node->chain_next = *chain;
  *chain = node;
  parent->children++;
}

static void
unhang(RadixTree *tree, RadixNode *node)
{
  RadixNode **link = chain_of(tree, node->key);

  while (*link != node)
    link = &(*link)->chain_next;
  *link = node->chain_next;
  node->parent->children--;
  tree->nodes--;
}

static RadixNode *
child_of(const RadixTree *tree, const RadixNode *parent, guint32 request, guint32 page)
{
  guint64 key = page_key(tree, parent, request, page);
  RadixNode *node = *chain_of(tree, key);

  while (node != NULL && node->key != key)
    node = node->chain_next;
  return node;
}

/* Leaves ------------------------------------------------------------------------------------ */

static void
place_leaf(RadixTree *tree, guint32 index, RadixNode *node)
{
  tree->leaves[index] = node;
  node->heap_index = index;
}

static gboolean
goes_before(const RadixTree *tree G_GNUC_UNUSED, const RadixNode *a, const RadixNode *b)
{
  return a->used < b->used;
}

HEAP_DEFINE(leaves, RadixTree, RadixNode *, goes_before, place_leaf);

/* The node became a leaf that can go, stopped being one, or was used. */
static void
update_leaf(RadixTree *tree, RadixNode *node)
{
  gboolean can_go = node->children == 0 && node->locks == 0;
  guint32 index = node->heap_index;

  if (can_go && index == NOWHERE) {
    if (tree->n_leaves == tree->leaves_room) {
      tree->leaves_room = MAX(64, 2 * tree->leaves_room);
      tree->leaves = g_renew(RadixNode *, tree->leaves, tree->leaves_room);
    }
    leaves_up(tree, tree->leaves, tree->n_leaves++, node);
  } else if (can_go) {
    leaves_down(tree, tree->leaves, tree->n_leaves, index, node); /* times only grow */
  } else if (index != NOWHERE) {
    RadixNode *last = tree->leaves[--tree->n_leaves];
    node->heap_index = NOWHERE;
    if (index < tree->n_leaves)
      leaves_put(tree, tree->leaves, tree->n_leaves, index, last);
  }
}

/* The tree ---------------------------------------------------------------------------------- */

static guint64
next_use(RadixTree *tree)
{
  return ++tree->uses << DEPTH_BITS;
}

static void
use(RadixTree *tree, RadixNode *node, guint64 when)
{
  node->used = when;
  if (node->heap_index != NOWHERE)
    update_leaf(tree, node);
}

static RadixNode *
new_node(RadixTree *tree, guint32 request, guint32 first, guint32 end)
{
  RadixNode *node = tree->spare;

  if (node != NULL)
    tree->spare = node->chain_next;
  else
    node = g_new(RadixNode, 1);
  *node = (RadixNode){
      .number = ++tree->numbers,
      .used = next_use(tree),
      .request = request,
      .first = first,
      .end = end,
      .heap_index = NOWHERE,
  };
  return node;
}

/* Cuts the node in two before page `at`. Returns the first one. */
static RadixNode *
split(RadixTree *tree, RadixNode *node, guint32 at)
{
  RadixNode *upper = new_node(tree, node->request, node->first, at), *parent = node->parent;

  upper->locks = node->locks;
  unhang(tree, node);
  hang(tree, upper, parent);
  node->first = at;
  hang(tree, node, upper);
  use(tree, node, next_use(tree));
  return upper;
}

guint32
radix_tree_match(RadixTree *tree, guint32 request, guint32 tokens, RadixNode **node)
{
  guint32 pages = tokens / tree->page_tokens, page = 0;
  RadixNode *end = &tree->root, *child;
  guint64 when;

  while (page < pages && (child = child_of(tree, end, request, page)) != NULL) {
    page = common_end(tree, child, request, pages);
    end = page < child->end ? split(tree, child, page) : child;
    if (end != child)
      break;
  }
  when = next_use(tree);
  for (RadixNode *n = end; n != &tree->root; n = n->parent)
    use(tree, n, when--);
  *node = end;
  return page;
}

guint32
radix_tree_insert(RadixTree *tree, guint32 request, guint32 tokens, RadixNode **node)
{
  guint32 pages = tokens / tree->page_tokens, page = 0;
  RadixNode *end = &tree->root, *child;

  while (page < pages && (child = child_of(tree, end, request, page)) != NULL) {
    use(tree, child, next_use(tree));
    page = common_end(tree, child, request, pages);
    end = page < child->end ? split(tree, child, page) : child;
  }
  *node = end;
  if (page < pages) {
    *node = new_node(tree, request, page, pages);
    hang(tree, *node, end);
    tree->evictable_pages += pages - page;
    update_leaf(tree, *node);
    update_leaf(tree, end);
  }
  return page;
}

void
radix_tree_lock(RadixTree *tree, RadixNode *node)
{
  for (; node != &tree->root; node = node->parent)
    if (node->locks++ == 0) {
      tree->evictable_pages -= node->end - node->first;
      update_leaf(tree, node);
    }
}

void
radix_tree_unlock(RadixTree *tree, RadixNode *node)
{
  for (; node != &tree->root; node = node->parent)
    if (--node->locks == 0) {
      tree->evictable_pages += node->end - node->first;
      update_leaf(tree, node);
    }
}

guint32
radix_tree_evict(RadixTree *tree, guint32 pages)
{
  guint32 freed = 0;

  while (freed < pages && tree->n_leaves > 0) {
    RadixNode *leaf = tree->leaves[0], *parent = leaf->parent;
    freed += leaf->end - leaf->first;
    leaf->locks = 1; /* it leaves the heap */
    update_leaf(tree, leaf);
    unhang(tree, leaf);
    leaf->chain_next = tree->spare;
    tree->spare = leaf;
    update_leaf(tree, parent);
  }
  tree->evictable_pages -= freed;
  return freed;
}
