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
  gpointer state; /* the engine's own, class->state_bytes */
  Pool pool;
  guint32 watermark_blocks;
  gboolean memory_bound; /* the pool refused a block; engines set it wherever they find that */

  /* Queues. A live sequence is in one of these, or, while a step is decided, in one of scratch. */
  WaitingQueue waiting;
  SequenceQueue running;
  SequenceQueue swapped;
  SequenceQueue held;       /* loading KV from the host into blocks of theirs; before `waiting` */
  SequenceQueue returning;  /* swapped in beside the steps: hold blocks, run once copied */
  SequenceQueue prefilling; /* SGLang's last prefills, which join `running` a step later */
  SequenceQueue left;       /* ended since scheduler_take_left() */
  SequenceQueue scratch[7]; /* an engine's lists within a decision; else empty */
  GArray *scratch_requests; /* of guint32: the same for requests */
  guint64
      unfinished_tokens;    /* prompts, and outputs so far, of all that have arrived and not left */
  Sequence *spare;          /* to be used again, linked by `next` */

  /* Settings that hold from the first step on. */
  gboolean decides_ahead; /* a step is decided while another is in flight */
  gboolean copies_beside; /* copies run beside the steps, of native offload or of swaps */
  gboolean list_decodes;  /* somebody reads all of step->entries */
  gboolean needs_decodes; /* a policy asks what decodes */
  gboolean tell_plans;    /* somebody reads step->plans */

  /* The decision that is being made. */
  gint64 now_ps;
  gboolean stride;        /* its step may stand for several */
  gboolean decodes_noted; /* what follows is this decision's */
  DecodeContexts decodes; /* that run as it begins; where needs_decodes or tell_plans */

  /* The decode clock, and the order in which a victim policy takes its members. */
  DecodeClock clock;
  VictimOrder victims;
  const VictimPolicy *ordered_by;     /* the victim policy, or its bound; NULL: there is no order */
  gboolean prices_asked, prices_rise; /* whether a bound holds, once it was asked */
  gboolean cost_rises;                /* the cost model says so; FALSE: or was not asked */

  /* Steps in flight, and the last one that was settled. */
  gboolean in_flight;         /* a step that took off is not settled */
  guint32 repeats;            /* of the last one that took off */
  guint64 executed;           /* steps with tokens that have taken off */
  GPtrArray *ended_in_flight; /* of Sequence: their last token is in flight */
  guint32 lost_tokens;        /* tokens in flight of requests that were preempted since */
  gboolean tick_in_flight;    /* the clock ticked with a step that is not settled */
  GPtrArray *left_in_flight;  /* of Sequence: members that left the clock since */
  GArray *just_finished;      /* of guint32: requests that the last settled step finished */
  GArray *gaps;               /* of TokenGap: of the last settled step */
  guint finished_room, gaps_room, ended_room; /* for array.h */

  /* Preempted sequences, and copies. */
  GPtrArray *keepers;      /* of Sequence: those that keep blocks, in the order of preemption */
  guint32 kept_blocks;     /* by all of them */
  PriceMemo *price_memo;   /* of one decision's load; NULL where no policy asks */
  CopyLoad copy_load;      /* when a policy was asked last */
  guint64 dropped_tokens;  /* of victims, with prefix caching, */
  guint64 found_tokens;    /* and those that were still cached when the victims came back */
  Sequence *first_starved; /* the first that starved of those that members of the decode clock may
                              stand behind; NULL: none (scheduler_join_entries()) */
  SwapCopies *swap_copies; /* beside the steps; NULL: copies are part of the steps */
  gint64 last_layers_ps;   /* layer by layer: the latest end of a copy in that was taken as over
                              before that (scheduler_layers_ahead_ps()) */
  GArray *copied;          /* of StepCopy: ended, and not told with a step yet */
  Offload *offload;        /* NULL: none */

  /* Admission policy. */
  gpointer admission_state;
  GArray *described;            /* of AdmissionSequence, while the policy is asked */
  AdmissionBlocks group_blocks; /* for it */
  guint64 changes;              /* of what runs: sequences that joined, left or were preempted */
  guint32 refused;              /* the last request that the policy refused, */
  guint64 refused_at;           /* and `changes` then */
};

/* config is copied; what it points to, and the workload, is borrowed. */
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

