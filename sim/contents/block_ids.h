/* The ids of a sequence's blocks, for contents that name blocks. */
#pragma once

#include "sim/array.h"
#include "sim/pool.h"

/* Appends a block to the sequence's, and to pool->given. */
static inline void
block_ids_add(Pool *pool, Sequence *sequence, guint32 id)
{
  if (sequence->blocks == sequence->block_ids_room) {
    sequence->block_ids_room = MAX(16, 2 * sequence->block_ids_room);
    sequence->block_ids = g_renew(guint32, sequence->block_ids, sequence->block_ids_room);
  }
  sequence->block_ids[sequence->blocks++] = id;
  if (pool->given != NULL)
    ARRAY_PUSH(pool->given, &pool->given_room, guint32, id);
}
