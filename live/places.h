/* Which blocks of a pool are used, for the pools beside the device's: the host's, the disk's, and
 * the host's buffer that reads from the disk pass through. Consecutive blocks are preferred, since
 * they are copied as one piece.
 */
#pragma once

#include <glib.h>

typedef struct {
  guint8 *used;                             /* one a block */
  guint32 first, total_blocks, free_blocks; /* ids are first … first + total_blocks - 1 */
} Places;

void places_init(Places *places, guint32 first, guint32 total_blocks);
void places_clear(Places *places);
/* Appends the ids of n free blocks to `ids` (of gint32), in the longest consecutive runs there are.
 * FALSE, and takes none, if fewer are free. */
gboolean places_take(Places *places, GArray *ids, guint32 n);
/* Frees a used block. Does nothing where `id` is outside this pool. */
void places_give_back(Places *places, gint32 id);
