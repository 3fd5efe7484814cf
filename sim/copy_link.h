/* A link between two memories: a queue of copies each way.
 *
 * Copies of one way run one after the other, in the order in which they were submitted; the two
 * ways do not disturb each other. Whoever submits a copy knows how long it takes alone. A
 * side_by_side link has no queue, every copy begins at once: the unit executor's, as in the
 * recordings.
 */
#pragma once

#include "cost.h"

typedef struct {
  gboolean side_by_side;
  gint64
      free_ps[2]; /* when the last copy ends: by CopyDirection, of a disk's from COPY_TO_DISK on */
} CopyLink;

/* How long a copy of so many blocks takes, alone on the link. */
typedef gint64 (*CopyDuration)(gpointer data, CopyDirection direction, guint32 blocks);

/* Submits a copy at now_ps that takes duration_ps alone; returns when it ends. */
static inline gint64
copy_link_submit(CopyLink *link, CopyDirection direction, gint64 now_ps, gint64 duration_ps)
{
  gint64 begin_ps = link->side_by_side ? now_ps : MAX(now_ps, link->free_ps[direction]);

  link->free_ps[direction] = MAX(link->free_ps[direction], begin_ps + duration_ps);
  return begin_ps + duration_ps;
}

/* How long the copies that were submitted one way take from now_ps on. */
static inline gint64
copy_link_busy_ps(const CopyLink *link, CopyDirection direction, gint64 now_ps)
{
  return MAX(0, link->free_ps[direction] - now_ps);
}
