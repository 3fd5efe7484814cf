/* Blocks with ids: which of them hold which content, and the order in which free ones are used
 * again. What prefix caches are built of (named.c, groups.c, reuse.c).
 *
 * Blocks 1 … N-1 (0 is the engine's null block), each with a reference count and, once it
 * is full, a content key. Blocks without references wait in the free queue with their content still
 * there; taking one from the head erases it, a hit takes it from the middle. Those that are given
 * back join the tail; since vLLM 0.24 those without content join the head instead, and cached
 * content lives longer. Several blocks may hold the same content; the one that was registered first
 * is used.
 */
#pragma once

#include <glib.h>

#define NAMED_BLOCKS_NONE G_MAXUINT32

typedef struct {
  guint64 key;      /* 0: the content is not registered */
  guint32 previous; /* in the free queue */
  guint32 next;
  guint32 chain_next; /* the next block in the chain of its key; where key is not 0 */
  guint32 references;
} NamedBlock;

typedef struct {
  NamedBlock *of; /* of[0] is the null block, here the free queue's anchor */
  guint32 free_blocks;
  gboolean evicted; /* content was lost because its block was taken */
  /* A hash table of keys whose links are in the blocks, since a block has one key at most: chains
   * in the order of registering, so that the first block with a key is the first one found. */
  guint32 *chains;
  guint64 chain_mask; /* at least as many chains as blocks; keys are mixed well */
} NamedBlocks;

void named_blocks_init(NamedBlocks *blocks, guint32 num_blocks);
void named_blocks_clear(NamedBlocks *blocks);

/* The block that was registered first with the key; FALSE: none is. */
gboolean named_blocks_find(const NamedBlocks *blocks, guint64 key, guint32 *id);

/* What follows is in line, since every block of every sequence goes through it. */

/* The head of the chain that a key is in; NAMED_BLOCKS_NONE ends one. */
static inline guint32 *
named_blocks_chain(const NamedBlocks *blocks, guint64 key)
{
  return &blocks->chains[key & blocks->chain_mask];
}

/* The block, which has no content, now holds that of the key. */
static inline void
named_blocks_register(NamedBlocks *blocks, guint32 id, guint64 key)
{
  guint32 *end = named_blocks_chain(blocks, key);

  while (*end != NAMED_BLOCKS_NONE)
    end = &blocks->of[*end].chain_next;
  *end = id;
  blocks->of[id].key = key;
  blocks->of[id].chain_next = NAMED_BLOCKS_NONE;
}

/* The block loses its content, if it has any. */
static inline void
named_blocks_erase(NamedBlocks *blocks, guint32 id)
{
  NamedBlock *block = &blocks->of[id];
  guint32 *link = named_blocks_chain(blocks, block->key);

  if (block->key == 0)
    return;
  blocks->evicted = TRUE;
  while (*link != id)
    link = &blocks->of[*link].chain_next;
  *link = block->chain_next;
  block->key = 0;
}

/* The free queue, for the next three. */
static inline void
named_blocks_leave_queue(NamedBlocks *blocks, guint32 id)
{
  NamedBlock *block = &blocks->of[id];

  blocks->of[block->previous].next = block->next;
  blocks->of[block->next].previous = block->previous;
  blocks->free_blocks--;
}

static inline void
named_blocks_queue_behind(NamedBlocks *blocks, guint32 before, guint32 id)
{
  NamedBlock *block = &blocks->of[id];

  block->previous = before;
  block->next = blocks->of[before].next;
  blocks->of[block->next].previous = id;
  blocks->of[before].next = id;
  blocks->free_blocks++;
}

/* One more holds the block. */
static inline void
named_blocks_hold(NamedBlocks *blocks, guint32 id)
{
  if (blocks->of[id].references++ == 0)
    named_blocks_leave_queue(blocks, id);
}

/* Takes the head of the free queue, which must have one; its content is lost. */
static inline guint32
named_blocks_take(NamedBlocks *blocks)
{
  guint32 id = blocks->of[0].next;

  g_assert(blocks->free_blocks > 0);
  named_blocks_erase(blocks, id);
  blocks->of[id].references = 1;
  named_blocks_leave_queue(blocks, id);
  return id;
}

/* One less holds the block. The last one gives it to the free queue: to its tail or, two_ended and
 * without content, to its head. Blocks that go to the head in one go stay in order: *last_first is
 * 0 before the first of them, then the last one that went there. */
static inline void
named_blocks_give(NamedBlocks *blocks, guint32 id, gboolean two_ended, guint32 *last_first)
{
  gboolean first = two_ended && blocks->of[id].key == 0;

  if (--blocks->of[id].references > 0)
    return;
  /* 0 is the anchor, before the head. */
  named_blocks_queue_behind(blocks, first ? *last_first : blocks->of[0].previous, id);
  if (first)
    *last_first = id;
}
