#include "named_blocks.h"

void
named_blocks_init(NamedBlocks *blocks, guint32 num_blocks)
{
  *blocks = (NamedBlocks){.free_blocks = num_blocks - 1};
  blocks->of = g_new0(NamedBlock, num_blocks);
  while (blocks->chain_mask + 1 < num_blocks)
    blocks->chain_mask = 2 * blocks->chain_mask + 1;
  blocks->chains = g_new(guint32, blocks->chain_mask + 1);
  for (guint64 i = 0; i <= blocks->chain_mask; i++)
    blocks->chains[i] = NAMED_BLOCKS_NONE;
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

gboolean
named_blocks_find(const NamedBlocks *blocks, guint64 key, guint32 *id)
{
  for (*id = *named_blocks_chain(blocks, key); *id != NAMED_BLOCKS_NONE;
       *id = blocks->of[*id].chain_next)
    if (blocks->of[*id].key == key)
      return TRUE;
  return FALSE;
}
