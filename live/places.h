/* Which blocks of a pool beside the device's are used: the host's, the disk's, or those that copies
 * go through. Blocks are taken in rows, since what lies in a row is copied at once.
 */
#pragma once

#include <glib.h>

typedef struct {
  guint8 *used; /* one a block */
  guint32 first, total_blocks, free_blocks; /* ids are first … first + total_blocks - 1 */
} Places;

void places_init(Places *places, guint32 first, guint32 total_blocks);
void places_clear(Places *places);
/* Appends the ids of n free blocks to `ids` (of gint32), in a row where there is one. FALSE, and
 * nothing taken, if there are not so many. */
gboolean places_take(Places *places, GArray *ids, guint32 n);
/* The block is free; nothing where `id` is none of them. */
void places_give_back(Places *places, gint32 id);
