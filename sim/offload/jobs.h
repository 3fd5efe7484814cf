/* What offload.c, which decides, stands on: requests and jobs (jobs.c), and the blocks that
 * they have on the host (host.c).
 */
#pragma once

#include "offload.h"
#include "offer_counts.h"
#include "private_tier.h"

typedef struct OffloadJob OffloadJob;

/* What a request did to a block of its own at some time. */
typedef enum {
  USE_SEEN = 1 << 0,   /* stored, or wanted to, or found, or loaded */
  USE_STORED = 1 << 1, /* stored */
  USE_FOUND = 1 << 2,  /* found, or loaded, without having stored it before */
  USE_MISSED = 1 << 3, /* wanted to store */
} UseFlag;

/* A request's part in it, which outlives its sequence while it has jobs. */
struct OffloadRequest {
  guint32 request;
  guint32 offered;       /* its first blocks that need not be offered again */
  guint32 prompt_tokens; /* of its prompt, and in all, once it ended */
  guint32 tokens;
  guint32 held_blocks; /* when it ended */
  OffloadJob *jobs;    /* under way, linked by `sibling` */
  gboolean load_is_over;
  gboolean held_up;
  gboolean ended;     /* and the decision that looks at what it left is to come */
  gboolean forgotten; /* by its sequence */

  /* Where requests share nothing. */
  PrivateBlocks *blocks;
  FreeWatch watch; /* what is left in the pool of what it held when it ended */

  /* Else. */
  guint64 rank;      /* in the tier; 0: none yet */
  GArray *keys;      /* of guint64: of its full blocks, as far as they were asked for */
  GByteArray *used;  /* a set of UseFlag a block */
  GArray *freed_ids; /* of guint32: its blocks when it ended */
};

struct OffloadJob {
  guint32 id;
  OffloadRequest *owner;
  OffloadJob *sibling;
  CopyDirection direction;
  guint32 n_blocks;
  guint32 first, end; /* they are among these of its owner's */
  gint64 end_ps;      /* G_MAXINT64: not submitted */
  gboolean flushed;   /* by the decision that is being made, or whose step is about to begin */

  /* Where requests may share blocks; NULL elsewhere. */
  GArray *keys; /* of guint64 */
  GArray *ids;  /* of guint32: of a store, the GPU blocks that it reads */
};

struct Offload {
  OffloadConfig config;
  const Workload *workload;
  Pool *pool;
  PrivateTier *own; /* the host, where requests share nothing; */
  Tier *shared;     /* elsewhere. The other one is NULL */
  guint32 next_job;
  guint32 step_first_job;    /* the first one decided since a step began */
  OfferCounts *counts;       /* shared, with a threshold; else NULL */
  GPtrArray *jobs;           /* of OffloadJob, under way, in the order of their ids */
  GPtrArray *ended;          /* of OffloadRequest: since the last decision */
  GPtrArray *spare_jobs;     /* of OffloadJob, */
  GPtrArray *spare_requests; /* and of OffloadRequest: to be used again */
  GHashTable *fences; /* shared: GPU block id → OffloadJob that stores it, of requests that ended */
  GArray *given;      /* of guint32, shared: blocks that the pool gave out in this decision */
  gboolean was_used;  /* something was offered */
  guint32 n_held_up;
  guint32 n_refused; /* stores that found no room in the last decision */
};

/* Requests and jobs (jobs.c) ------------------------------------------------------------------ */

OffloadRequest *offload_add_request(Offload *offload, const Sequence *sequence);
/* The request is over once nobody asks for it: its sequence, its jobs, the decision that stores
 * what it left. */
void offload_free_request_if_done(Offload *offload, OffloadRequest *request);
void offload_request_free(OffloadRequest *request);
void offload_job_free(OffloadJob *job);
/* A copy for the request, of blocks from `first` to below `end`, none of them yet. */
OffloadJob *offload_add_job(Offload *offload, OffloadRequest *owner, CopyDirection direction,
                            guint32 first, guint32 end);
/* The job is over. */
void offload_complete_job(Offload *offload, OffloadJob *job);
/* The blocks that it reads are no longer their request's: who takes one waits for the job. */
void offload_fence(Offload *offload, OffloadJob *job);
/* Flushes the stores that read a block which was given out in this decision. */
void offload_flush_overwritten(Offload *offload);

/* Blocks on the host (host.c) ----------------------------------------------------------------- */

/* The sequence's blocks from `first` to below `end` may be asked for. */
void offload_host_know(Offload *offload, Sequence *sequence, guint32 end);
/* The end of the run of blocks, from `first` on and at most to `end`, that are there. *copying: some
 * of them are being stored, or loaded by somebody. */
guint32 offload_host_run_end(const Offload *offload, const OffloadRequest *request, guint32 first,
                             guint32 end, gboolean *copying);
/* The job reads all of its blocks. */
void offload_host_load(Offload *offload, OffloadJob *job);
/* Makes room for those that are not there from `first` to below `end`, *n_new of them. FALSE: there
 * is too little. */
gboolean offload_host_make_room(Offload *offload, OffloadRequest *request, guint32 first,
                                guint32 end, guint32 *n_new);
/* The job writes those of its blocks that are not there, for which room was made. They lie in the
 * GPU blocks `ids`, where they have names. */
void offload_host_store(Offload *offload, OffloadJob *job, const guint32 *ids);
/* The request ended: its blocks' ranks are fresh from now on, the last block's first. */
void offload_host_end(Offload *offload, OffloadRequest *request);
/* The job's blocks are written, or read. */
void offload_host_done(Offload *offload, const OffloadJob *job);
guint32 offload_host_used_blocks(const Offload *offload);
