/* SGLang's prefixes (radix.c) where the layers that see a window have a pool of their own: a page
 * of the tree may have lost its window, and a prefix is of use where its last window is there.
 *
 * A sequence locks the whole path in the one pool, in the other the nodes of its last window. When
 * it publishes it gives back what its window has passed first, so that a long prompt leaves one
 * window. Where a prompt found more of itself than had a window, it publishes that part first, and
 * the rest when it ends: then a window ends there, too. Rules: sglang 0.5.23,
 * mem_cache/unified_radix_cache.py and unified_cache/components/swa.py.
 */
#include "radix_tree.h"
#include "sim/pool.h"

static void
free_tree(Pool *pool)
{
  radix_tree_free(pool->contents);
}

static void
note_evictable(Pool *pool)
{
  pool->evictable_blocks = radix_tree_evictable_pages(pool->contents);
  pool->window.cached_blocks = radix_tree_window_pages(pool->contents);
  pool->window.evictable_blocks = radix_tree_evictable_window_pages(pool->contents);
}

/* Returns the first page that is locked in the window pool. */
static guint32
lock(Pool *pool, RadixNode *node)
{
  guint32 first = radix_windows_lock(pool->contents, node);

  radix_tree_lock(pool->contents, node);
  note_evictable(pool);
  return first;
}

static void
unlock(Pool *pool, RadixNode *node, guint32 first)
{
  radix_windows_unlock(pool->contents, node, first);
  radix_tree_unlock(pool->contents, node);
  note_evictable(pool);
}

static PoolPrefix
find(Pool *pool, Sequence *sequence, guint32 most_tokens)
{
  PoolPrefix prefix = {0};
  guint32 there;

  prefix.blocks =
      radix_tree_match_windows(pool->contents, sequence->request, most_tokens, &prefix.end, &there);
  prefix.tokens = prefix.blocks * pool->block_size;
  prefix.found = prefix.blocks > 0;
  sequence->radix_branch = there > prefix.blocks ? there : 0;
  if (prefix.found)
    prefix.window_first = lock(pool, prefix.end);
  return prefix;
}

static void
let_go(Pool *pool, const PoolPrefix *prefix)
{
  unlock(pool, prefix->end, prefix->window_first);
}

static void
share(Pool *pool G_GNUC_UNUSED, Sequence *sequence, const PoolPrefix *prefix)
{
  g_assert(sequence->blocks == 0 && sequence->radix_node == NULL);
  sequence->radix_node = prefix->end;
  sequence->radix_window_first = prefix->window_first;
  sequence->blocks = sequence->radix_blocks = prefix->blocks;
}

static void
take(Pool *pool, Sequence *sequence, guint32 blocks)
{
  guint32 held = sequence != NULL ? pool_window_blocks(sequence) : 0;

  pool->free_blocks -= blocks;
  if (sequence != NULL)
    sequence->blocks += blocks;
  pool->window.free_blocks -= sequence != NULL ? pool_window_blocks(sequence) - held : blocks;
}

/* The tokens that it publishes of those that it has computed. */
static guint32
published_tokens(const Pool *pool, const Sequence *sequence)
{
  guint32 branch = sequence->radix_branch * pool->block_size;

  return sequence->radix_branch > sequence->radix_blocks && branch <= sequence->computed_tokens
             ? branch
             : sequence->computed_tokens;
}

/* Puts whole pages of `tokens` tokens into the tree, which has what is then the sequence's path. */
static void
insert(Pool *pool, Sequence *sequence, guint32 tokens)
{
  const RadixOwn own = {sequence->radix_blocks, sequence->window_gone};
  RadixNode *node;
  guint32 unwanted, known;

  known =
      radix_tree_insert_windows(pool->contents, sequence->request, tokens, &own, &node, &unwanted);
  if (known > sequence->radix_blocks)
    pool->free_blocks += known - sequence->radix_blocks;
  pool->window.free_blocks += unwanted;
  if (sequence->radix_node != NULL)
    unlock(pool, sequence->radix_node, sequence->radix_window_first);
  sequence->radix_window_first = lock(pool, node);
  sequence->radix_node = node;
  sequence->radix_blocks = tokens / pool->block_size;
}

static void
publish(Pool *pool, Sequence *sequence)
{
  guint32 tokens = published_tokens(pool, sequence);
  gboolean to_branch = tokens < sequence->computed_tokens;

  pool_pass_window(pool, sequence, (gint64)tokens - 1, 1);
  insert(pool, sequence, tokens);
  if (!to_branch)
    return;
  sequence->radix_branch = 0;
  pool_pass_window(pool, sequence, (gint64)sequence->computed_tokens - 1, 1);
}

static void
release(Pool *pool, Sequence *sequence, Release why)
{
  if (why == RELEASE_ENDED)
    insert(pool, sequence, published_tokens(pool, sequence));
  pool->free_blocks += sequence->blocks - sequence->radix_blocks;
  pool->window.free_blocks += pool_window_blocks(sequence);
  if (sequence->radix_node != NULL)
    unlock(pool, sequence->radix_node, sequence->radix_window_first);
  sequence->radix_node = NULL;
  sequence->radix_blocks = sequence->blocks = 0;
}

static void
note_freed(Pool *pool, RadixFreed freed)
{
  pool->free_blocks += freed.pages;
  pool->window.free_blocks += freed.window_pages;
}

static void
evict(Pool *pool, guint32 blocks, guint32 window_blocks)
{
  if (pool->free_blocks < blocks)
    note_freed(pool, radix_tree_evict(pool->contents, blocks - pool->free_blocks));
  if (pool->window.free_blocks < window_blocks)
    note_freed(pool,
               radix_tree_evict_windows(pool->contents, window_blocks - pool->window.free_blocks));
  note_evictable(pool);
}

static void
touch(Pool *pool, guint32 request, guint32 tokens)
{
  RadixNode *node;
  guint32 there;

  radix_tree_match_windows(pool->contents, request, tokens, &node, &there);
}

static const ContentsClass contents_radix_pools = {
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
contents_use_radix_pools(Pool *pool, const Workload *workload)
{
  pool->class = &contents_radix_pools;
  pool->contents = radix_tree_new(workload, pool->block_size, pool->window.config.tokens);
}
