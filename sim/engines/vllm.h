/* The scheduler of vLLM 0.8 to 0.33: what its files share. */
#pragma once

#include "sim/array.h"
#include "sim/scheduler.h"

/* Rules that come with a version, and that no option switches. */
typedef enum {
  /* Without chunked prefill the first prompt that does not fit the budget ends the pass. Without
   * the rule it is passed over, and passed over prompts return in reverse order: the engine's
   * mistake. */
  RULE_LONG_PROMPT_STOPS = 1 << 0,
  /* A request that is alone is not cut by the long-prefill threshold. */
  RULE_LONE_REQUEST_UNLIMITED = 1 << 1,
  /* Where states are cached, prefills stop also where a prefix ends that others share; */
  RULE_STOPS_AT_SHARED_PREFIX = 1 << 2,
  /* all chunks but a prefill's last end at whole blocks, not only those before the last kept state;
   */
  RULE_ALIGNS_ALL_CHUNKS = 1 << 3,
  /* and the last state that is kept leaves a token to compute. */
  RULE_LAST_STATE_BEFORE_END = 1 << 4,
  /* A single engine heeds the prefill interval; without the rule only engines that share experts
     do. */
  RULE_PACES_ALONE = 1 << 5,
} VllmRule;

/* With a prefill interval of n, a decision with prefills comes n decisions with tokens after the
 * one before, as long as something decodes and no request was left waiting. */
typedef struct {
  gboolean keeps;      /* there is an interval, and the engine heeds it */
  gint64 last_prefill; /* number of the last decision with a prefill, of those with tokens */
  gboolean bound;      /* requests were left waiting, so prefills are not held back */
} VllmPace;

/* Copies beside the steps: what the last decision found of starved sequences (vllm_starved.c). */
typedef struct {
  gboolean holds; /* every loose sequence starved, and the same state leads to the same decision: */
  guint64 changes;
  guint32 free_blocks, leaving_blocks, kept_blocks, running, owed_blocks, threshold;
  GArray *requests; /* of guint32: the starved ones; NULL before there were any */
} VllmStarved;

/* What the last decision found of who waits, where it was a step of decodes alone and all that
 * waits stays blocked while the pool shrinks and no copy ends (vllm_waiting.c). */
typedef struct {
  gboolean is_noted; /* to find the same again costs more than to note it: blocks are looked up one
                        by one, or many steps are not repeated */
  guint64 decision;  /* Pool.decisions then, and so on */
  guint64 changes;
  const Sequence *head;
  guint32 available_blocks, running, budget, threshold;
} VllmBlocked;

typedef struct {
  VllmPace pace;
  VllmStarved starved;
  VllmBlocked blocked;
} VllmState;

/* What one decision goes by. */
typedef struct {
  Scheduler *self;
  Step *step;
  guint32 budget;          /* tokens that are left */
  guint32 threshold;       /* most tokens of one prompt; 0: any number */
  gboolean hold;           /* no prefills now, by the interval */
  gboolean prefills;       /* the step has a prefill */
  guint32 owed_blocks;     /* that starved sequences wait for, while they are copied out */
  gboolean passes_for_now; /* somebody was passed over who may not be in a later step */
  gboolean unmet;          /* the victim policy found nobody for a sequence that lacks blocks */
  Sequence *behind;        /* the first behind the members, with STARVES_ON */
} VllmDecision;

static inline gboolean
vllm_has_rule(const Scheduler *self, VllmRule rule)
{
  return (self->class->rules & rule) != 0;
}

/* Where `tokens` more tokens after `cached` end. */
static inline guint64
vllm_end_tokens(const Scheduler *self, guint32 cached, guint32 tokens)
{
  return MIN((guint64)cached + tokens, self->config.max_model_len);
}

/* Blocks for `tokens` more tokens after `cached`. */
static inline guint32
vllm_blocks_after(const Scheduler *self, guint32 cached, guint32 tokens)
{
  return pool_step_blocks(&self->pool, cached, cached, vllm_end_tokens(self, cached, tokens));
}

/* Computed tokens without those that a step in flight computes: since 0.26 a window gives back only
 * what a step after the former does not need. */
static inline guint32
vllm_settled_tokens(const Scheduler *self, const Sequence *sequence)
{
  guint32 flying =
      self->class->features & SCHEDULER_GIVES_BACK_SETTLED ? sequence->flying_tokens : 0;

  return sequence->computed_tokens - MIN(flying, sequence->computed_tokens);
}

/* TRUE if another sequence may be admitted, or return. */
static inline gboolean
vllm_may_run_more(const Scheduler *self)
{
  guint32 most = self->config.max_num_active_seqs > 0 ? self->config.max_num_active_seqs
                                                      : self->config.max_num_seqs;

  return self->running.length + self->returning.length < most;
}

/* Tokens of a sequence with `cached` tokens to compute in this step, at most `most`; blocks do not
 * count. */
static inline guint32
vllm_wanted_tokens(const VllmDecision *d, const Sequence *sequence, guint32 cached, guint32 most)
{
  guint32 tokens = sequence_goal_tokens(sequence, cached) - cached;

  if (d->threshold > 0)
    tokens = MIN(tokens, d->threshold);
  return MIN(tokens, most);
}

