/* What one prefill step takes: SGLang's PrefillAdder, for sglang_prefill.c and what it calls. */
#pragma once

#include "sglang.h"

typedef enum { ADD_CONTINUE, ADD_NO_TOKEN, ADD_OTHER } AddResult;

typedef struct {
  Scheduler *scheduler;
  Step *step;
  double total;    /* tokens reserved to the end of each request (sglang_prefill.c) */
  gint64 current;  /* tokens that this step takes */
  gint64 window;   /* with a window pool: tokens reserved there */
  gint64 input;    /* prompt tokens that the step may still take, */
  gint64 chunk;    /* and those left of its chunk; where `chunks` */
  gboolean chunks; /* prompts may be cut */
  guint32 n;       /* sequences of this step's prefills */
  GArray *ends;    /* of ReqEnd (sglang_ignore_eos.c), sorted; NULL until it is needed */
} Adder;

static inline SglangState *
adder_state(const Adder *a)
{
  return a->scheduler->state;
}

static inline gint64
adder_paged(const Adder *a, gint64 tokens)
{
  gint64 page = a->scheduler->config.block_size;

  return (tokens + page - 1) / page * page;
}

static inline gint64
adder_available_tokens(const Adder *a)
{
  return (gint64)sglang_available_blocks(a->scheduler) * a->scheduler->config.block_size;
}

static inline double
adder_left(const Adder *a)
{
  return (double)adder_available_tokens(a) - a->total;
}

static inline gint64
adder_window_left(const Adder *a)
{
  return (gint64)sglang_window_blocks(a->scheduler) * a->scheduler->config.block_size - a->window;
}

/* Tokens of the window pool that a request takes at most for `tokens` tokens of its prompt, of
 * which a step computes no more than a chunk, and new_tokens of output: estimate_swa_kv_tokens().
 */
static inline gint64
adder_window_tokens(const Adder *a, gint64 tokens, gint64 new_tokens)
{
  gint64 window = a->scheduler->pool.window.config.tokens;
  gint64 step = a->chunks ? MIN(tokens, a->chunk) : tokens;

  return MAX(step - window, 0) + MIN(tokens + new_tokens, window) + a->scheduler->config.block_size;
}

static inline AddResult
adder_budget(const Adder *a)
{
  if (adder_left(a) <= 0 || adder_available_tokens(a) - a->current <= 0)
    return ADD_NO_TOKEN;
  if (sglang_has_windows(a->scheduler) && adder_window_left(a) <= 0)
    return ADD_NO_TOKEN;
  return a->input <= 0 || (a->chunks && a->chunk <= 0) ? ADD_OTHER : ADD_CONTINUE;
}

static inline gint64
sglang_planned_outputs(const Sequence *sequence)
{
  return MIN(sequence->max_tokens, SGLANG_CLIP_TOKENS);
}

/* Output tokens that the sequence may still generate, as far as admission plans for them. */
static inline gint64
sglang_outputs_left(const Scheduler *self, const Sequence *sequence)
{
  gint64 left_tokens = (gint64)sequence->max_tokens - sglang_outputs(self, sequence);

  return CLAMP(left_tokens, 0, SGLANG_CLIP_TOKENS);
}

/* Reserves room for `tokens` prompt tokens and new_tokens of output. */
void adder_reserve(Adder *a, gint64 tokens, gint64 new_tokens);
/* With a window pool: how many tokens of a prompt a step may compute, of `tokens` that the sequence
 * lacks; 0: it is not admitted. Where the pool could never hold what the sequence takes there, but
 * a part of its prompt, that part; without chunks all or nothing. */
gint64 adder_window_chunk(const Adder *a, const Sequence *sequence, gint64 tokens);
/* Adds the sequence to the step, with `tokens` of its prompt behind what it has. */
void adder_take(Adder *a, Sequence *sequence, guint32 tokens);
/* Adds the head of the waiting ones, behind what was found of it or what it kept, and reserves room
 * for `reserved` prompt tokens. */
void adder_admit(Adder *a, Sequence *sequence, const PoolPrefix *prefix, gint64 tokens,
                 gboolean is_cut, gint64 reserved);
/* FALSE if the admission policy keeps the sequence out. It lacks `extend` tokens, of which `tokens`
 * are to be computed now. */
gboolean adder_policy_admits(const Adder *a, const Sequence *sequence, gint64 tokens,
                             gint64 extend);

/* Tries to add the head of the waiting ones with --ignore-eos: requests generate all that they may.
 */
AddResult adder_add_ignoring_eos(Adder *a, Sequence *sequence);
/* Adds retracted requests that have blocks on the host, in order of retraction. FALSE: one finds no
 * room, and no other request is admitted. */
gboolean adder_add_returning(Adder *a);
