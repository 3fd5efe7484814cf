/* ARC, the adaptive replacement cache, as vLLM 0.33 orders the blocks of its host tier with
 * eviction_policy "arc".
 *
 *     ghosts B1 [ · · · ]  T1 [ once used ]   target: how long T1 is to be
 *     ghosts B2 [ · · ]    T2 [ used again by a later request ]
 *
 * An evicted block leaves its key in a ghost list. A store of a key that is in B1 means that T1 was
 * too short, in B2 that T2 was. Each list is in the order of use, the block to be evicted first at
 * its head. Source: ARCCachePolicy of vLLM 0.33.0; Megiddo and Modha, FAST 2003.
 */
#pragma once

#include <glib.h>

typedef struct Arc Arc;

Arc *arc_new(guint32 capacity_blocks);
void arc_free(Arc *arc);

/* A request is about to store the key, which is absent, for the first time. */
void arc_miss(Arc *arc, guint64 key);
/* The key, which is absent, is stored. */
void arc_insert(Arc *arc, guint64 key);
/* A request that used the key ended. stored: it only stored it; else it had found it. Without
 * effect if the key is absent. */
void arc_use(Arc *arc, guint64 key, gboolean stored);
/* Evicts `n` keys for which may_go() is TRUE, and appends them to `keys` (of guint64). FALSE, and
 * nothing is changed, if there are too few. */
gboolean arc_evict(Arc *arc, guint32 n, gboolean (*may_go)(gpointer data, guint64 key),
                   gpointer data, GArray *keys);
