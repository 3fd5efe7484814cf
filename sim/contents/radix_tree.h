/* The radix cache of SGLang: a tree of prefixes whose KV is in the pool, and the order in which
 * they are evicted.
 *
 * A node is a run of whole pages; a path from the root is a prefix. A sequence locks its path. What
 * is not locked can be evicted, leaves first, of these the least recently used, a whole node at a
 * time:
 *
 *     root ─┬─ [system prompt] ─┬─ [a's question] ── [a's answer]     locked while a runs
 *           │                   └─ [b's question]                     a leaf: can go
 *           └─ [c's prompt] ── [c's answer]                           can go, the answer before
 *
 * Tokens are known by the prompts' prefix hashes; tokens without a hash are their request's own.
 * Matching and inserting make the nodes on their way the most recently used.
 * Rules: sglang 0.5.x, mem_cache/unified_cache/unified_tree_core.py and components/full.py.
 */
#pragma once

#include "sim/workload.h"

typedef struct RadixTree RadixTree;
typedef struct RadixNode RadixNode;

/* window_tokens: of the layers that see a window, where their KV has a pool of its own; 0: none. */
RadixTree *radix_tree_new(const Workload *workload, guint32 page_tokens, guint32 window_tokens);
void radix_tree_free(RadixTree *tree);

/* Pages in nodes that nobody locks. */
guint32 radix_tree_evictable_pages(const RadixTree *tree);

/* Pages of the longest prefix of the request's first `tokens` tokens that is there; *node is the
 * node that it ends with, the root for none. A node that it ends inside is split. */
guint32 radix_tree_match(RadixTree *tree, guint32 request, guint32 tokens, RadixNode **node);

/* Inserts the whole pages of the request's first `tokens` tokens; returns how many of them were
 * there already. *node is the node that all of them end with. */
guint32 radix_tree_insert(RadixTree *tree, guint32 request, guint32 tokens, RadixNode **node);

/* Lock and unlock the path from the root to `node`; a path may be locked several times. */
void radix_tree_lock(RadixTree *tree, RadixNode *node);
void radix_tree_unlock(RadixTree *tree, RadixNode *node);
/* The same of the last window of the path, where there is a window pool. The first returns the
 * first page that it locks, which the second asks for. */
guint32 radix_windows_lock(RadixTree *tree, RadixNode *node);
void radix_windows_unlock(RadixTree *tree, RadixNode *node, guint32 first);

/* What an eviction freed, there and in the window pool. */
typedef struct {
  guint32 pages, window_pages;
} RadixFreed;

/* Evicts at least `pages` pages, or all that can go. */
RadixFreed radix_tree_evict(RadixTree *tree, guint32 pages);

/* With a window pool. A node's pages may have lost theirs there, and a prefix is of use where the
 * last window_tokens of it have them, or all from the first on. Pages there, and those that nobody
 * locks: */
guint32 radix_tree_window_pages(const RadixTree *tree);
guint32 radix_tree_evictable_window_pages(const RadixTree *tree);
/* As radix_tree_match(), of prefixes of use. *there: pages that are there, with a window or not. */
guint32 radix_tree_match_windows(RadixTree *tree, guint32 request, guint32 tokens, RadixNode **node,
                                 guint32 *there);
/* A sequence's own pages: those from `from` on, of which it gave back those before `gone` there. */
typedef struct {
  guint32 from, gone;
} RadixOwn;
/* As radix_tree_insert(). Nodes that have lost their window get the sequence's. *unwanted: pages of
 * its window that the tree had. */
guint32 radix_tree_insert_windows(RadixTree *tree, guint32 request, guint32 tokens,
                                  const RadixOwn *own, RadixNode **node, guint32 *unwanted);
/* Evicts at least `pages` pages there, or all that can go: of the nodes that nobody locks there the
 * least recently used, leaves with all of theirs. */
RadixFreed radix_tree_evict_windows(RadixTree *tree, guint32 pages);
