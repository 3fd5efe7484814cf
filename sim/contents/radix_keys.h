/* By what SGLang's radix cache knows a page: the keys of a request's pages, and how far two
 * requests have the same. In line, as a walk down the tree asks for each node.
 */
#pragma once

#include "radix_node.h"
#include "sim/mix.h"

/* Pages that the prompt's prefix hashes cover whole. */
static inline guint32
radix_covered_pages(const RadixTree *tree, const Request *request)
{
  return request_hashed_tokens(request) / tree->page_tokens;
}

/* Index of the hash that covers the page's last token and all before it. */
static inline guint64
radix_hash_index(const RadixTree *tree, const Request *request, guint32 page)
{
  return (((guint64)page + 1) * tree->page_tokens - 1) / request->hash_block_tokens;
}

static inline guint64
radix_hash_of(const RadixTree *tree, const Request *request, guint64 index)
{
  return g_array_index(tree->workload->hashes, guint64, request->hash_first + index);
}

/* The key of the page below the node that its prefix ends with. */
static inline guint64
radix_page_key(const RadixTree *tree, const RadixNode *parent, guint32 index, guint32 page)
{
  const Request *request = workload_request(tree->workload, index);
  guint64 key = mix64(parent->number + MIX64_STEP);

  if (page < radix_covered_pages(tree, request))
    return mix64((key ^ radix_hash_of(tree, request, radix_hash_index(tree, request, page))) +
                 request->hash_block_tokens);
  return mix64(key + mix64(((guint64)index << 32 | page) ^ G_GUINT64_CONSTANT(0xd1b54a32d192ed03)));
}

/* The first page at which the node and the request's first `pages` pages differ, or where one ends;
 * the node's first page is known to be equal. */
static inline guint32
radix_common_end(const RadixTree *tree, const RadixNode *node, guint32 index, guint32 pages)
{
  const Request *a = workload_request(tree->workload, node->request);
  const Request *b = workload_request(tree->workload, index);
  guint32 end = MIN(node->end, pages), page = node->first;

  if (node->request == index)
    return end;
  end = MIN(end, MIN(radix_covered_pages(tree, a), radix_covered_pages(tree, b)));
  while (page < end) {
    guint64 hash = radix_hash_index(tree, a, page);
    if (radix_hash_of(tree, a, hash) != radix_hash_of(tree, b, hash))
      return page;
    page = MAX(page + 1, (guint32)((hash + 1) * a->hash_block_tokens / tree->page_tokens));
  }
  return MIN(page, end);
}
