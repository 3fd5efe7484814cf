/* What the planner knows of requests and blocks: for its own files.
 *
 * A request that was evicted is away with its last blocks: block i of those lay in front + i of its
 * table, and lies on the host, on the disk, or on its way. What it gave up of the device stays its
 * own while a copy beside the steps reads it (`leaving`).
 */
#pragma once

#include "places.h"
#include "planner.h"

enum { NOWHERE = -1 }; /* in place of an id */

typedef struct {
  const Sequence *sequence; /* the scheduler's, while it is there; with prefix caching: the ids */
  GArray *tokens;           /* of gint32: the prompt, then what was generated */
  guint32 prompt_tokens;
  guint32 computed; /* tokens whose KV is in the blocks */
  GArray *blocks;   /* of gint32, on the device */
  GArray *host;     /* of gint32: of each block that is away its place on the host, */
  GArray *disk;     /* with copies beside the steps: and on the disk; NOWHERE: it has none there */
  guint32 front;    /* blocks before those that are away */
  guint32 kept; /* coming back: of those away, the first ones that are not needed */
  guint32 gap_end_tokens;  /* it computes up to here, then goes on where what was copied ends: */
  guint32 tail_end_tokens; /* here; 0 without a gap */
  gboolean returns;        /* in the step that is planned, by copies in it */
  gboolean resumes;        /* with its next entry: it had none since it was swapped */
  gboolean left;

  /* Copies beside the steps. */
  GArray *source;        /* of gint32: the device's blocks that those away are copied from */
  guint32 begun;         /* of those away, the first ones whose copies out have begun */
  GArray *leaving;       /* of gint32: the device's, free when the last copy out has ended */
  GArray *ahead;         /* of gint32: places on the host of its first blocks, copied ahead */
  guint32 ahead_pending; /* of them the last ones, which are being copied */
  guint32 ahead_begins;  /* in the step that is planned */
  gboolean has_rest; /* behind what is away it had blocks, which the prefix cache may still have */
  gboolean arrived;  /* what is away has been copied in */
} LiveRequest;

struct Planner {
  PlannerConfig config;
  guint64 seed;
  LiveRequest **requests; /* one a request of the workload, NULL before its first step */
  GArray *free_blocks;    /* of gint32: the last is the next; unused with prefix caching */
  Places host, disk;
  Places through;    /* beside the host's: for what is read from the disk and copied in at once */
  GPtrArray *ahead;  /* of LiveRequest: those that have copies ahead, */
  GPtrArray *away;   /* and those that are away, with copies beside the steps */
  gboolean has_left; /* somebody, since the step that was planned last */
  gboolean has_ignored;
  gboolean has_planned;
  guint32 counted_host_blocks; /* all, by the scheduler: more or fewer than there can be use for */
};

/* Sets the error of step and planner that disagree about a request; FALSE. */
gboolean planner_disagree(GError **error, guint32 request, const char *what, guint64 found,
                          guint64 expected);

void planner_init_pools(Planner *planner);
void planner_clear_pools(Planner *planner);
/* As many blocks are free in each pool as the scheduler counts; more where somebody left since it
 * counted. An engine may lose the host's blocks of whom it ignores. */
gboolean planner_check_pools(Planner *planner, const Step *step, GError **error);

/* Takes blocks of the device until the request has `blocks`; with prefix caching the scheduler says
 * which. FALSE if there are not so many. */
gboolean planner_take_blocks(Planner *planner, LiveRequest *request, guint32 blocks);
/* Gives back what the request has behind its first `blocks` blocks of the device. */
void planner_give_blocks(Planner *planner, GArray *ids, guint32 blocks);
/* What is away is given up, wherever it is. */
void planner_give_places(Planner *planner, LiveRequest *request);