/* The most tokens that steps in flight at once compute of one sequence. */
guint32 scheduler_in_flight_tokens(const SchedulerClass *class, const SchedulerConfig *config);

/* Appends the request to the waiting ones. */
void scheduler_arrive(Scheduler *self, guint32 request);

/* Decides the next step. stride: the step may stand for several (step->repeat), and decodes join
 * the clock; otherwise each sequence is handled by itself. */
void scheduler_schedule(Scheduler *self, gint64 now_ps, gboolean stride, Step *step);

/* The step takes off: `repeats` of it are executed, or on their way, from start_ps on. Its tokens
 * count as computed, so that the next step can be decided. Returns the tokens that each repeat
 * yields. */
guint32 scheduler_advance(Scheduler *self, Step *step, guint32 repeats, gint64 start_ps);

/* The step lands: its first repeat ended at first_end_ps, its last at end_ps. Sequences that got
 * their last token leave. Every advanced step is settled, in order; with asynchronous scheduling
 * after the next one was decided. */
void scheduler_settle(Scheduler *self, const Step *step, gint64 first_end_ps, gint64 end_ps);

/* Takes a sequence that ended; the caller gives it to scheduler_recycle(). NULL: there is none. */
static inline Sequence *
scheduler_take_left(Scheduler *self)
{
  return self->left.head != NULL ? sequence_queue_pop_head(&self->left) : NULL;
}
/* At the end of a run: takes a sequence that is still in a queue; as above. */
Sequence *scheduler_take_unfinished(Scheduler *self);
void scheduler_recycle(Scheduler *self, Sequence *sequence);
/* How many requests are in a queue. */
guint32 scheduler_unfinished(const Scheduler *self);

/* For engines ------------------------------------------------------------------------------- */

/* The head of the waiting ones; NULL: there is none. */
Sequence *scheduler_waiting_head(Scheduler *self);
/* The same, taken out. */
Sequence *scheduler_take_waiting(Scheduler *self);
/* The one that waits behind `sequence`; NULL: there is none. */
Sequence *scheduler_waiting_after(Scheduler *self, const Sequence *sequence);

/* With prefix caching: the sequence has blocks for `tokens` more tokens. Blocks that are full of
 * known tokens count as cached from now on, although they are computed in this very step. */
void scheduler_register(Scheduler *self, Sequence *sequence, guint32 tokens);

/* TRUE if there is an admission policy that may keep requests out. */
static inline gboolean
scheduler_asks_admission(const Scheduler *self)
{
  return self->config.admission != NULL && self->config.admission->admits != NULL;
}
/* FALSE if the admission policy keeps out a candidate that the engine would admit. now_blocks: what
 * it would get now, whole_blocks: what all of its length needs, both beyond the blocks it has.
 * n_planned: the first so many of `scratch` hold sequences that run. */
gboolean scheduler_admits(Scheduler *self, const Sequence *candidate, guint32 now_blocks,
                          guint32 whole_blocks, guint n_planned);

/* Adds an entry to the step: the sequence computes `tokens` tokens. */
void scheduler_add_entry(Scheduler *self, Step *step, Sequence *sequence, guint32 tokens,
                         EntryKind kind);
/* ENTRY_NEW, ENTRY_RESUMED, ENTRY_CONTINUED or ENTRY_DECODE, from the sequence's state. */
EntryKind scheduler_entry_kind(const Sequence *sequence);

/* Preempts the victim as the overflow policy plans, and notes it in the step. Takes the victim out
 * of its queue; the caller puts it into `swapped` if this returns TRUE (it has blocks on the host),
 * else into `waiting`. short_blocks: what the beneficiary lacks. If the host has no room for a copy
 * the victim is recomputed where can_fall_back; otherwise the engine dies, and step->abort is set.
 */
gboolean scheduler_preempt(Scheduler *self, Step *step, Sequence *victim,
                           const Sequence *beneficiary, guint32 short_blocks,
                           gboolean can_fall_back);

/* Blocks that `sequence` (NULL: any) could have without a preemption: the free ones, and those that
 * other preempted sequences keep. */
static inline guint32
scheduler_available_blocks(const Scheduler *self, const Sequence *sequence)
{
  guint32 own = sequence != NULL && sequence->keeps_blocks ? sequence->blocks : 0;

  return self->pool.free_blocks + self->kept_blocks - own;
}
/* Preempted sequences other than `sequence` give back what they keep, the one preempted longest ago
 * first, until `blocks` are free or none keeps any. TRUE if so many are free. */
