/* The scheduler: a pure state machine that decides the next step of a serving engine.
 *
 * It is told of arrivals and of completed steps and hands out decisions; it knows no costs, no
 * clock and no files (times are only noted in the sequences' results). An engine is one
 * SchedulerClass; what engines share is here. One Scheduler is one instance's queues and pool.
 */
#pragma once

#include "overflow.h"
#include "pool.h"
#include "step.h"
#include "victim.h"

typedef struct Scheduler Scheduler;

typedef struct {
  guint32 block_size; /* tokens */
  guint32 num_gpu_blocks;
  guint32 num_cpu_blocks;
  guint32 max_num_seqs;
  guint32 max_num_batched_tokens;
  guint32 max_model_len; /* tokens, prompt and output */
  guint32 block_manager; /* 1 or 2, vLLM 0.x */
  double watermark;      /* share of the pool kept free on admission, vLLM 0.x */
  gboolean chunked_prefill;
  gboolean prefix_caching;
  guint32 long_prefill_token_threshold; /* 0: none */
  const OverflowPolicy *overflow;
  const VictimPolicy *victim;
  CostModel *cost; /* for policies that ask it; may be NULL, not owned */
} SchedulerConfig;

/* What an engine has, for refusing options that it lacks. */
typedef enum {
  SCHEDULER_HAS_BLOCK_MANAGER = 1 << 0, /* --block-manager, --watermark */
  SCHEDULER_HAS_PREFIX_CACHING = 1 << 1,
  SCHEDULER_HAS_LONG_PREFILL = 1 << 2, /* --long-prefill-token-threshold */
  SCHEDULER_HAS_SWAP = 1 << 3,         /* without it swap is a what-if */
  SCHEDULER_CHUNKS_BY_DEFAULT = 1 << 4,
  SCHEDULER_DROPS_TOO_LONG =
      1 << 5,                   /* its scheduler ignores what can never fit; else the front end */
  SCHEDULER_HAS_ASYNC = 1 << 6, /* --async-scheduling: decides a step while the one before runs */
} SchedulerFeatures;

typedef struct {
  const char *name;
  const char *help;
  guint32 features;      /* SchedulerFeatures */
  guint32 hidden_blocks; /* of the pool, which the engine keeps for itself */
  gboolean
      stops_at_max_model_len; /* a sequence ends when it is this long; else when it is longer */
  void (*schedule)(Scheduler *self, Step *step);
} SchedulerClass;

extern const SchedulerClass scheduler_vllm_v1;
extern const SchedulerClass scheduler_vllm_06;
extern const SchedulerClass scheduler_vllm_05;

/* NULL-terminated. */
extern const SchedulerClass *const scheduler_classes[];

struct Scheduler {
  const SchedulerClass *class;
  SchedulerConfig config;
  Pool pool;
  guint32 watermark_blocks;
  SequenceQueue waiting;
  SequenceQueue running;
  SequenceQueue swapped;
  GPtrArray *left;       /* sequences that ended since scheduler_take_left() */
  GArray *just_finished; /* of guint32: requests that the last settled step finished */
  gint64 now_ps;
  gboolean memory_bound;    /* the pool ever refused a block; set by engines at each such test */
  SequenceQueue scratch[7]; /* an engine's own lists while it decides a step, else empty */
  GArray *scratch_requests; /* of guint32, the same */
};

Scheduler *scheduler_new(const SchedulerClass *class, const SchedulerConfig *config,
                         const Workload *workload);
void scheduler_free(Scheduler *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Scheduler, scheduler_free)

/* NULL if the server would take this request, else why its front end refuses it (static text). */
const char *scheduler_refuses(const Scheduler *self, const Request *request);

void scheduler_arrive(Scheduler *self, const Request *request, guint32 index);

/* Decides the next step. If `stride` is TRUE the step may stand for several (step->repeat). */
void scheduler_schedule(Scheduler *self, gint64 now_ps, gboolean stride, Step *step);

/* The first `repeats` of the step are executed, or on their way: its tokens count as computed, so
 * that the next step can be decided. Returns the tokens that each repeat yields. */
guint32 scheduler_advance(Scheduler *self, const Step *step, guint32 repeats);

/* They are done: the first of them at first_end_ps, the last at end_ps. Whatever had its last token
 * leaves. Every advanced step is settled, in order; with asynchronous scheduling after the next was
 * decided. */
void scheduler_settle(Scheduler *self, const Step *step, gint64 first_end_ps, gint64 end_ps);

/* Sequences that ended; the caller frees each with sequence_free(). NULL when there is none. */
Sequence *scheduler_take_left(Scheduler *self);
/* Sequences that are still in a queue, for the end of a run; as above. */
Sequence *scheduler_take_unfinished(Scheduler *self);
guint32 scheduler_unfinished(const Scheduler *self);
void sequence_free(Sequence *sequence);

/* For engines ------------------------------------------------------------------------------- */

/* Adds an entry of `tokens` tokens and marks the sequence as scheduled. */
void scheduler_add_entry(Scheduler *self, Step *step, Sequence *sequence, guint32 tokens,
                         EntryKind kind);
/* ENTRY_NEW, ENTRY_RESUMED, ENTRY_CONTINUED or ENTRY_DECODE, from the sequence's state. */
EntryKind scheduler_entry_kind(const Sequence *sequence);

/* Preempts as the overflow policy says and notes it in the step. The caller has taken the victim
 * out of its queue and puts it into the next. If the host has no room for a swap: recomputes
 * where `can_fall_back`, else the engine dies and step->abort is set. */
OverflowAction scheduler_preempt(Scheduler *self, Step *step, Sequence *victim,
                                 const Sequence *beneficiary, gboolean can_fall_back);

/* The host copy of `sequence` came back in this step: notes it; `copied` blocks crossed the link.
 */
void scheduler_note_swap_in(Scheduler *self, Step *step, Sequence *sequence, guint32 copied);

/* The engine drops the sequence, which is in no queue now. reason: static text. */
void scheduler_ignore(Scheduler *self, GArray *ignored, Sequence *sequence, const char *reason);

/* A step that is nothing but decodes of everything that runs may be repeated until the first
 * completion, or until fewer than `reserve_blocks` blocks would be free. Call when nothing else
 * can change: every queue's head stays blocked while the pool only shrinks. */
void scheduler_set_repeat(Scheduler *self, Step *step, guint32 reserve_blocks);

/* A sequence ends once it is this long, tokens. */
guint32 scheduler_longest_length(const Scheduler *self);

/* Takes the blocks that the repeats after the first needed; for scheduler_advance(). Their order
 * matters only to the prefix cache: step by step, within a step in the order of the entries. */
void scheduler_grow_repeated(Scheduler *self, const Step *step, guint32 repeats);
