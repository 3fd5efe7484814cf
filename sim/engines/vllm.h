/* The scheduler of vLLM 0.8 to 0.33: what its files share. */
#pragma once

#include "sim/scheduler.h"

/* Rules that no option switches. */
typedef enum {
  /* Without chunked prefill the first prompt that does not fit the budget ends the pass. Before, it
   * was passed over, and what was passed over returned in reverse order: the engine's mistake. */
  RULE_LONG_PROMPT_STOPS = 1 << 0,
  /* A request that is alone has no long-prefill threshold. */
  RULE_LONE_REQUEST_UNLIMITED = 1 << 1,
  /* Where states are cached, prefills stop where a prefix ends that others share, too, */
  RULE_STOPS_AT_SHARED_PREFIX = 1 << 2,
  /* and a chunk that ends a prompt is no more cut to whole blocks than before it; */
  RULE_ALIGNS_ALL_CHUNKS = 1 << 3,
  /* what is kept last leaves a token to compute. */
  RULE_LAST_STATE_BEFORE_END = 1 << 4,
  /* The prefill interval is heeded by a single engine; before, only by engines that share experts.
   */
  RULE_PACES_ALONE = 1 << 5,
} VllmRule;

/* With a prefill interval of I, I decisions with tokens lie between two with prefills, as long as
 * something decodes and nobody was left waiting. */
typedef struct {
  gboolean keeps;      /* there is an interval, and the engine heeds it */
  gint64 last_prefill; /* decisions with tokens up to the last that had a prefill, it included */
  gboolean bound;      /* requests were left waiting: then prefills are not held back */
} VllmPace;

/* Copies beside the steps: what the last decision found of sequences that starve (vllm_starved.c).
 */
typedef struct {
  gboolean holds;  /* all that ran beside the clock starved, and the same decision would find so */
  guint64 changes; /* of what runs, then; and so on */
  guint32 free_blocks, leaving_blocks, kept_blocks, running, owed_blocks, threshold;
  GArray *requests; /* of guint32: of them; NULL before the first */
} VllmStarved;

typedef struct {
  VllmPace pace;
  VllmStarved starved;
} VllmState;

/* What one decision goes by. */
typedef struct {
  Scheduler *self;
  Step *step;
  guint32 budget;      /* tokens that are left */
  guint32 threshold;   /* most tokens of one prompt; 0: no limit */
  gboolean hold;       /* no prefill now, by the interval */
  gboolean prefills;   /* the step has one */
  guint32 owed_blocks; /* that starved sequences wait for: copies beside the steps free them */
  gboolean unmet;      /* a policy that ranks had nobody for one that lacks blocks */
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

/* Tokens that it has computed but for those that a step in flight still computes: since 0.26 a
 * window gives back only what these do not need. */
static inline guint32
vllm_settled_tokens(const Scheduler *self, const Sequence *sequence)
{
  guint32 flying =
      self->class->features & SCHEDULER_GIVES_BACK_SETTLED ? sequence->flying_tokens : 0;

  return sequence->computed_tokens - MIN(flying, sequence->computed_tokens);
}

/* TRUE if one more may run, or return, before admission stops. */
static inline gboolean
vllm_may_run_more(const Scheduler *self)
{
  guint32 most = self->config.max_num_active_seqs > 0 ? self->config.max_num_active_seqs
                                                      : self->config.max_num_seqs;

  return self->running.length + self->returning.length < most;
}

/* Tokens of `sequence` to compute in this step, at most `most`, without regard to blocks. */
static inline guint32
vllm_wanted_tokens(const VllmDecision *d, const Sequence *sequence, guint32 cached, guint32 most)
{
  guint32 tokens = sequence_goal_tokens(sequence, cached) - cached;

  if (d->threshold > 0)
    tokens = MIN(tokens, d->threshold);
  return MIN(tokens, most);
}

/* What is left of `tokens` where a prefill has to stop, behind `cached`, so that the prefix cache
 * can keep a state (vllm_states.c); 0: nothing can be computed now. */
guint32 vllm_cut_at_states(const VllmDecision *d, const Sequence *sequence, guint32 cached,
                           guint32 tokens);

/* Tokens that a running sequence gets of those that are left of the budget. */
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

/* Blocks for `tokens` more of the sequence. FALSE: there are too few. */
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

/* The decode clock's members (vllm_members.c): the first that *left blocks do not reach, and how
 * many it lacks; NULL: they suffice, and *left is what remains. */
Sequence *vllm_first_short_member(Scheduler *self, guint32 *left, guint32 *short_blocks);
/* They get their blocks, the oldest first. FALSE if the running pass ends with one that gets none.
 */
gboolean vllm_supply_members(VllmDecision *d);
/* Copies beside the steps: what is preempted is free later, so that the first member that is short
 * of blocks, or one behind it, may get no token, and leaves the clock. */
void vllm_leave_from_short(Scheduler *self);

/* Swapped sequences begin to return, or return. FALSE if a later step might decide otherwise
 * although the pool has only shrunk. */
gboolean vllm_schedule_swapped(VllmDecision *d);
/* Those whose copies beside the steps have ended run again; of the others who has a gap computes
 * it.
 */
void vllm_join_returned(VllmDecision *d);
/* Sequences that wait with blocks, whose KV has come from the host. FALSE if one of them ends the
 * pass. */
gboolean vllm_schedule_held(VllmDecision *d);
/* The waiting ones. FALSE if a later step might decide otherwise although the pool has only shrunk.
 */
gboolean vllm_schedule_waiting(VllmDecision *d);

/* With copies beside the steps. The running pass has ended: what it found of those that starve is
 * kept. And TRUE if another would find the same, which is then noted in the step. */
void vllm_note_starved(VllmDecision *d);
gboolean vllm_starves_as_before(VllmDecision *d);

/* The hooks of a SchedulerClass whose state is a VllmState. */
void vllm_begin(Scheduler *self);
void vllm_end(Scheduler *self);
void vllm_schedule(Scheduler *self, Step *step);