/* `tokens` after `cached`, cut where a prefill has to stop so that the prefix cache can keep a
 * state (vllm_states.c); 0: nothing can be computed now. */
guint32 vllm_cut_at_states(const VllmDecision *d, const Sequence *sequence, guint32 cached,
                           guint32 tokens);

/* Tokens that a running sequence gets, with `left` of the budget. */
static inline guint32
vllm_running_tokens(const VllmDecision *d, const Sequence *sequence, guint32 left)
{
  const Scheduler *self = d->self;
  guint32 longest = self->config.max_model_len - 1, computed = sequence->computed_tokens;
  guint32 tokens = vllm_wanted_tokens(d, sequence, computed, left);

  if (sequence->ending || (d->hold && sequence->stage == STAGE_PREFILL) ||
      (sequence->in_flight && scheduler_is_pipelined(d->self)))
    return 0;
  tokens = MIN(tokens, longest > computed ? longest - computed : 0);
  return self->pool.groups != NULL ? vllm_cut_at_states(d, sequence, computed, tokens) : tokens;
}

/* Takes the sequence's blocks for `tokens` more tokens. FALSE: there are too few. */
static inline gboolean
vllm_allocate(Scheduler *self, Sequence *sequence, guint32 tokens)
{
  if (!pool_holds(&self->pool, sequence, (guint64)sequence->computed_tokens + tokens)) {
    if (!pool_extend(&self->pool, sequence, vllm_settled_tokens(self, sequence),
                     vllm_end_tokens(self, sequence->computed_tokens, tokens))) {
      self->memory_bound = TRUE;
      return FALSE;
    }
  }
  scheduler_register(self, sequence, tokens);
  return TRUE;
}

/* The victim waits from now on, on the host or with the others. */
void vllm_preempt(VllmDecision *d, Sequence *victim, const Sequence *beneficiary,
                  guint32 short_blocks);
/* With native offload blocks that the step in flight writes must not be freed, since a load may
 * write them at any time. In a pipeline nobody goes whose steps are under way. */
gboolean vllm_may_preempt(const Scheduler *self, const Sequence *victim);
/* FALSE: that is so of all that run. */
gboolean vllm_may_preempt_any(const Scheduler *self);

/* The decode clock's members (vllm_members.c): the first that *left blocks do not reach, and how
 * many it lacks; NULL: they suffice, and *left is what remains. */
Sequence *vllm_first_short_member(Scheduler *self, guint32 *left, guint32 *short_blocks);
/* They get their blocks, the oldest first. FALSE if the running pass ends with one that gets none.
 */
gboolean vllm_supply_members(VllmDecision *d);
/* Copies beside the steps: what is preempted is free later, so that the first member that is short
 * of blocks, or one behind it, may get no token, and leaves the clock. */
void vllm_leave_from_short(Scheduler *self);

/* Brings swapped sequences back. FALSE if a later step might decide otherwise although the pool has
 * only shrunk. */
gboolean vllm_schedule_swapped(VllmDecision *d);
/* Returning sequences whose copies beside the steps have ended run again; of the others those with
 * a gap compute it. */
void vllm_join_returned(VllmDecision *d);
/* Admits held sequences whose KV has come from the host. FALSE if one of them ends the pass. */
gboolean vllm_schedule_held(VllmDecision *d);
/* Admits waiting sequences. FALSE if a later step might decide otherwise although the pool has only
 * shrunk. */
gboolean vllm_schedule_waiting(VllmDecision *d);
/* The same, which notes who is blocked, and does not look again at those that still are. */
gboolean vllm_schedule_waiting_noted(VllmDecision *d);

/* With copies beside the steps: notes what the running pass found of starved sequences. */
void vllm_note_starved(VllmDecision *d);
/* Who starves in this decision, as far as that is known before the running pass. */
typedef enum {
  STARVES_ANEW,      /* nobody that is known, and nobody stands before members who starves */
  STARVES_AS_BEFORE, /* those of the last decision: another pass would find the same */
  STARVES_ON,        /* all that stand before members and starved, and members that are due behind
                        them; the other members find their blocks, and d->behind is behind these */
} VllmStarving;
/* Notes them in the step. */
VllmStarving vllm_look_at_starved(VllmDecision *d);
/* The sequence has no work in this step, since it waits for `more` blocks that are being copied
 * out.
 */
static inline void
vllm_starve(VllmDecision *d, Sequence *sequence, guint32 more)
{
  d->owed_blocks += more;
  /* Who waits for a disk does so for many steps; else to join behind it costs more than it saves.
   */
  if (d->self->pool.groups == NULL && d->self->config.num_disk_blocks > 0)
    sequence->starved_in = d->self->pool.decisions;
  ARRAY_PUSH(d->step->starved, &d->step->starved_room, guint32, sequence->request);
}

/* The hooks of a SchedulerClass whose state is a VllmState. */
void vllm_begin(Scheduler *self);
void vllm_end(Scheduler *self);
void vllm_schedule(Scheduler *self, Step *step);
