/* The scheduler: a pure state machine that decides the next step of a serving engine.
 *
 * It is told of arrivals and of completed steps and hands out decisions; it knows no costs, no
 * clock and no files (times are only noted in the sequences' results). An engine is one
 * SchedulerClass; what engines share is here. One Scheduler is one instance's queues and pool.
 */
#pragma once

#include "decode_clock.h"
#include "sim/offload/offload.h"
#include "pool.h"
#include "scheduler_config.h"
#include "step.h"
#include "swap_copies.h"
#include "victim_order.h"
#include "waiting.h"

typedef struct Scheduler Scheduler;

/* What an engine has, for refusing options that it lacks. */
typedef enum {
  SCHEDULER_HAS_BLOCK_MANAGER = 1 << 0, /* --block-manager */
  SCHEDULER_HAS_PREFIX_CACHING = 1 << 1,
  SCHEDULER_HAS_LONG_PREFILL = 1 << 2, /* --long-prefill-token-threshold */
  SCHEDULER_HAS_SWAP = 1 << 3,         /* without it swap is a what-if */
  SCHEDULER_CHUNKS_BY_DEFAULT = 1 << 4,
  SCHEDULER_DROPS_TOO_LONG =
      1 << 5,                   /* its scheduler ignores what can never fit; else the front end */
  SCHEDULER_HAS_ASYNC = 1 << 6, /* --async-scheduling: decides a step while the one before runs */
  SCHEDULER_ASYNC_BY_DEFAULT = 1 << 7,
  SCHEDULER_CACHES_BY_DEFAULT = 1 << 8,
  SCHEDULER_HAS_WATERMARK = 1 << 9,
  SCHEDULER_HAS_RESERVE_FULL_ISL = 1 << 10, /* and reserves by default */
  SCHEDULER_HAS_PREFILL_INTERVAL = 1 << 11,
  SCHEDULER_HAS_ACTIVE_SEQS = 1 << 12,
  /* A freed sequence's blocks without cached content are the next to be used again; else all go
   * behind what is free. */
  SCHEDULER_REUSES_PARTIAL_FIRST = 1 << 13,
  SCHEDULER_HAS_OFFLOAD = 1 << 14,         /* --kv-offloading-size, by the rules of offload.h */
  SCHEDULER_HAS_CAPACITY_POLICY = 1 << 15, /* --capacity-policy */
  SCHEDULER_OWN_VICTIMS = 1 << 16,         /* where no victim policy is asked for: victim_engine */
  SCHEDULER_IS_SGLANG = 1 << 17,           /* has SGLang's options, and none of vLLM's */
  SCHEDULER_OVERLAPS_COPIES = 1 << 18,     /* it can swap beside the steps: --overlap-copies */
  SCHEDULER_HIDES_HOST = 1 << 19,    /* it prepares a step while the one before runs, though here it
                                        decides as if nothing ran */
  SCHEDULER_HAS_KV_GROUPS = 1 << 20, /* its pool is shared by groups that give blocks back */
  /* With groups: what is given back is not in the sight of a step in flight either; a prompt is
   * admitted by the blocks that it holds at its widest, else by all that it ever takes; recurrent
   * states are cached where prefixes are. */
  SCHEDULER_GIVES_BACK_SETTLED = 1 << 21,
  SCHEDULER_GATE_KNOWS_WINDOWS = 1 << 22,
  SCHEDULER_CACHES_STATES_BY_DEFAULT = 1 << 23,
  SCHEDULER_REUSES_PARTIAL_WINDOWS = 1 << 24, /* as REUSES_PARTIAL_FIRST, of groups with windows */
  /* A prompt is found once all of it is computed, an output once it has ended: contents/reuse.c. */
  SCHEDULER_REUSES_COMPUTED = 1 << 25,
  SCHEDULER_COPIES_AHEAD = 1 << 26, /* of need, where it overlaps copies: --swap-ahead */
  SCHEDULER_HAS_GRAPH_MODES = 1 << 27, /* --cudagraph-mode */
  SCHEDULER_WHOLE_GRAPHS = 1 << 28,    /* by default; else it captures graphs in pieces alone */
} SchedulerFeatures;

