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

RadixTree *radix_tree_new(const Workload *workload, guint32 page_tokens);
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

/* Evicts at least `pages` pages, or all that can go; returns how many. */
guint32 radix_tree_evict(RadixTree *tree, guint32 pages);
