/* What one prefill step of SGLang's takes: the engine's PrefillAdder. For sglang_prefill.c and what
 * it calls. */
#pragma once

#include "sglang.h"

typedef enum { ADD_CONTINUE, ADD_NO_TOKEN, ADD_OTHER } AddResult;

typedef struct {
  Scheduler *scheduler;
  Step *step;
  double total;    /* tokens */
  gint64 current;  /* tokens */
  gint64 input;    /* tokens of prompts that the step may still take */
  gint64 chunk;    /* the same of its chunk; meaningful where `chunks` */
  gboolean chunks; /* prompts may be cut */
  guint32 n;       /* sequences of this step's prefills */
  GArray *ends;    /* of ReqEnd, sorted; NULL until the first is needed */
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

static inline AddResult
adder_budget(const Adder *a)
{
  if (adder_left(a) <= 0 || adder_available_tokens(a) - a->current <= 0)
    return ADD_NO_TOKEN;
  return a->input <= 0 || (a->chunks && a->chunk <= 0) ? ADD_OTHER : ADD_CONTINUE;
}

static inline gint64
sglang_planned_outputs(const Sequence *sequence)
{
  return MIN(sequence->max_tokens, SGLANG_CLIP_TOKENS);
}

/* What it may still generate. */
static inline gint64
sglang_outputs_left(const Scheduler *self, const Sequence *sequence)
{
  gint64 left_tokens = (gint64)sequence->max_tokens - sglang_outputs(self, sequence);

  return CLAMP(left_tokens, 0, SGLANG_CLIP_TOKENS);
}

/* Keeps free what `tokens` tokens and `new_tokens` more of output will take. */
void adder_reserve(Adder *a, gint64 tokens, gint64 new_tokens);
/* The sequence is in the step, with `tokens` of its prompt after what it has. */
void adder_take(Adder *a, Sequence *sequence, guint32 tokens);
/* The head of the waiting ones is: it begins behind what was found of it, or what it kept.
 * `reserved` tokens are kept free for its prompt. */
void adder_admit(Adder *a, Sequence *sequence, const PoolPrefix *prefix, gint64 tokens,
                 gboolean is_cut, gint64 reserved);
/* FALSE if the admission policy keeps it out, beside the engine's rule. `tokens` of the `extend`
 * that it lacks are to be computed now. */
gboolean adder_policy_admits(const Adder *a, const Sequence *sequence, gint64 tokens,
                             gint64 extend);

/* The head of the waiting ones, where requests are known to generate all that they may. */
AddResult adder_add_ignoring_eos(Adder *a, Sequence *sequence);
/* Those on the host, in order of retraction, each if it could be admitted. FALSE: one could not,
 * and nobody else is. */
gboolean adder_add_returning(Adder *a);