typedef struct {
  const char *name;
  const char *help;
  guint32 version;       /* of vLLM, 33 for 0.33; 0 for other engines */
  const char *evidence;  /* where its rules were read, and what recordings hold it against them */
  const char *costs_as;  /* the scheduler whose host costs it has; NULL: its own name's */
  guint32 features;      /* SchedulerFeatures */
  guint32 rules;         /* its engine's own flags */
  guint32 hidden_blocks; /* of the pool, which the engine keeps for itself */
  GroupRetention group_retention; /* of the prefix cache, where groups share the pool */
  gboolean
      stops_at_max_model_len;   /* a sequence ends when it is this long; else when it is longer */
  gboolean loses_flying_tokens; /* of what it preempts: the token on its way is sampled again */
  gsize state_bytes; /* of what the engine keeps from step to step, in self->state, zeroed */
  /* These may be NULL. */
  void (*begin)(Scheduler *self); /* before the first step */
  void (*end)(Scheduler *self);   /* before self->state is freed */
  const char *(*refuses)(const Scheduler *self,
                         const Request *request); /* as scheduler_refuses() */
  /* Of a settled step, in its order: the sequence's prompt is computed, and it goes on; or it has
   * ended, and its blocks are about to be given back. */
  void (*prefilled)(Scheduler *self, Sequence *sequence);
  void (*finished)(Scheduler *self, Sequence *sequence);

  void (*schedule)(Scheduler *self, Step *step);
} SchedulerClass;

#define SCHEDULER_VLLM_OLDEST 8
#define SCHEDULER_VLLM_NEWEST 33
/* vLLM 0.8 to 0.33. */
extern const SchedulerClass scheduler_vllm_versions[];
extern const SchedulerClass scheduler_vllm_v1;
extern const SchedulerClass scheduler_vllm_06;
extern const SchedulerClass scheduler_vllm_05;
extern const SchedulerClass scheduler_sglang;
extern const SchedulerClass scheduler_trtllm;

/* One for each set of rules, for whoever goes through them all; NULL-terminated. */
extern const SchedulerClass *const scheduler_classes[];

#define SCHEDULER_ERROR (scheduler_error_quark())
GQuark scheduler_error_quark(void);
typedef enum { SCHEDULER_ERROR_UNKNOWN, SCHEDULER_ERROR_NEWER } SchedulerError;

/* By name: that of a class, "vllm" (the newest), or "vllm-0.MINOR" with or without a patch number.
 * NULL, and a message that says what is known, if there is none. */
const SchedulerClass *scheduler_class_from_name(const char *name, GError **error);
/* All names but those with a patch number, NULL-terminated; the caller frees the array, not them.
 */
const char **scheduler_names(void);
/* The first version of vLLM that has all of `features`; NULL: none has. */
const SchedulerClass *scheduler_class_first_with(guint32 features);

