#include "radix_windows.h"

static void
unlink_window(RadixTree *tree, RadixNode *node)
{
  *(node->window_newer != NULL ? &node->window_newer->window_older : &tree->newest_window) =
      node->window_older;
  *(node->window_older != NULL ? &node->window_older->window_newer : &tree->oldest_window) =
      node->window_newer;
  node->window_newer = node->window_older = NULL;
}

/* Puts the node behind `newer`, which was used later; NULL: it is the newest. */
static void
link_behind(RadixTree *tree, RadixNode *newer, RadixNode *node)
{
  RadixNode *older = newer != NULL ? newer->window_older : tree->newest_window;

  node->window_newer = newer;
  node->window_older = older;
  *(newer != NULL ? &newer->window_older : &tree->newest_window) = node;
  *(older != NULL ? &older->window_newer : &tree->oldest_window) = node;
}

void
radix_windows_put(RadixTree *tree, RadixNode *node)
{
  g_assert(!node->has_window);
  node->has_window = TRUE;
  link_behind(tree, NULL, node);
  tree->window_pages += node->end - node->first;
  if (node->window_locks == 0)
    tree->evictable_window_pages += node->end - node->first;
}

guint32
radix_windows_drop(RadixTree *tree, RadixNode *node)
{
  if (!node->has_window)
    return 0;
  g_assert(node->window_locks == 0);
  node->has_window = FALSE;
  unlink_window(tree, node);
  tree->window_pages -= node->end - node->first;
  tree->evictable_window_pages -= node->end - node->first;
  return node->end - node->first;
}

void
radix_windows_split(RadixTree *tree, RadixNode *upper, RadixNode *lower)
{
  upper->window_locks = lower->window_locks;
  upper->has_window = lower->has_window;
  if (lower->has_window)
    link_behind(tree, lower, upper);
}

void
radix_windows_use(RadixTree *tree, RadixNode *node)
{
  guint32 tokens = 0, most = tree->window_tokens + tree->page_tokens;
  RadixNode *newer = NULL;

  for (; node != &tree->root && tokens < most; node = node->parent) {
    if (node->has_window) {
      unlink_window(tree, node);
      link_behind(tree, newer, node);
      newer = node;
    }
    tokens += (node->end - node->first) * tree->page_tokens;
  }
}

RadixNode *
radix_windows_oldest(const RadixTree *tree)
{
  RadixNode *node = tree->oldest_window;

  while (node != NULL && node->window_locks > 0)
    node = node->window_newer;
  return node;
}

guint32
radix_windows_lock(RadixTree *tree, RadixNode *node)
{
  guint32 tokens = 0, first = 0;

  for (; node != &tree->root && tokens < tree->window_tokens; node = node->parent) {
    if (node->window_locks++ == 0 && node->has_window)
      tree->evictable_window_pages -= node->end - node->first;
    tokens += (node->end - node->first) * tree->page_tokens;
    first = node->first;
  }
  return first;
}

void
radix_windows_unlock(RadixTree *tree, RadixNode *node, guint32 first)
{
  for (; node != &tree->root && node->first >= first; node = node->parent)
    if (--node->window_locks == 0 && node->has_window)
      tree->evictable_window_pages += node->end - node->first;
}
