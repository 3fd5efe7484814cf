/* The reuse tree of TensorRT-LLM: full blocks of prefixes, each below the block before it.
 *
 *     root ─┬─ [a0] ─┬─ [a1]          a0 is held by two; the others by one, or free
 *           │        └─ [b1]
 *           └─ [c0] ─── [c1]
 *
 * A request's blocks enter the tree when its context is computed, and again when it gives them
 * back; where the content is there already its own stay outside. Blocks that nobody holds wait in
 * one queue, a sequence's last ones first; its head is taken whether it holds content or not. What
 * was below a block that is taken is lost with it: each link keeps the count of lives that its
 * parent had. Parts of blocks are not matched. Rules: tensorrt_llm
 * cpp/batch_manager/kvCacheManager.cpp and evictionPolicy.cpp (2026), one priority.
 */
#include "block_ids.h"
#include "content_key.h"
#include "named_blocks.h"

typedef struct {
  guint32 parent;       /* 0: the root; where the block holds content */
  guint32 parent_lives; /* the parent's `lives` when this one was put below it */
  guint32 lives;        /* how often the block has lost its content, and all below */
} ReuseLink;

typedef struct {
  NamedBlocks blocks; /* at most one with each key */
  ReuseLink *links;
  const Workload *workload;
} ReuseTree;

static void
free_tree(Pool *pool)
{
  ReuseTree *tree = pool->contents;

  named_blocks_clear(&tree->blocks);
  g_free(tree->links);
  g_free(tree);
}

static guint64
key_of(const Pool *pool, Sequence *sequence, guint32 index)
{
  const ReuseTree *tree = pool->contents;

  return content_key(tree->workload, pool->block_size, sequence, index);
}

/* Finds the block with the key below `parent`; FALSE: there is none. */
static gboolean
find_below(const ReuseTree *tree, guint32 parent, guint64 key, guint32 *id)
{
  return named_blocks_find(&tree->blocks, key, id) && tree->links[*id].parent == parent &&
         tree->links[*id].parent_lives == tree->links[parent].lives;
}

static PoolPrefix
find(Pool *pool, Sequence *sequence, guint32 most_tokens)
{
  const ReuseTree *tree = pool->contents;
  guint32 limit = most_tokens / pool->block_size, hits = 0, idle = 0, parent = 0, id = 0;
  guint32 full = sequence_length(sequence) / pool->block_size;
  guint64 next_key = 0;

  for (; hits < full; hits++, parent = id) {
    guint64 key = key_of(pool, sequence, hits);
    if (!find_below(tree, parent, key, &id)) {
      next_key = key;
      break;
    }
    if (hits == limit)
      break;
    idle += tree->blocks.of[id].references == 0;
  }
  return (PoolPrefix){.tokens = (sequence->blocks + hits) * pool->block_size,
                      .blocks = hits,
                      .idle = idle,
                      .found = hits > 0,
                      .next_key = next_key};
}

/* The engine keeps no block for itself, so ids begin with 0, which is the queue's anchor here. */
static void
add_block(Pool *pool, Sequence *sequence, guint32 id)
{
  block_ids_add(pool, sequence, id - 1);
}

static guint32
block_of(const Sequence *sequence, guint32 index)
{
  return sequence->block_ids[index] + 1;
}

static void
share(Pool *pool, Sequence *sequence, const PoolPrefix *prefix)
{
  ReuseTree *tree = pool->contents;
  guint32 parent = 0, id;

  g_assert(sequence->blocks == 0);
  for (guint32 i = 0; i < prefix->blocks; i++, parent = id) {
    if (!find_below(tree, parent, key_of(pool, sequence, i), &id))
      g_assert_not_reached();
    pool->shared_blocks += tree->blocks.of[id].references > 0;
    named_blocks_hold(&tree->blocks, id);
    add_block(pool, sequence, id);
  }
  pool->free_blocks = tree->blocks.free_blocks;
}

static void
take(Pool *pool, Sequence *sequence, guint32 blocks)
{
  ReuseTree *tree = pool->contents;

  for (; blocks > 0; blocks--) {
    guint32 id = named_blocks_take(&tree->blocks);
    tree->links[id].lives++;
    add_block(pool, sequence, id);
  }
  pool->free_blocks = tree->blocks.free_blocks;
  pool->evicted |= tree->blocks.evicted;
}

/* Puts the block with its content below `parent`. Another block, or this one, may still have the
 * key though it cannot be found: its parent was taken. */
static void
put_below(ReuseTree *tree, guint32 parent, guint64 key, guint32 id)
{
  guint32 lost;

  if (named_blocks_find(&tree->blocks, key, &lost)) {
    named_blocks_erase(&tree->blocks, lost);
    tree->links[lost].lives++;
  }
  if (tree->blocks.of[id].key != 0) {
    named_blocks_erase(&tree->blocks, id);
    tree->links[id].lives++;
  }
  named_blocks_register(&tree->blocks, id, key);
  tree->links[id].parent = parent;
  tree->links[id].parent_lives = tree->links[parent].lives;
}

/* Puts the full blocks that the sequence has computed into the tree. */
static void
publish(Pool *pool, Sequence *sequence)
{
  ReuseTree *tree = pool->contents;
  guint32 full = MIN(sequence->computed_tokens / pool->block_size, sequence->blocks);
  guint32 parent = 0, id;

  for (guint32 i = 0; i < full; i++, parent = id) {
    guint64 key = key_of(pool, sequence, i);
    if (find_below(tree, parent, key, &id))
      continue;
    id = block_of(sequence, i);
    put_below(tree, parent, key, id);
  }
}

static void
give_last(Pool *pool, Sequence *sequence, guint32 blocks)
{
  ReuseTree *tree = pool->contents;
  guint32 unused = 0;

  for (; blocks > 0; blocks--) {
    guint32 id = block_of(sequence, --sequence->blocks);
    pool->shared_blocks -= tree->blocks.of[id].references > 1;
    named_blocks_give(&tree->blocks, id, FALSE, &unused);
  }
  pool->free_blocks = tree->blocks.free_blocks;
}

static void
release(Pool *pool, Sequence *sequence, Release why)
{
  if (why != RELEASE_DROPPED)
    publish(pool, sequence);
  give_last(pool, sequence, sequence->blocks);
}

static const ContentsClass contents_reuse = {
    .keeps_content = TRUE,
    .names_blocks = TRUE,
    .free = free_tree,
    .find = find,
    .share = share,
    .take = take,
    .publish = publish,
    .give_last = give_last,
    .release = release,
};

void
contents_use_reuse(Pool *pool, const Workload *workload)
{
  ReuseTree *tree = g_new0(ReuseTree, 1);

  named_blocks_init(&tree->blocks, pool->total_blocks + 1);
  tree->links = g_new0(ReuseLink, pool->total_blocks + 1);
  tree->workload = workload;
  pool->class = &contents_reuse;
  pool->contents = tree;
}