struct Scheduler {
  const SchedulerClass *class;
  SchedulerConfig config;
  const Workload *workload;
  Pool pool;
  guint32 watermark_blocks;
  WaitingQueue waiting;
  SequenceQueue running;
  SequenceQueue swapped;
  SequenceQueue held; /* waiting too, before all others: hold blocks, their KV is being loaded */
  SequenceQueue returning;  /* swapped ones that hold blocks again: they run when copied in */
  SwapCopies *swap_copies;  /* beside the steps; NULL: copies are part of the steps */
  GArray *copied;           /* of StepCopy: ended, and not told with a step yet */
  Offload *offload;         /* NULL: none */
  SequenceQueue prefilling; /* under engines where they join the running ones a step later */
  DecodeClock clock;        /* of those running that decode in every step */
  VictimOrder victims;      /* its members, by the ranks of */
  const VictimPolicy *ordered_by; /* the victim policy, or what bounds it; NULL: there is no order */
  gboolean prices_asked, prices_rise; /* whether the bound holds */
  gboolean list_decodes;    /* somebody reads all of step->entries; set before the first step */
  gboolean needs_decodes;   /* a policy asks what decodes */
  gboolean tell_plans;      /* somebody reads step->plans; set before the first step */
  gboolean stride;          /* of the decision being made */
  SequenceQueue left;       /* sequences that ended since scheduler_take_left() */
  GArray *just_finished;    /* of guint32: requests that the last settled step finished */
  GArray *gaps;             /* of TokenGap: of the last settled step */
  guint finished_room, gaps_room, ended_room; /* for array.h */
  gpointer state;                             /* the engine's own, see state_bytes */
  gboolean in_flight;                         /* a step that took off is not settled */
  guint32 repeats;                            /* of the last one that took off */
  GPtrArray *ended_in_flight;                 /* of Sequence: their last token is in it */
  guint32 lost_tokens; /* of the step in flight: whose requests were preempted since */
  guint64 executed;    /* steps with tokens that have taken off */
  gint64 now_ps;
  DecodeContexts decodes;   /* that ran when the decision began; where the policy asks for them */
  PriceMemo *price_memo;    /* of their load; NULL where no policy asks */
  guint64 dropped_tokens;   /* with prefix caching: of victims, and of them */
  guint64 found_tokens;     /* those that were still there when they came back */
  GPtrArray *keepers;       /* preempted sequences that keep blocks, in the order of preemption */
  guint32 kept_blocks;      /* of them all */
  guint64 changes;          /* of what runs: who joined, left, was preempted */
  gpointer admission_state; /* the policy's */
  GArray *described;        /* of AdmissionSequence, while the policy is asked */
  AdmissionBlocks group_blocks; /* for it */
  guint32 refused;          /* the last request that it refused, */
  guint64 refused_at;       /* and the changes then */
  gboolean memory_bound;    /* the pool ever refused a block; set by engines at each such test */
  SequenceQueue scratch[7]; /* an engine's own lists while it decides a step, else empty */
  GArray *scratch_requests; /* of guint32, the same */

  gboolean tick_in_flight;   /* the clock ticked with a step that is not settled yet */
  GPtrArray *left_in_flight; /* members that left the clock since; of Sequence */
  Sequence *spare;           /* to be used again, linked by `next` */
};

Scheduler *scheduler_new(const SchedulerClass *class, const SchedulerConfig *config,
                         const Workload *workload);
void scheduler_free(Scheduler *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Scheduler, scheduler_free)

static inline gboolean
scheduler_is_pipelined(const Scheduler *self)
{
  return self->config.pipeline_parallel_size > 1;
}

/* Copies are made beside the steps, by native offload or by swaps. */
static inline gboolean
scheduler_copies_beside(const Scheduler *self)
{
  return self->offload != NULL || self->swap_copies != NULL;
}

/* NULL if the server would take this request, else why its front end refuses it (static text). */
const char *scheduler_refuses(const Scheduler *self, const Request *request);

/* Tokens that a sequence may have in steps that are under way at once. */
guint32 scheduler_in_flight_tokens(const SchedulerClass *class, const SchedulerConfig *config);

/* The request of that index joins the waiting ones. */
void scheduler_arrive(Scheduler *self, guint32 request);

/* Decides the next step. If `stride` is TRUE the step may stand for several (step->repeat), and
 * decodes join the clock; otherwise each sequence is handled by itself. */
void scheduler_schedule(Scheduler *self, gint64 now_ps, gboolean stride, Step *step);

/* The first `repeats` of the step are executed, or on their way: its tokens count as computed, so
 * that the next step can be decided. start_ps: when its first starts. Returns the tokens that each
 * repeat yields. */
guint32 scheduler_advance(Scheduler *self, Step *step, guint32 repeats, gint64 start_ps);

/* They are done: the first of them at first_end_ps, the last at end_ps. Whatever had its last token
 * leaves. Every advanced step is settled, in order; with asynchronous scheduling after the next was
 * decided. */
void scheduler_settle(Scheduler *self, const Step *step, gint64 first_end_ps, gint64 end_ps);

/* Sequences that ended; the caller gives each back with scheduler_recycle(). NULL when there is
 * none. */
Sequence *scheduler_take_left(Scheduler *self);
/* Sequences that are still in a queue, for the end of a run; as above. */
Sequence *scheduler_take_unfinished(Scheduler *self);
void scheduler_recycle(Scheduler *self, Sequence *sequence);
guint32 scheduler_unfinished(const Scheduler *self);

/* For engines ------------------------------------------------------------------------------- */

