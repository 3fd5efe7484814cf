/* Admission policies: whether a waiting request may join those that run, beyond what the engine
 * itself asks for.
 *
 * A policy is asked about a request that the engine would admit, while others run; a refusal holds
 * until somebody joins or leaves those that run. A new policy is a file with one AdmissionPolicy,
 * and its line in the table below.
 */
#pragma once

#include "policy.h"
#include "sim/kv_groups.h"

/* A request that runs, or is to run. Lengths in tokens. */
typedef struct {
  guint32 length;        /* prompt and output so far */
  guint32 generated;     /* output tokens so far */
  guint32 max_tokens;    /* output tokens that its client allows, as a server knows */
  guint32 output_tokens; /* output tokens that it will have, as no server knows */
} AdmissionSequence;

/* Where groups share the pool: blocks of a sequence in a step that ends with so many tokens,
 * remembered, since each admission asks for them at every coming end of a request. */
typedef struct {
  guint32 *more_than; /* [n] by tokens: one more than the blocks; 0: not asked yet */
  guint32 n;          /* 0: nothing is remembered */
} AdmissionBlocks;

enum { ADMISSION_BLOCKS_TOKENS = 1 << 18 }; /* up to so many tokens */

typedef struct {
  AdmissionSequence candidate;
  const AdmissionSequence *running; /* [n_running] for a policy that sees_running */
  guint32 n_running;                /* at least 1; 0 for a policy that does not */
  guint32 now_blocks;   /* that the engine would give the candidate now, beyond those it has */
  guint32 whole_blocks; /* that its whole length needs beyond those it has */
  guint32 free_blocks;
  guint32 total_blocks;
  guint32 block_size;
  const KvGroups *groups;   /* that share the pool; NULL: one, with blocks of block_size tokens */
  AdmissionBlocks blocks;   /* of the groups */
  guint32 in_flight_tokens; /* the most that steps in flight at once compute of one sequence */
  gpointer state;           /* the policy's, state_bytes */
  const PolicyValues *options;
} AdmissionQuery;

typedef struct AdmissionPolicy AdmissionPolicy;

struct AdmissionPolicy {
  Policy base;
  gboolean sees_running; /* it reads query->running */
  /* TRUE if the candidate may run. NULL: it always may. */
  gboolean (*admits)(const AdmissionPolicy *self, const AdmissionQuery *query);
  /* What it keeps from one question to the next, at first all zero; `finished`, which may be NULL,
   * is told of each request that finished. */
  gsize state_bytes;
  void (*finished)(gpointer state, const PolicyValues *options, const AdmissionSequence *sequence);
};

/* The table, in the order of the lists; the first is the default. */
#define ADMISSION_POLICIES(ENTRY)                                                                  \
  ENTRY(admission_engine)                                                                          \
  ENTRY(admission_whole_prompt)                                                                    \
  ENTRY(admission_watermark)                                                                       \
  ENTRY(admission_reserve)                                                                         \
  ENTRY(admission_no_evict)                                                                        \
  ENTRY(admission_past_future)                                                                     \
  ENTRY(admission_known_lengths)

#define ADMISSION_DECLARE(name) extern const AdmissionPolicy name;
ADMISSION_POLICIES(ADMISSION_DECLARE)

/* The same, NULL-terminated. */
extern const AdmissionPolicy *const admission_policies[];

/* The most blocks that a sequence holds on its way to `tokens`. */
guint64 admission_most_blocks(const AdmissionQuery *query, guint64 tokens);
/* Where groups share the pool: by how many blocks a sequence of `length` tokens grows with `tokens`
 * more; 0 where it shrinks. */
guint64 admission_group_growth(const AdmissionQuery *query, guint32 length, guint64 tokens);
/* TRUE if the pool holds all sequences at the worst moment to come, where each grows by a token a
 * step and the i-th ends with outputs[i] output tokens; outputs[n_running] is the candidate's.
 * Counts at most a block too many for each. */
gboolean admission_all_fit(const AdmissionQuery *query, const guint32 *outputs);
