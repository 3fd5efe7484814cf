/* Native offload's requests and jobs (jobs.c), and their blocks on the host (host.c); offload.c
 * decides.
 */
#pragma once

#include "offload.h"
#include "offer_counts.h"
#include "private_tier.h"

typedef struct OffloadJob OffloadJob;

/* What a request has done to a block of its own. */
typedef enum {
  USE_SEEN = 1 << 0,   /* any of the following */
  USE_STORED = 1 << 1, /* stored it */
  USE_FOUND = 1 << 2,  /* found or loaded it, without having stored it before */
  USE_MISSED = 1 << 3, /* wanted to store it */
} UseFlag;

/* A request's part in native offload; outlives its sequence while it has jobs. */
struct OffloadRequest {
  guint32 request;
  guint32 offered; /* its first blocks, which need not be offered again */
  guint32 prompt_tokens;
  guint32 tokens;      /* prompt and output, once it ended */
  guint32 held_blocks; /* GPU blocks, when it ended */
  OffloadJob *jobs;    /* under way, linked by `sibling` */
  gboolean load_is_over;
  gboolean held_up;   /* offload_note_waiting() */
  gboolean ended;     /* and no decision has looked at what it left */
  gboolean forgotten; /* its sequence is gone */

  /* Where requests share no prefixes. */
  PrivateBlocks *blocks;
  FreeWatch watch; /* how much of what it held when it ended is left in the pool */

  /* Where they do. */
  guint64 rank;      /* in the tier; 0: none yet */
  GArray *keys;      /* of guint64: its full blocks' keys, as far as they were asked for */
  GByteArray *used;  /* a set of UseFlag a block */
  GArray *freed_ids; /* of guint32: its blocks when it ended */
};

struct OffloadJob {
  guint32 id;
  OffloadRequest *owner;
  OffloadJob *sibling;
  CopyDirection direction;
  guint32 n_blocks;
  guint32 first, end; /* its blocks are among these of its owner's, [first, end) */
  gint64 end_ps;      /* G_MAXINT64: not submitted */
  gboolean flushed;   /* the step that is being decided, or about to begin, waits for it */

  /* Where requests share prefixes; else NULL. */
  GArray *keys; /* of guint64 */
  GArray *ids;  /* of guint32: of a store, the GPU blocks that it reads */
};

struct Offload {
  OffloadConfig config;
  const Workload *workload;
  Pool *pool;
  PrivateTier *own; /* the host, where requests share no prefixes, */
  Tier *shared;     /* and where they do; one of the two is NULL */
  guint32 next_job;
  guint32 step_first_job;    /* the first job decided since a step began */
  OfferCounts *counts;       /* shared, with a threshold; else NULL */
  GPtrArray *jobs;           /* of OffloadJob, under way, in the order of their ids */
  GPtrArray *ended;          /* of OffloadRequest: since the last decision */
  GPtrArray *spare_jobs;     /* of OffloadJob, */
  GPtrArray *spare_requests; /* and of OffloadRequest: to be used again */
  GHashTable *fences; /* shared: GPU block id → OffloadJob that reads it for a request that ended */
  GArray *given;      /* shared, of guint32: ids that the pool gave out in this decision */
  gboolean was_used; /* something was offered */
  guint32 n_held_up;
  guint32 n_refused; /* stores that found no room in the last decision */
};

/* Requests and jobs (jobs.c) ------------------------------------------------------------------ */

OffloadRequest *offload_add_request(Offload *offload, const Sequence *sequence);
/* Gives the request back once neither its sequence, nor a job, nor a decision that is to store what
 * it left needs it. */
void offload_free_request_if_done(Offload *offload, OffloadRequest *request);
void offload_request_free(OffloadRequest *request);
void offload_job_free(OffloadJob *job);
/* A job for the request's blocks [first, end), without any of them yet. */
OffloadJob *offload_add_job(Offload *offload, OffloadRequest *owner, CopyDirection direction,
                            guint32 first, guint32 end);
/* Ends the job. */
void offload_complete_job(Offload *offload, OffloadJob *job);
/* The job's request gives up the GPU blocks that the job reads: a step that uses one waits for it.
 */
void offload_fence(Offload *offload, OffloadJob *job);
/* Flushes the stores that read a block that the pool gave out in this decision. */
void offload_flush_overwritten(Offload *offload);

/* Blocks on the host (host.c) ----------------------------------------------------------------- */

/* Makes the sequence's first `end` blocks known; before any of them is asked for. */
void offload_host_know(Offload *offload, Sequence *sequence, guint32 end);
/* The end of the run of blocks, from `first` on and at most to `end`, that are on the host.
 * *copying: some of them are being stored or loaded. */
guint32 offload_host_run_end(const Offload *offload, const OffloadRequest *request, guint32 first,
                             guint32 end, gboolean *copying);
/* TRUE if one of the first `end` blocks, which are known, is being stored or loaded. */
gboolean offload_host_is_copying(const Offload *offload, const OffloadRequest *request,
                                 guint32 end);
/* Begins a job that loads all its blocks. */
void offload_host_load(Offload *offload, OffloadJob *job);
/* Makes room for those of the blocks [first, end) that are to be stored, *n_new of them. FALSE:
 * there is too little. */
gboolean offload_host_make_room(Offload *offload, OffloadRequest *request, guint32 first,
                                guint32 end, guint32 *n_new);
/* Begins a job that stores those of its blocks for which room was made. ids: the GPU blocks by
 * index, where they have ids. */
void offload_host_store(Offload *offload, OffloadJob *job, const guint32 *ids);
/* The request ended: gives its blocks fresh ranks, the last block first. */
void offload_host_end(Offload *offload, OffloadRequest *request);
/* The job's blocks have been written, or read. */
void offload_host_done(Offload *offload, const OffloadJob *job);
guint32 offload_host_used_blocks(const Offload *offload);