/* The head of the waiting ones, NULL if there is none; and takes it out. */
Sequence *scheduler_waiting_head(Scheduler *self);
Sequence *scheduler_take_waiting(Scheduler *self);
/* The one that waits behind `sequence`; NULL if there is none. */
Sequence *scheduler_waiting_after(Scheduler *self, const Sequence *sequence);

/* With prefix caching: the sequence has its blocks for `tokens` more; those that are then full of
 * tokens that are known count as cached, although they are computed in this step only. */
void scheduler_register(Scheduler *self, Sequence *sequence, guint32 tokens);

/* FALSE if the admission policy keeps the head of the waiting ones, which the engine would admit,
 * out. now_blocks: that it would get now; whole_blocks: for all of its length; both beyond those it
 * has. n_planned: of the engine's own lists, the first so many hold sequences that run. */
gboolean scheduler_admits(Scheduler *self, const Sequence *candidate, guint32 now_blocks,
                          guint32 whole_blocks, guint n_planned);

/* Adds an entry of `tokens` tokens and marks the sequence as scheduled. */
void scheduler_add_entry(Scheduler *self, Step *step, Sequence *sequence, guint32 tokens,
                         EntryKind kind);
/* ENTRY_NEW, ENTRY_RESUMED, ENTRY_CONTINUED or ENTRY_DECODE, from the sequence's state. */
EntryKind scheduler_entry_kind(const Sequence *sequence);

/* Preempts as the overflow policy plans and notes it in the step. The victim is taken out of the
 * queue that it is in; the caller puts it into the next: TRUE if it has blocks on the host to wait
 * for. short_blocks: that the beneficiary lacks. If the host has no room for a copy: recomputes
 * where `can_fall_back`, else the engine dies and step->abort is set. */
gboolean scheduler_preempt(Scheduler *self, Step *step, Sequence *victim,
                           const Sequence *beneficiary, guint32 short_blocks,
                           gboolean can_fall_back);

/* Blocks that `sequence` (NULL: anybody) could have without a preemption: those that are free, and
 * those that others keep since they were preempted. */
static inline guint32
scheduler_available_blocks(const Scheduler *self, const Sequence *sequence)
{
  guint32 own = sequence != NULL && sequence->keeps_blocks ? sequence->blocks : 0;

  return self->pool.free_blocks + self->kept_blocks - own;
}
/* Others give back what they keep, the longest preempted first, until `blocks` are free or nobody
 * keeps any. TRUE if so many are free. */
gboolean scheduler_shed(Scheduler *self, Step *step, const Sequence *sequence, guint32 blocks);
static inline gboolean
scheduler_free_up(Scheduler *self, Step *step, const Sequence *sequence, guint32 blocks)
{
  return self->pool.free_blocks >= blocks || scheduler_shed(self, step, sequence, blocks);
}
/* Blocks of the pool that a sequence with blocks on the host fills when it comes back, the ones
 * that it kept among them. */
guint32 scheduler_return_blocks(const Scheduler *self, const Sequence *sequence);
/* Tokens that it has when it comes back, with `hits` leading blocks in the prefix cache. */
guint32 scheduler_return_tokens(const Scheduler *self, const Sequence *sequence, guint32 hits);
/* It takes what was found of it, and what more it needs to hold `blocks`, which must be available.
 * Where groups' blocks have names it takes what holds `tokens` tokens. Notes the copies in the
 * step. */
void scheduler_bring_back(Scheduler *self, Step *step, Sequence *sequence, const PoolPrefix *prefix,
                          guint32 blocks, guint32 tokens);
/* Copies beside the steps (scheduler/copies.c): `blocks` of the sequence's host blocks are filled,
 * or read; a copy ahead takes them. is_last: of the victim's. */
void scheduler_begin_copy_out(Scheduler *self, Step *step, Sequence *victim, guint32 blocks,
                              gboolean waits, gboolean is_last);
