/* SGLang's second KV pool: the slots of the layers that see a window, beside the pool of the layers
 * that see all.
 *
 * A page of one pool goes with a page of the other while a sequence computes; what its window has
 * passed is given back to this one alone:
 *
 *     all     [ 0 1 2 3 4 5 6 7 ]
 *     window  [ · · · · · 5 6 7 ]      5 pages are gone
 *
 * So a sequence's pages here follow from its pages there and from those that are gone. Source:
 * SGLang 0.5.23, mem_cache/allocator/swa.py and mem_cache/common.py (free_swa_out_of_window_slots).
 */
#pragma once

#include <glib.h>

typedef struct {
  guint32 tokens;   /* behind the newest one that a window keeps, as the engine counts it; 0: there
                       is no such pool */
  guint32 interval; /* tokens that must have left a decode's window before any is given back */
  guint32 blocks;
} WindowPoolConfig;

typedef struct {
  WindowPoolConfig config;
  guint32 free_blocks;
  guint32 cached_blocks;    /* that the prefix cache has, */
  guint32 evictable_blocks; /* and those of them that no sequence locks */
} WindowPool;

static inline gboolean
window_pool_is_used(const WindowPool *pool)
{
  return pool->config.tokens > 0;
}
