/* A disk behind the host's memory: what its transfers take.
 *
 * A block is a transfer. Of those of one copy up to queue_depth are in flight at once: each has its
 * latency, which the others' hide, and its bytes, which share the bandwidth. So a copy is bound by
 * the bandwidth, or, where blocks are small for it or few are in flight, by rounds of latency
 * (Little's law). Copies of one way follow each other.
 */
#pragma once

#include "copy_direction.h"

#include <glib.h>

typedef struct {
  guint32 queue_depth;   /* 0: there is no disk */
  gint64 latency_ps[2];  /* of a transfer, before its bytes; writes, reads */
  gint64 transfer_ps[2]; /* of a block's bytes, at the disk's bandwidth */
} Disk;

/* How long a copy of so many blocks takes, alone on the disk. */
static inline gint64
disk_copy_ps(const Disk *disk, CopyDirection direction, guint32 blocks)
{
  guint way = direction == COPY_FROM_DISK ? 1 : 0;
  gint64 latency_ps = disk->latency_ps[way], transfer_ps = disk->transfer_ps[way];
  gint64 rounds = ((gint64)blocks + disk->queue_depth - 1) / disk->queue_depth;

  if (blocks == 0)
    return 0;
  return MAX(latency_ps + blocks * transfer_ps, rounds * (latency_ps + transfer_ps));
}