void scheduler_begin_copy_ahead(Scheduler *self, Step *step, Sequence *sequence, guint32 blocks);
void scheduler_begin_copy_in(Scheduler *self, Step *step, Sequence *sequence, guint32 blocks);
/* The sequence, which is among the returning ones and has been copied in, is taken out of them. */
void scheduler_join_arrived(Step *step, Sequence *sequence);
/* One way, for the disk or for what follows it: begins; a copy that waited for it does now. */
void scheduler_begin_copy(Scheduler *self, Step *step, CopyDirection direction, Sequence *sequence,
                          guint32 blocks);
void scheduler_release_copy(Scheduler *self, Step *step, CopyDirection direction, SwapJob *job);
/* A disk behind the host (scheduler/disk.c). How long a copy takes, alone on its link; without a
 * cost model one on the device's takes no time. data: the scheduler. */
gint64 scheduler_copy_ps(gpointer data, CopyDirection direction, guint32 blocks);
/* The most blocks that a victim finds room for, now or once others have gone on. */
guint32 scheduler_host_room(const Scheduler *self);
/* FALSE if the victim finds none for `blocks`; others' copies ahead may have given way. Then they
 * are copied out, at once or when they have it. */
gboolean scheduler_find_host_room(Scheduler *self, const Sequence *victim, guint32 blocks);
void scheduler_copy_out(Scheduler *self, Step *step, Sequence *victim, guint32 blocks);
/* For the end of a decision: what waited for the disk begins, and what others wait for goes on. */
void scheduler_move_to_disk(Scheduler *self, Step *step);
/* The sequence is the next to return: TRUE if it may, by what is on the host, or because the host
 * has no room to read it ahead. is_needed: not all that is away is in the prefix cache. */
gboolean scheduler_read_ahead(Scheduler *self, Step *step, Sequence *sequence, gboolean is_needed);
/* The sequence ended: what is not submitted is not made, and what a copy still reads is free when
 * it has ended. */
void scheduler_leave_copies(Scheduler *self, Sequence *sequence);
/* Copies ahead of need (scheduler/ahead.c). For the end of a decision: begins them, and says how
 * far the step may be repeated until there would be more to copy. */
typedef struct {
  guint32 reserve_blocks; /* that must stay free */
  guint32 repeats;        /* at most */
} AheadBound;
AheadBound scheduler_copy_ahead(Scheduler *self, Step *step);
/* Blocks behind those on the host that a victim computes again rather than wait for a copy. */
#define AHEAD_REST_BLOCKS 2
/* The victim, which has copies ahead, goes to the host with all of its blocks. Returns how many of
 * them, the last ones, it computes again instead. */
guint32 scheduler_swap_out_ahead(Scheduler *self, Step *step, Sequence *victim);
/* None is under way: its copies ahead are given up. */
void scheduler_forget_ahead(Scheduler *self, Sequence *sequence);
/* For the loop: what is over by then has ended. TRUE if anything has. */
gboolean scheduler_end_copies(Scheduler *self, gint64 by_ps);
/* For scheduler.c: a decision tells what has ended; it was told, the step is on its way. */
void scheduler_tell_copied(Scheduler *self, Step *step);
void scheduler_forget_copied(Scheduler *self, const Step *step);
/* A preempted sequence runs again, so that what it kept is its own. */
static inline void
scheduler_take_kept(Scheduler *self, Sequence *sequence)
{
  if (!sequence->keeps_blocks)
    return;
  sequence->keeps_blocks = FALSE;
  g_ptr_array_remove(self->keepers, sequence);
  self->kept_blocks -= sequence->blocks;
}

/* The running sequence that goes first by a victim policy that ranks, of those that do not end with
 * the step in flight; NULL if there is none. An engine preempts it before anybody has work in the
 * step, until what is left finds its blocks. Where the policy ranks nobody, the queue's last goes
 * when a block is missing. */
Sequence *scheduler_first_victim(Scheduler *self, const Sequence *beneficiary,
                                 guint32 short_blocks);
/* What a victim policy is told of the sequence, with its counts of now (scheduler/ranks.c). */
VictimCandidate scheduler_victim_candidate(const Scheduler *self, const Sequence *sequence);
/* TRUE if the clock's members are kept in an order. Then one that joins comes among them, or leaves;
 * and the first of them with its rank now, NULL if there is none. */