gboolean scheduler_shed(Scheduler *self, Step *step, const Sequence *sequence, guint32 blocks);
/* The same, where so many are not free already. */
static inline gboolean
scheduler_free_up(Scheduler *self, Step *step, const Sequence *sequence, guint32 blocks)
{
  return self->pool.free_blocks >= blocks ||
         (self->kept_blocks > 0 && scheduler_shed(self, step, sequence, blocks));
}
/* GPU blocks that a swapped sequence fills when it comes back, those that it kept included. */
guint32 scheduler_return_blocks(const Scheduler *self, const Sequence *sequence);
/* Tokens that it then has, with `hits` leading blocks in the prefix cache. */
guint32 scheduler_return_tokens(const Scheduler *self, const Sequence *sequence, guint32 hits);
/* Brings it back: it takes what was found of it and what it lacks to hold `blocks` blocks or, where
 * groups' blocks have ids, `tokens` tokens; that must be free. Notes the copies in the step. */
void scheduler_bring_back(Scheduler *self, Step *step, Sequence *sequence, const PoolPrefix *prefix,
                          guint32 blocks, guint32 tokens);
/* Copies beside the steps (scheduler/copies.c). Begins to copy blocks of the victim to host blocks
 * that it has. waits: for room there; is_last: no other copy of it follows. */
void scheduler_begin_copy_out(Scheduler *self, Step *step, Sequence *victim, guint32 blocks,
                              gboolean waits, gboolean is_last);
/* Begins to copy a running sequence's next full blocks, ahead of need, and takes host blocks for
 * them.
 */
void scheduler_begin_copy_ahead(Scheduler *self, Step *step, Sequence *sequence, guint32 blocks);
/* Begins to copy a returning sequence's blocks into GPU blocks that it has. */
void scheduler_begin_copy_in(Scheduler *self, Step *step, Sequence *sequence, guint32 blocks);
/* Takes a sequence that has been copied in out of `returning`. */
void scheduler_join_arrived(Step *step, Sequence *sequence);
/* Begins a copy that waits for nothing, one way. */
void scheduler_begin_copy(Scheduler *self, Step *step, CopyDirection direction, Sequence *sequence,
                          guint32 blocks);
/* Begins a copy that waited for the disk. */
void scheduler_release_copy(Scheduler *self, Step *step, CopyDirection direction, SwapJob *job);
/* How long a copy takes alone on its link, a CopyDuration; without a cost model one on the device's
 * link takes no time. data: the scheduler. */
gint64 scheduler_copy_ps(gpointer data, CopyDirection direction, guint32 blocks);
/* A disk behind the host (scheduler/disk.c). The most blocks that a victim finds room for on the
 * host, now or once others have gone on to the disk. */
guint32 scheduler_host_room(const Scheduler *self);
/* TRUE if a victim finds room for `blocks` on the host, now or later; drops others' copies ahead
 * where that helps. */
gboolean scheduler_find_host_room(Scheduler *self, const Sequence *victim, guint32 blocks);
/* Copies so many blocks of the victim out, at once or when the host has room. */
void scheduler_copy_out(Scheduler *self, Step *step, Sequence *victim, guint32 blocks);
/* At the end of a decision: begins copies that waited for the disk, and those that others wait for.
 */
void scheduler_move_to_disk(Scheduler *self, Step *step);
/* TRUE if the sequence, which is the next to return, may: its blocks are on the host, or the host
 * has no room to read them into. Else they are being read. is_needed: FALSE if the prefix cache has
 * all. */
gboolean scheduler_read_ahead(Scheduler *self, Step *step, Sequence *sequence, gboolean is_needed);
/* The sequence ended: drops its copies that are not submitted; what a copy still reads is free when
 * that has ended. */
void scheduler_leave_copies(Scheduler *self, Sequence *sequence);
/* How far a step may be repeated before there is more to copy ahead. */
typedef struct {
  guint32 reserve_blocks; /* that must stay free */
  guint32 repeats;        /* at most */
} AheadBound;
/* Copies ahead of need (scheduler/ahead.c). At the end of a decision: begins them. */
AheadBound scheduler_copy_ahead(Scheduler *self, Step *step);
/* A victim computes so many blocks behind those on the host again rather than wait for a copy. */
#define AHEAD_REST_BLOCKS 2
/* Swaps out a victim that has copies ahead. Returns how many of its blocks, the last ones, are
 * computed again instead of copied. */
