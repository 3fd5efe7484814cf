/* What the planner knows of requests and blocks: for its own files.
 *
 * The last blocks of an evicted request are away: block i of those was entry front + i of its block
 * table, and is on the host, on the disk, or being copied. Device blocks that it gave up stay taken
 * while a copy beside the steps reads them (`leaving`).
 */
#pragma once

#include "places.h"
#include "planner.h"

enum { NOWHERE = -1 }; /* in place of an id */

typedef struct {
  const Sequence *sequence; /* the scheduler's, with its block ids under prefix caching; NULL once
                               the request has left */
  GArray *tokens;           /* of gint32: the prompt, then what was generated */
  guint32 prompt_tokens;
  guint32 computed; /* tokens whose KV is in the blocks */
  GArray *blocks;   /* of gint32, on the device */
  GArray *host;     /* of gint32: the host block of each block that is away */
  GArray *disk;     /* of gint32, with copies beside the steps: and its disk block; NOWHERE: none */
  guint32 front;    /* blocks before those that are away */
  guint32 kept;     /* on return: of those away, the first ones that are not copied in */
  guint32 gap_end_tokens;  /* it computes up to here; 0: there is no gap */
  guint32 tail_end_tokens; /* and goes on here, where the copied blocks end */
  gboolean returns;        /* in the step that is planned, by copies within it */
  gboolean resumes;        /* it has had no entry since it was swapped */
  gboolean left;

  /* Copies beside the steps. */
  GArray *source;  /* of gint32: the device blocks that those away are copied from */
  guint32 begun;   /* how many of those away, from the first on, have begun to be copied out */
  GArray *leaving; /* of gint32: device blocks, free when the last copy out has ended */
  GArray *ahead;   /* of gint32: the host blocks of its first blocks, copied ahead */
  guint32 ahead_pending; /* how many of them, the last ones, are being copied */
  guint32 ahead_begins;  /* how many begin in the step that is planned */
  gboolean has_rest;     /* it had blocks after those away, which the prefix cache may still hold */
  gboolean arrived;      /* those away have been copied in */
} LiveRequest;

struct Planner {
  PlannerConfig config;
  guint64 seed;
  LiveRequest **requests; /* one a request of the workload, NULL before its first step */
  GArray *free_blocks;    /* of gint32: the last is the next; unused with prefix caching */
  Places host, disk;
  Places through;       /* for blocks that are read from the disk and copied in at once */
  GPtrArray *ahead;     /* of LiveRequest: those with copies ahead */
  GPtrArray *away;      /* of LiveRequest: those with blocks away, by copies beside the steps */
  gboolean has_left;    /* a request has left since the last plan */
  gboolean has_ignored; /* the engine has ignored a request */
  gboolean has_planned; /* at least one step */
  guint32 counted_host_blocks; /* size of the host's pool by the scheduler's count */
};

/* Sets the error that scheduler and planner disagree about a request. Returns FALSE. */
gboolean planner_disagree(GError **error, guint32 request, const char *what, guint64 found,
                          guint64 expected);

void planner_init_pools(Planner *planner);
void planner_clear_pools(Planner *planner);
/* FALSE and an error unless each pool has as many free blocks as the scheduler counts, or more
 * where a request left since it counted. An engine may lose the host blocks of a request that it
 * ignores. */
gboolean planner_check_pools(Planner *planner, const Step *step, GError **error);

/* Takes device blocks until the request has `blocks`; with prefix caching those of its sequence.
 * FALSE if too few are free. */
gboolean planner_take_blocks(Planner *planner, LiveRequest *request, guint32 blocks);
/* Frees the device blocks of the list `ids` after its first `blocks`. */
void planner_give_blocks(Planner *planner, GArray *ids, guint32 blocks);
/* Frees the host and disk blocks of the request. */
void planner_give_places(Planner *planner, LiveRequest *request);
