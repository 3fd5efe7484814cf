/* Observers: they are told what a run does. The decision log, metrics, the results database, the
 * progress bar and the time line of a run are observers; the loop knows none of them by name.
 */
#pragma once

#include "cost.h"
#include "step.h"
#include "workload.h"

typedef enum {
  STATUS_UNFINISHED, /* the run ended before it did */
  STATUS_FINISHED,
  STATUS_IGNORED, /* dropped by the engine: it can never fit */
} RequestStatus;

const char *request_status_name(RequestStatus status);

typedef struct {
  guint32 request;
  RequestStatus status;
  const char *reason; /* why it was ignored (static text), else NULL */
  gint64 arrival_ps;
  gint64 first_scheduled_ps; /* start of the first step that worked on it; -1: never */
  gint64 first_token_ps;     /* -1: none */
  gint64 last_token_ps;      /* -1: none */
  gint64 finish_ps;          /* when it finished or was ignored; -1: neither */
  guint32 prompt_tokens;
  guint32 generated_tokens; /* less than asked for where max_model_len cut it */
  guint32 preemptions;
  guint32 recomputed_tokens;
  guint32 swapped_out_blocks;
  guint32 swapped_in_blocks;
  gint64 preempted_ps; /* from each preemption to the step that brought it back, summed */
} RequestResult;

/* The result of a request that the engine never got to: unfinished, no time but its arrival. */
static inline RequestResult
request_result_untouched(guint32 index, const Request *request)
{
  return (RequestResult){
      .request = index,
      .status = STATUS_UNFINISHED,
      .arrival_ps = request->arrival_ps,
      .first_scheduled_ps = -1,
      .first_token_ps = -1,
      .last_token_ps = -1,
      .finish_ps = -1,
      .prompt_tokens = request->prompt_tokens,
  };
}

/* `count` sequences got a token gap_ps after the token before. */
typedef struct {
  gint64 gap_ps;
  guint32 count;
} TokenGap;

/* One decided and executed step, or `repeats` identical ones. */
typedef struct {
  guint instance;
  const Step *step;
  guint64 step_index;    /* of the first repeat */
  guint32 repeats;       /* that were executed, at least 1, at most step->repeat */
  gint64 start_ps;       /* of the first repeat */
  gint64 first_ps;       /* duration of the first repeat */
  gint64 growth_ps;      /* each later repeat takes this much longer than the one before */
  gint64 elapsed_ps;     /* of all repeats */
  gint64 queued_ps;      /* of elapsed_ps, the wait for stages of a pipeline that are not free */
  const CostPiece *cost; /* components of the first repeat; NULL where the executor has none */
  gint64 waited_ps;      /* that the device stood still before the step, until copies had ended */
  gint64 starved_ps;     /* the same, times the sequences that starved meanwhile */
  gint64 recompute_overhead_ps; /* of first_ps, for tokens computed before */
  guint32 tokens;               /* output tokens that each repeat yields */
  const TokenGap
      *gaps; /* [n_gaps] of the first repeat's tokens; a request's first token ends none */
  guint32 n_gaps;
  const guint32
      *finished; /* [n_finished] requests that the last repeat completed, in scheduled order */
  guint32 n_finished;
  guint32 gpu_free_end_blocks;   /* free ones, after these requests left, */
  guint32 gpu_unheld_end_blocks; /* and with the blocks whose content can be evicted */
} StepReport;

typedef enum { RUN_DONE, RUN_ABORT, RUN_STUCK, RUN_LIVELOCK } RunEnd;

const char *run_end_name(RunEnd end);

typedef struct {
  RunEnd end;
  const char *reason; /* a sentence for people, and what to do; "" where done */
  guint64 last_step;  /* index of the last step that was decided */
  guint64 lines;      /* decisions that were not empty: lines of a decision log */
  gint64 end_ps;
  guint64 preemptions;
  guint64 finished;
  guint64 ignored;
  guint64 tokens;
  guint64 unfinished;
  guint32 peak_host_blocks;
  gboolean memory_bound; /* a block was refused or evicted: with more memory it could differ */
} RunOutcome;

typedef struct Observer Observer;

/* Hooks may be NULL. */
struct Observer {
  gboolean needs_decodes; /* it reads step->entries, and plain decodes are to be listed there */
  gboolean needs_plans;   /* it reads step->plans */
  void (*step)(Observer *self, const StepReport *report);
  /* Each request once: when it finished, was ignored, or at the end of the run. */
  void (*request)(Observer *self, const RequestResult *result);
  void (*end)(Observer *self, const RunOutcome *outcome);
};