guint32 scheduler_swap_out_ahead(Scheduler *self, Step *step, Sequence *victim);
/* Gives up the sequence's copies ahead, none of which may be under way. */
void scheduler_forget_ahead(Scheduler *self, Sequence *sequence);
/* For the loop: ends the copies that are over at by_ps. TRUE if there are any. */
gboolean scheduler_end_copies(Scheduler *self, gint64 by_ps);
/* Layer by layer: how long before its end a copy in is taken as over; else 0. */
gint64 scheduler_layers_ahead_ps(Scheduler *self);
/* For scheduler.c: tells the step which copies have ended; */
void scheduler_tell_copied(Scheduler *self, Step *step);
/* and forgets them once the step has taken off. */
void scheduler_forget_copied(Scheduler *self, const Step *step);
/* A preempted sequence runs again, or leaves: what it kept counts as its own. */
static inline void
scheduler_take_kept(Scheduler *self, Sequence *sequence)
{
  if (!sequence->keeps_blocks)
    return;
  sequence->keeps_blocks = FALSE;
  g_ptr_array_remove(self->keepers, sequence);
  self->kept_blocks -= sequence->blocks;
}

/* The running sequence that the victim policy takes first, of those that do not end with the step
 * in flight; NULL: the policy ranks none of them. An engine preempts it before any sequence has
 * work in the step, and again, until the others find their blocks. Where the policy ranks nobody,
 * the queue's last goes when a block is missing. */
Sequence *scheduler_first_victim(Scheduler *self, const Sequence *beneficiary,
                                 guint32 short_blocks);
/* What a victim policy is told of the sequence, with its present counts (scheduler/ranks.c). */
VictimCandidate scheduler_victim_candidate(const Scheduler *self, const Sequence *sequence);
/* TRUE if the clock's members are kept in the victim policy's order. */
static inline gboolean
scheduler_orders_victims(const Scheduler *self)
{
  return self->ordered_by != NULL;
}
/* Adds a member to the order. */
void scheduler_put_in_order(Scheduler *self, Sequence *member);
/* The same where there is an order; and takes a member out of it. */
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
/* The first member in the order, and its present rank; NULL: there is none. */
Sequence *scheduler_first_member(Scheduler *self, gint64 *rank);

/* The engine drops a sequence that is in no queue. reason: static text. */
void scheduler_ignore(Scheduler *self, GArray *ignored, Sequence *sequence, const char *reason);

/* A sequence ends when it has so many tokens. */
static inline guint32
scheduler_longest_length(const Scheduler *self)
{
  return self->config.max_model_len + (self->class->stops_at_max_model_len ? 0 : 1);
}

/* For engines: the decode clock (scheduler/clock.c) -------------------------------------------- */

/* The members stand first among the running sequences that have work. An engine gives them their
 * blocks, then runs them; the other running sequences, which are loose, it handles one by one. */

/* The first running sequence behind all members; NULL: there is none. */
static inline Sequence *
scheduler_first_loose(const Scheduler *self)
{
  Sequence *loose = NULL;

  for (Sequence *s = self->running.tail; s != NULL && !s->in_clock; s = s->previous)
    loose = s;
  return loose;
}
/* A member that is due takes its block. FALSE: none is free. */
gboolean scheduler_take_due(Scheduler *self, Sequence *member);
/* All members that are due take their blocks, which must be free; includes
 * scheduler_note_supplied().
 */
void scheduler_take_all_due(Scheduler *self);
/* With groups: blocks that the member takes at the coming tick, less those that it gives back
 * first. */
gint64 scheduler_member_lacks(const Scheduler *self, const Sequence *member);
/* With groups: the first member whose blocks change gives back what it can. What the prefix cache
 * is told of it only now nobody could have found before: its own outputs. */