static inline gboolean
scheduler_orders_victims(const Scheduler *self)
{
  return self->ordered_by != NULL;
}
void scheduler_order_member(Scheduler *self, Sequence *member);
void scheduler_forget_order(Scheduler *self, const Sequence *member);
Sequence *scheduler_first_member(Scheduler *self, gint64 *rank);

/* The engine drops the sequence, which is in no queue now. reason: static text. */
void scheduler_ignore(Scheduler *self, GArray *ignored, Sequence *sequence, const char *reason);

/* A sequence ends once it is this long, tokens. */
guint32 scheduler_longest_length(const Scheduler *self);

/* For engines: the decode clock (scheduler/clock.c). An engine gives its members, which are the
 * oldest of what has work, their blocks, then runs them; what else runs it handles one by one. ---
 */

/* The first running sequence behind all members; NULL if there is none. */
static inline Sequence *
scheduler_first_loose(const Scheduler *self)
{
  Sequence *loose = NULL;

  for (Sequence *s = self->running.tail; s != NULL && !s->in_clock; s = s->previous)
    loose = s;
  return loose;
}
/* A member that needs a block takes it. FALSE if there is none. */
gboolean scheduler_take_due(Scheduler *self, Sequence *member);
/* All members that need one do; then scheduler_note_supplied(). */
void scheduler_take_all_due(Scheduler *self);
/* Where groups share the pool: blocks that the member takes at the coming tick, less those that it
 * gives back first. */
gint64 scheduler_member_lacks(const Scheduler *self, const Sequence *member);
/* The first of those that do gives back what it can; and takes the rest, which must be free. What the
 * cache was to be told of it before nobody could have found: its own outputs. */
void scheduler_begin_change(Scheduler *self, Sequence *member);
void scheduler_end_change(Scheduler *self, Sequence *member);
/* FALSE if no step is in flight, which the members of groups take for granted: then the clock is to
 * be dissolved. */
static inline gboolean
scheduler_groups_may_run(const Scheduler *self)
{
  return self->clock.lag == 0 || self->clock.count == 0 || self->tick_in_flight;
}
/* Every member has the block that it needs. */
void scheduler_note_supplied(Scheduler *self);
/* The step runs all members: their place is behind the entries that it has so far. */
void scheduler_run_members(Scheduler *self, Step *step);
/* The members become sequences like any other; those that the step runs already are listed in it.
 */
void scheduler_dissolve_clock(Scheduler *self, Step *step);
/* The member and those behind it leave the clock; the step does not run them. */
void scheduler_leave_clock_from(Scheduler *self, Sequence *member);
/* What decodes in this step directly behind the members joins them. For the end of a decision. */
void scheduler_join_entries(Scheduler *self, Step *step);
static inline void
scheduler_join_clock(Scheduler *self, Step *step)
{
  if (step->clocked_at < step->entries->len)
    scheduler_join_entries(self, step);
}

/* A step that is nothing but decodes of everything that runs may be repeated until the first
 * completion, or until fewer than `reserve_blocks` blocks would be free. Call after
 * scheduler_join_clock(), when nothing else can change: every queue's head stays blocked while the
 * pool only shrinks. */
void scheduler_set_repeat(Scheduler *self, Step *step, guint32 reserve_blocks);

/* For scheduler.c: the admission policy learns of one that ended well (scheduler/admission.c). */
void scheduler_note_finished(Scheduler *self, const Sequence *sequence);

/* For scheduler.c: overflow (scheduler/overflow.c) ------------------------------------------- */

/* What the overflow policy is asked when the victim goes for the beneficiary. */
OverflowQuery scheduler_overflow_query(const Scheduler *self, const Sequence *victim,
                                       const Sequence *beneficiary, guint32 short_blocks);
/* What decodes now. */
DecodeContexts scheduler_running_decodes(Scheduler *self);
/* A sequence whose gap is computed goes on behind it. */
void scheduler_close_gap(Sequence *sequence);

/* For scheduler.c ------------------------------------------------------------------------- */

/* Lists the members that the step runs, in step->entries. */
void scheduler_list_members(Scheduler *self, Step *step);
/* The clock ticks with the step, after taking what its repeats need. */
void scheduler_tick(Scheduler *self, Step *step, guint32 repeats);
void scheduler_leave_clock(Scheduler *self, Sequence *member);
