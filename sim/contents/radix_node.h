/* Within contents/: what radix_tree.c and radix_windows.c know of a tree. */
#pragma once

#include "radix_tree.h"

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
  /* With a window pool (radix_windows.h). */
  gboolean has_window; /* its pages are there, too, */
  guint32 window_locks;
  RadixNode *window_newer, *window_older; /* and then these are its neighbours in order of use */
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
  /* With a window pool: the tokens of a window (0: there is none), the nodes that have theirs, the
   * most recently used first, their pages there, and those that nobody locks. */
  guint32 window_tokens;
  RadixNode *newest_window, *oldest_window;
  guint32 window_pages, evictable_window_pages;
};
