#include "radix_keys.h"
#include "radix_windows.h"

#include "sim/heap.h"

RadixTree *
radix_tree_new(const Workload *workload, guint32 page_tokens, guint32 window_tokens)
{
  RadixTree *tree = g_new0(RadixTree, 1);

  tree->workload = workload;
  tree->page_tokens = page_tokens;
  tree->window_tokens = window_tokens;
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

guint32
radix_tree_window_pages(const RadixTree *tree)
{
  return tree->window_pages;
}

guint32
radix_tree_evictable_window_pages(const RadixTree *tree)
{
  return tree->evictable_window_pages;
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
  node->key = radix_page_key(tree, parent, node->request, node->first);
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
  guint64 key = radix_page_key(tree, parent, request, page);
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
  if (tree->window_tokens > 0)
    radix_windows_split(tree, upper, node);
  return upper;
}

/* Makes the path to `end` the most recently used. */
static void
use_path(RadixTree *tree, RadixNode *end)
{
  guint64 when = next_use(tree);

  for (RadixNode *n = end; n != &tree->root; n = n->parent)
    use(tree, n, when--);
}

guint32
radix_tree_match(RadixTree *tree, guint32 request, guint32 tokens, RadixNode **node)
{
  guint32 pages = tokens / tree->page_tokens, page = 0;
  RadixNode *end = &tree->root, *child;

  while (page < pages && (child = child_of(tree, end, request, page)) != NULL) {
    page = radix_common_end(tree, child, request, pages);
    end = page < child->end ? split(tree, child, page) : child;
    if (end != child)
      break;
  }
  use_path(tree, end);
  *node = end;
  return page;
}

guint32
radix_tree_match_windows(RadixTree *tree, guint32 request, guint32 tokens, RadixNode **node,
                         guint32 *there)
{
  guint32 pages = tokens / tree->page_tokens, page = 0, found = 0;
  guint64 seen = tree->window_tokens; /* tokens before the page without a gap, from the first on */
  RadixNode *end = &tree->root, *best = end, *child;

  while (page < pages && (child = child_of(tree, end, request, page)) != NULL) {
    guint32 first = page;
    page = radix_common_end(tree, child, request, pages);
    end = page < child->end ? split(tree, child, page) : child;
    seen = end->has_window ? seen + (guint64)(page - first) * tree->page_tokens : 0;
    if (seen >= tree->window_tokens) {
      best = end;
      found = page;
    }
    if (end != child)
      break;
  }
  radix_windows_use(tree, best);
  use_path(tree, best);
  *node = best;
  *there = page;
  return found;
}

/* Hangs a new leaf of the request's pages under the parent. */
static RadixNode *
add_leaf(RadixTree *tree, guint32 request, guint32 first, guint32 end, RadixNode *parent)
{
  RadixNode *leaf = new_node(tree, request, first, end);

  hang(tree, leaf, parent);
  tree->evictable_pages += end - first;
  update_leaf(tree, leaf);
  update_leaf(tree, parent);
  return leaf;
}

/* The next node of the request's path below `node`, used just now and cut where the two part; *page
 * moves to its end. NULL: the tree has no more of the request's pages. */
static RadixNode *
step_down(RadixTree *tree, RadixNode *node, guint32 request, guint32 pages, guint32 *page)
{
  RadixNode *child = *page < pages ? child_of(tree, node, request, *page) : NULL;

  if (child == NULL)
    return NULL;
  use(tree, child, next_use(tree));
  *page = radix_common_end(tree, child, request, pages);
  return *page < child->end ? split(tree, child, *page) : child;
}

guint32
radix_tree_insert(RadixTree *tree, guint32 request, guint32 tokens, RadixNode **node)
{
  guint32 pages = tokens / tree->page_tokens, page = 0;
  RadixNode *end = &tree->root, *next;

  while ((next = step_down(tree, end, request, pages, &page)) != NULL)
    end = next;
  *node = page < pages ? add_leaf(tree, request, page, pages, end) : end;
  return page;
}

/* What was there already of a sequence's pages: those that had no window get the sequence's, but
 * for what it gave back. Returns the node that ends there, and how many of the sequence's window's
 * pages are not wanted. */
static RadixNode *
adopt_windows(RadixTree *tree, RadixNode *node, const RadixOwn *own, guint32 *unwanted)
{
  guint32 live = MAX(node->first, own->gone);

  if (own->from >= node->end || live >= node->end)
    return node;
  if (node->has_window) {
    *unwanted += node->end - MAX(live, own->from);
    return node;
  }
  if (live > node->first)
    split(tree, node, live);
  radix_windows_put(tree, node);
  return node;
}

/* A new leaf: the pages that the sequence gave back are a node without a window, and those of the
 * last window one for itself, which alone is locked with the leaf. */
static void
put_leaf_windows(RadixTree *tree, RadixNode *leaf, guint32 gone)
{
  guint32 window = (tree->window_tokens + tree->page_tokens - 1) / tree->page_tokens;

  if (gone >= leaf->end)
    return;
  if (gone > leaf->first)
    split(tree, leaf, gone);
  if (leaf->end - leaf->first > window)
    radix_windows_put(tree, split(tree, leaf, leaf->end - window));
  radix_windows_put(tree, leaf);
}

guint32
radix_tree_insert_windows(RadixTree *tree, guint32 request, guint32 tokens, const RadixOwn *own,
                          RadixNode **node, guint32 *unwanted)
{
  guint32 pages = tokens / tree->page_tokens, page = 0;
  RadixNode *end = &tree->root, *next;

  *unwanted = 0;
  while ((next = step_down(tree, end, request, pages, &page)) != NULL)
    end = adopt_windows(tree, next, own, unwanted);
  if (page < pages) {
    end = add_leaf(tree, request, page, pages, end);
    put_leaf_windows(tree, end, own->gone);
  }
  radix_windows_use(tree, end);
  *node = end;
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

/* Takes a leaf that can go out of the tree. Returns its pages, and those of its window. */
static RadixFreed
drop_leaf(RadixTree *tree, RadixNode *leaf)
{
  RadixNode *parent = leaf->parent;
  const RadixFreed freed = {leaf->end - leaf->first, radix_windows_drop(tree, leaf)};

  leaf->locks = 1; /* it leaves the heap */
  update_leaf(tree, leaf);
  unhang(tree, leaf);
  leaf->chain_next = tree->spare;
  tree->spare = leaf;
  update_leaf(tree, parent);
  tree->evictable_pages -= freed.pages;
  return freed;
}

RadixFreed
radix_tree_evict(RadixTree *tree, guint32 pages)
{
  RadixFreed freed = {0};

  while (freed.pages < pages && tree->n_leaves > 0) {
    const RadixFreed leaf = drop_leaf(tree, tree->leaves[0]);
    freed.pages += leaf.pages;
    freed.window_pages += leaf.window_pages;
  }
  return freed;
}

RadixFreed
radix_tree_evict_windows(RadixTree *tree, guint32 pages)
{
  RadixFreed freed = {0};
  RadixNode *node;

  while (freed.window_pages < pages && (node = radix_windows_oldest(tree)) != NULL) {
    RadixFreed one = {.window_pages = node->end - node->first};
    if (node->heap_index != NOWHERE)
      one = drop_leaf(tree, node);
    else
      radix_windows_drop(tree, node);
    freed.pages += one.pages;
    freed.window_pages += one.window_pages;
  }
  return freed;
}
