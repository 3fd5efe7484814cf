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
#include "scheduler_class.h"
#include "scheduler_config.h"
#include "step.h"
#include "swap_copies.h"
#include "victim_order.h"
#include "waiting.h"

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
  gboolean decides_ahead;   /* a step while another is in flight */
  gboolean copies_beside;   /* the steps, by native offload or by swaps */
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
static inline Sequence *
scheduler_take_left(Scheduler *self)
{
  return self->left.head != NULL ? sequence_queue_pop_head(&self->left) : NULL;
}
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

/* An admission policy is asked: one that keeps requests out. */
static inline gboolean
scheduler_asks_admission(const Scheduler *self)
{
  return self->config.admission != NULL && self->config.admission->admits != NULL;
}
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
void scheduler_put_in_order(Scheduler *self, Sequence *member);
static inline void
scheduler_order_member(Scheduler *self, Sequence *member)
{
  if (scheduler_orders_victims(self))
    scheduler_put_in_order(self, member);
}
static inline void
scheduler_forget_order(Scheduler *self, const Sequence *member)
{
  if (scheduler_orders_victims(self))
    victim_order_remove(&self->victims, member);
}
Sequence *scheduler_first_member(Scheduler *self, gint64 *rank);

/* The engine drops the sequence, which is in no queue now. reason: static text. */
void scheduler_ignore(Scheduler *self, GArray *ignored, Sequence *sequence, const char *reason);

/* A sequence ends once it is this long, tokens. */
static inline guint32
scheduler_longest_length(const Scheduler *self)
{
  return self->config.max_model_len + (self->class->stops_at_max_model_len ? 0 : 1);
}

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
static inline void
scheduler_close_gap(Sequence *sequence)
{
  if (sequence->gap_end_tokens == 0 || sequence->computed_tokens < sequence->gap_end_tokens)
    return;
  sequence->computed_tokens = sequence->tail_end_tokens;
  sequence->stage = sequence->decodes_after_gap ? STAGE_DECODE : STAGE_PREFILL;
  sequence->gap_end_tokens = sequence->tail_end_tokens = 0;
}

/* For scheduler.c ------------------------------------------------------------------------- */

/* Lists the members that the step runs, in step->entries. */
void scheduler_list_members(Scheduler *self, Step *step);
/* The clock ticks with the step, after taking what its repeats need. */
void scheduler_tick(Scheduler *self, Step *step, guint32 repeats);
void scheduler_leave_clock(Scheduler *self, Sequence *member);
