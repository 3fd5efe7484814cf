/* The radix cache of SGLang: a tree of prefixes whose KV is in the pool, and which of it goes
 * first.
 *
 * Picture: a node is a run of whole pages; a path from the root is a prefix. A sequence locks the
 * path that it runs on. What nobody locks can be evicted, leaves first, the least recently used one
 * first, a whole node at a time:
 *
 *     root ─┬─ [system prompt] ─┬─ [a's question] ── [a's answer]     locked while a runs
 *           │                   └─ [b's question]                     a leaf: can go
 *           └─ [c's prompt] ── [c's answer]                           can go, the answer before
 *
 * Tokens are known as the workload knows them: prompts by their prefix hashes, whatever has none is
 * its request's own. Matching and inserting make what they walk over the most recently used.
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

/* The longest prefix of the request's first `tokens` tokens that is there, in whole pages, which it
 * returns; *node is its end, the root where there is none. A node is split where it ends inside. */
guint32 radix_tree_match(RadixTree *tree, guint32 request, guint32 tokens, RadixNode **node);

/* Publishes the whole pages of the request's first `tokens` tokens. Returns how many of them were
 * there already; *node is the end of all of them. */
guint32 radix_tree_insert(RadixTree *tree, guint32 request, guint32 tokens, RadixNode **node);

/* The path from the root to `node` stays while it is locked, as often as it is. */
void radix_tree_lock(RadixTree *tree, RadixNode *node);
void radix_tree_unlock(RadixTree *tree, RadixNode *node);

/* Evicts until at least `pages` are free, or nothing is left that can go. Returns how many it
 * freed. */
guint32 radix_tree_evict(RadixTree *tree, guint32 pages);
