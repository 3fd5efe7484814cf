#include "named_blocks.h"

#define NO_BLOCK G_MAXUINT32

void
named_blocks_init(NamedBlocks *blocks, guint32 num_blocks)
{
  *blocks = (NamedBlocks){.free_blocks = num_blocks - 1};
  blocks->of = g_new0(NamedBlock, num_blocks);
  while (blocks->chain_mask + 1 < num_blocks)
    blocks->chain_mask = 2 * blocks->chain_mask + 1;
  blocks->chains = g_new(guint32, blocks->chain_mask + 1);
  for (guint64 i = 0; i <= blocks->chain_mask; i++)
    blocks->chains[i] = NO_BLOCK;
  for (guint32 i = 0; i < num_blocks; i++) {
    blocks->of[i].previous = i == 0 ? num_blocks - 1 : i - 1;
    blocks->of[i].next = i == num_blocks - 1 ? 0 : i + 1;
  }
}

void
named_blocks_clear(NamedBlocks *blocks)
{
  g_clear_pointer(&blocks->chains, g_free);
  g_clear_pointer(&blocks->of, g_free);
}

static guint32 *
chain_of(const NamedBlocks *blocks, guint64 key)
{
  return &blocks->chains[key & blocks->chain_mask];
}

gboolean
named_blocks_find(const NamedBlocks *blocks, guint64 key, guint32 *id)
{
  for (*id = *chain_of(blocks, key); *id != NO_BLOCK; *id = blocks->of[*id].chain_next)
    if (blocks->of[*id].key == key)
      return TRUE;
  return FALSE;
}

void
named_blocks_register(NamedBlocks *blocks, guint32 id, guint64 key)
{
  guint32 *end = chain_of(blocks, key);

  while (*end != NO_BLOCK)
    end = &blocks->of[*end].chain_next;
  *end = id;
  blocks->of[id].key = key;
  blocks->of[id].chain_next = NO_BLOCK;
}

void
named_blocks_erase(NamedBlocks *blocks, guint32 id)
{
  NamedBlock *block = &blocks->of[id];
  guint32 *link = chain_of(blocks, block->key);

  if (block->key == 0)
    return;
  blocks->evicted = TRUE;
  while (*link != id)
    link = &blocks->of[*link].chain_next;
  *link = block->chain_next;
  block->key = 0;
}
