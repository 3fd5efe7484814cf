/* SGLang's prefixes (radix_tree.h): the tree holds what a sequence has published, and the sequence
 * locks the path to it; the blocks behind that are the sequence's own.
 *
 *     | radix_blocks: the tree's, up to radix_node | its own |
 *     0                                                      blocks
 *
 * What no sequence locks is evictable, but not free.
 */
#include "radix_tree.h"
#include "sim/pool.h"

static void
free_tree(Pool *pool)
{
  radix_tree_free(pool->contents);
}

static void
lock(Pool *pool, RadixNode *node)
{
  radix_tree_lock(pool->contents, node);
  pool->evictable_blocks = radix_tree_evictable_pages(pool->contents);
}

static void
unlock(Pool *pool, RadixNode *node)
{
  radix_tree_unlock(pool->contents, node);
  pool->evictable_blocks = radix_tree_evictable_pages(pool->contents);
}

/* Locks what is found, so that it stays. */
static PoolPrefix
find(Pool *pool, Sequence *sequence, guint32 most_tokens)
{
  PoolPrefix prefix = {0};

  prefix.blocks = radix_tree_match(pool->contents, sequence->request, most_tokens, &prefix.end);
  prefix.tokens = prefix.blocks * pool->block_size;
  prefix.found = prefix.blocks > 0;
  if (prefix.found)
    lock(pool, prefix.end);
  return prefix;
}

static void
let_go(Pool *pool, const PoolPrefix *prefix)
{
  unlock(pool, prefix->end);
}

static void
share(Pool *pool G_GNUC_UNUSED, Sequence *sequence, const PoolPrefix *prefix)
{
  g_assert(sequence->blocks == 0 && sequence->radix_node == NULL);
  sequence->radix_node = prefix->end;
  sequence->blocks = sequence->radix_blocks = prefix->blocks;
}

static void
take(Pool *pool, Sequence *sequence, guint32 blocks)
{
  pool->free_blocks -= blocks;
  if (sequence != NULL)
    sequence->blocks += blocks;
}

/* Puts the whole pages that the sequence has computed into the tree, and gives back its own of
 * those that were there already. */
static void
insert(Pool *pool, Sequence *sequence, RadixNode **node)
{
  guint32 known =
      radix_tree_insert(pool->contents, sequence->request, sequence->computed_tokens, node);

  if (known > sequence->radix_blocks)
    pool->free_blocks += known - sequence->radix_blocks;
  pool->evictable_blocks = radix_tree_evictable_pages(pool->contents);
}

/* Unlocks the sequence's path. */
static void
leave_path(Pool *pool, Sequence *sequence)
{
  if (sequence->radix_node != NULL)
    unlock(pool, sequence->radix_node);
  sequence->radix_node = NULL;
  sequence->radix_blocks = 0;
}

/* Where the tree has more of the sequence than its prompt, a node ends with that. */
static void
end_at_prompt(Pool *pool, const Sequence *sequence)
{
  RadixNode *node;

  if (sequence->computed_tokens > sequence->result.prompt_tokens)
    radix_tree_match(pool->contents, sequence->request, sequence->result.prompt_tokens, &node);
}

static void
publish(Pool *pool, Sequence *sequence)
{
  guint32 tokens = sequence->computed_tokens, published;
  RadixNode *node;

  insert(pool, sequence, &node);
  end_at_prompt(pool, sequence);
  published = radix_tree_match(pool->contents, sequence->request, tokens, &node);
  leave_path(pool, sequence);
  lock(pool, node);
  sequence->radix_node = node;
  sequence->radix_blocks = published;
}

/* The tree gets all of a sequence that ended; what a victim has not published is lost. One that
 * ends at the first token behind a prompt was never published. */
static void
release(Pool *pool, Sequence *sequence, Release why)
{
  guint32 published = sequence->radix_blocks;
  RadixNode *node;

  if (why == RELEASE_ENDED) {
    insert(pool, sequence, &node);
    if (published < sequence->result.prompt_tokens / pool->block_size)
      end_at_prompt(pool, sequence);
    published = sequence->computed_tokens / pool->block_size;
  }
  leave_path(pool, sequence);
  pool->free_blocks += sequence->blocks - published;
  sequence->blocks = 0;
}

static void
evict(Pool *pool, guint32 blocks, guint32 window_blocks G_GNUC_UNUSED)
{
  pool->free_blocks += radix_tree_evict(pool->contents, blocks - pool->free_blocks).pages;
  pool->evictable_blocks = radix_tree_evictable_pages(pool->contents);
}

/* Matching makes a prefix the most recently used. */
static void
touch(Pool *pool, guint32 request, guint32 tokens)
{
  RadixNode *node;

  radix_tree_match(pool->contents, request, tokens, &node);
}

static const ContentsClass contents_radix = {
    .keeps_content = TRUE,
    .free = free_tree,
    .find = find,
    .let_go = let_go,
    .share = share,
    .take = take,
    .publish = publish,
    .release = release,
    .evict = evict,
    .touch = touch,
};

void
contents_use_radix(Pool *pool, const Workload *workload)
{
  pool->class = &contents_radix;
  pool->contents = radix_tree_new(workload, pool->block_size, 0);
}
