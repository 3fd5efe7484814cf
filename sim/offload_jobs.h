/* The jobs of native offload: what is being copied for whom, and when it ends (offload_jobs.c). For
 * offload.c, which decides them. */
#pragma once

#include "offload.h"
#include "tier.h"

/* A request's part in it, which outlives its sequence while it has jobs. */
struct OffloadRequest {
  guint32 request;
  guint64 rank;          /* in the tier; 0: none yet */
  guint32 offered;       /* its first blocks that need not be offered again */
  guint32 prompt_tokens; /* of its prompt, and in all, once it ended */
  guint32 tokens;
  GArray *keys;      /* of guint64: of its full blocks, as far as they were asked for */
  GByteArray *used;  /* a flag a block: stored or loaded by it at some time */
  GArray *freed_ids; /* of guint32: its blocks when it ended; NULL before */
  GPtrArray *jobs;   /* of OffloadJob, under way */
  gboolean load_is_over;
  gboolean held_up;
  gboolean ended;     /* and the decision that looks at what it left is to come */
  gboolean forgotten; /* by its sequence */
};

typedef struct {
  guint32 id;
  OffloadRequest *owner;
  CopyDirection direction;
  GArray *keys;     /* of guint64 */
  GArray *ids;      /* of guint32: of a store, the GPU blocks that it reads */
  gint64 end_ps;    /* G_MAXINT64: not submitted */
  gboolean flushed; /* by the decision that is being made, or whose step is about to begin */
} OffloadJob;

struct Offload {
  OffloadConfig config;
  const Workload *workload;
  Pool *pool;
  Tier *host;
  guint32 next_job;
  guint32 step_first_job; /* the first one decided since a step began */
  GPtrArray *jobs;        /* of OffloadJob, under way, in the order of their ids */
  GPtrArray *ended;       /* of OffloadRequest: since the last decision */
  GHashTable *fences;     /* GPU block id → OffloadJob that stores it, of requests that ended */
  GArray *given;          /* of guint32: blocks that the pool gave out in this decision */
  guint32 n_held_up;
  guint32 n_refused; /* stores that found no room in the last decision */
};

void offload_job_free(OffloadJob *job);
/* A copy for the request, without blocks yet. */
OffloadJob *offload_add_job(Offload *offload, OffloadRequest *owner, CopyDirection direction);
/* The blocks that it reads are no longer their request's: who takes one waits for the job. */
void offload_fence(Offload *offload, OffloadJob *job);
/* The request is over once nobody asks for it: its sequence, its jobs, the decision that stores
 * what it left. */
void offload_request_free_if_done(OffloadRequest *request);