void scheduler_begin_change(Scheduler *self, Sequence *member);
/* It takes what it lacks, which must be free. */
void scheduler_end_change(Scheduler *self, Sequence *member);
/* Both for all members that change at a tick that is so much later than the coming one. */
void scheduler_change_all(Scheduler *self, guint32 later);
/* FALSE if the clock must be dissolved: with groups its members count on a step in flight. */
static inline gboolean
scheduler_groups_may_run(const Scheduler *self)
{
  return self->clock.lag == 0 || self->clock.count == 0 || self->tick_in_flight;
}
/* Every member has the blocks that it needs for the coming tick. */
void scheduler_note_supplied(Scheduler *self);
/* The step runs all members, behind the entries that it has so far. */
void scheduler_run_members(Scheduler *self, Step *step);
/* The same, but for those that are absent. */
void scheduler_run_present_members(Scheduler *self, Step *step);
/* All members leave the clock; those that the step runs already become entries of it. */
void scheduler_dissolve_clock(Scheduler *self, Step *step);
/* The member and those behind it leave the clock, and are not run. */
void scheduler_leave_clock_from(Scheduler *self, Sequence *member);
/* Without groups: the member gets no block in this step, and is not run, nor are those behind it.
 * They stay members, but where nobody would tick without them, or some of them missed the tick
 * before. */
void scheduler_miss_from(Scheduler *self, Sequence *member);
/* TRUE if a step that is not settled runs the member. */
static inline gboolean
scheduler_member_is_in_flight(const Scheduler *self, const Sequence *member)
{
  return self->tick_in_flight && !decode_clock_missed(&self->clock, member);
}
/* Nobody stands before members any more who starved: the members behind leave the clock. */
void scheduler_end_starving(Scheduler *self);
/* At the end of a decision: entries that decode directly behind the members join the clock. Who
 * starved (starved_in) stands in nobody's way: an engine that notes that asks at the next decision
 * whether all those do who stand before members, or calls scheduler_end_starving(). */
void scheduler_join_entries(Scheduler *self, Step *step);
/* The same, where there are such entries. */
static inline void
scheduler_join_clock(Scheduler *self, Step *step)
{
  if (step->clocked_at < step->entries->len)
    scheduler_join_entries(self, step);
}

/* Sets step->repeat of a step that only decodes, and decodes all that runs: up to the first
 * completion, or until fewer than reserve_blocks blocks would be free. The caller has called
 * scheduler_join_clock(), and knows that every queue's head stays blocked while the pool shrinks.
 */
void scheduler_set_repeat(Scheduler *self, Step *step, guint32 reserve_blocks);

/* For progress.c: tells the admission policy of a finished sequence (scheduler/admission.c). */
void scheduler_note_finished(Scheduler *self, const Sequence *sequence);

/* For scheduler/: overflow (scheduler/overflow.c) --------------------------------------------- */

/* What the overflow policy is asked when a victim, which is to be set, goes for the beneficiary.
 * Valid while the decision is made, until the next is asked for. */
OverflowQuery scheduler_overflow_query(Scheduler *self, const Sequence *beneficiary,
                                       guint32 short_blocks);
/* The contexts of all that decodes. */
DecodeContexts scheduler_running_decodes(Scheduler *self);
/* Before anybody is evicted: notes those that decode as the decision begins, where they are asked
 * for. Few decisions evict. */
static inline void
scheduler_note_decodes(Scheduler *self)
{
  if (self->decodes_noted || !(self->needs_decodes || self->tell_plans))
    return;
  self->decodes = scheduler_running_decodes(self);
  self->decodes_noted = TRUE;
}
/* A sequence that has computed its gap goes on behind what was copied. */
static inline void
scheduler_close_gap(Sequence *sequence)
{
  if (sequence->gap_end_tokens == 0 || sequence->computed_tokens < sequence->gap_end_tokens)
    return;
  sequence->computed_tokens = sequence->tail_end_tokens;
  sequence->stage = sequence->decodes_after_gap ? STAGE_DECODE : STAGE_PREFILL;
  sequence->gap_end_tokens = sequence->tail_end_tokens = 0;
}

/* For scheduler/: the decode clock ------------------------------------------------------------ */

/* Lists the members that the step runs, in step->entries. */
void scheduler_list_members(Scheduler *self, Step *step);
/* Before the tick: those that are absent miss it. Notes which of those that the step runs missed
 * the one before. */
void scheduler_miss_tick(Scheduler *self, Step *step);
/* Takes the blocks that the step's repeats need, and ticks the clock. */
void scheduler_tick(Scheduler *self, Step *step, guint32 repeats);
/* One member leaves the clock, its state brought up to date. */
void scheduler_leave_clock(Scheduler *self, Sequence *member);
