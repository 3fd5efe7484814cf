/* A step: what a scheduler decided, and all that an executor needs to run it.
 *
 * The scheduler fills it, the executor reads it, observers log it. `repeat` is the seam of the
 * closed form: a step of plain decodes may stand for that many identical steps in a row, in which
 * only the contexts grow, by one token each. The arrays belong to the step and are reused.
 */
#pragma once

#include <glib.h>

typedef enum {
  ENTRY_NEW = 'n',       /* first prefill (chunk) ever */
  ENTRY_RESUMED = 'r',   /* first prefill (chunk) after a recompute preemption */
  ENTRY_CONTINUED = 'c', /* a further chunk of a partial prefill */
  ENTRY_DECODE = 'd',
  ENTRY_DECODE_SWAPPED_IN = 's',  /* decode of a request swapped in in this very step */
  ENTRY_PREFILL_SWAPPED_IN = 'S', /* the same for a partial prefill */
} EntryKind;

typedef struct {
  guint32 request;
  guint32 tokens;            /* computed for it in this step */
  guint32 cached_tokens;     /* whose KV is in the pool already */
  guint32 recomputed_tokens; /* of `tokens`, those whose KV was there once and was dropped */
  guint8 kind;               /* an EntryKind */
  guint8 samples;            /* 1 if it yields a token at the end of the step */
} StepEntry;

typedef enum { OVERFLOW_RECOMPUTE, OVERFLOW_SWAP } OverflowAction;

const char *overflow_action_name(OverflowAction action);

typedef struct {
  guint32 request;     /* who was preempted */
  guint32 beneficiary; /* for whom; itself where nobody else was left */
  guint32 blocks;      /* GPU blocks that it gave back */
  guint32 tokens_lost; /* tokens whose KV was dropped; 0 if swapped */
  OverflowAction action;
  gboolean fell_back; /* the policy wanted to swap, the host had no room */
} StepVictim;

typedef struct {
  guint32 request;
  guint32 blocks; /* copied from the host */
} StepSwapIn;

typedef struct {
  guint32 request;
  guint32 tokens; /* of its prompt found in the prefix cache on admission */
} StepHit;

typedef struct {
  GArray *entries;      /* of StepEntry, in the scheduler's own output order */
  GPtrArray *sequences; /* the scheduler's own record of each entry; for nobody else */
  GArray *victims;      /* of StepVictim, in the order of preemption */
  GArray *swapped_in;   /* of StepSwapIn, in order */
  GArray *ignored;      /* of guint32: requests that the scheduler dropped */
  GArray *hits;         /* of StepHit, in order of admission */
  guint32 n_decodes;    /* entries that are ENTRY_DECODE */
  guint32 copy_out_blocks;
  guint32 copy_in_blocks;

  /* Identical steps that this one may stand for, at least 1; more only if every entry is
   * ENTRY_DECODE and nothing else happened. growth[i % block_size] blocks are taken by repeat i + 1
   * (i >= 0), so it is defined only where repeat > 1. */
  guint32 repeat;
  guint32 *growth;
  guint32 block_size;

  /* State right after the decision, before it runs. */
  guint32 gpu_free_blocks;
  guint32 host_free_blocks;
  guint32 waiting;
  guint32 running;
  guint32 swapped;

  gboolean
      idle_changes;  /* an empty step that must still be stepped through, since it moved a queue */
  const char *abort; /* static text: the engine died in this decision; NULL otherwise */
} Step;

Step *step_new(guint32 block_size);
void step_free(Step *step);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Step, step_free)
void step_clear(Step *step);

/* TRUE if the decision holds nothing at all: no work, no victim, nobody ignored. */
gboolean step_is_empty(const Step *step);
/* TRUE if it is decodes and nothing else at all: what may be repeated. */
gboolean step_is_only_decodes(const Step *step);
