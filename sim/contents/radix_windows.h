/* Which nodes of SGLang's radix cache have KV of the layers that see a window, in a pool of its
 * own: the order in which they lose it, and its locks.
 *
 * A sequence locks the nodes that hold the last window of its path; they stay whole when they are
 * split, so a lock is known by its first page. Rules: sglang 0.5.23,
 * mem_cache/unified_cache/components/swa.py.
 */
#pragma once

#include "radix_node.h"

/* The node gets a window and is the most recently used; */
void radix_windows_put(RadixTree *tree, RadixNode *node);
/* it loses it, if it has one. Returns the pages that are free then. */
guint32 radix_windows_drop(RadixTree *tree, RadixNode *node);
/* `upper` was split off before `lower`. */
void radix_windows_split(RadixTree *tree, RadixNode *upper, RadixNode *lower);
/* Makes the last window of the path to `node`, and a page more, the most recently used. */
void radix_windows_use(RadixTree *tree, RadixNode *node);
/* The least recently used node that nobody locks; NULL: there is none. */
RadixNode *radix_windows_oldest(const RadixTree *tree);
