/* Admission policies: whether the first of the waiting requests may join those that run, beside
 * what the engine itself asks for.
 *
 * A policy is asked about a request that the engine would admit, while others run; a refusal holds
 * until somebody joins or leaves those that run. A new policy is a file with one AdmissionPolicy,
 * and its line in the table below.
 */
#pragma once

#include "policy.h"
#include "sim/kv_groups.h"

/* A request that runs, or is to. Lengths in tokens. */
typedef struct {
  guint32 length;        /* prompt and what was generated */
  guint32 generated;     /* output tokens so far */
  guint32 max_tokens;    /* output tokens that its client allows: what a server knows */
  guint32 output_tokens; /* that it will have: what no server knows */
} AdmissionSequence;

/* Where groups share the pool: blocks of a sequence in a step that ends with so many tokens,
 * remembered, since each admission asks for them at every moment to come at which somebody ends. */
typedef struct {
  guint32 *more_than; /* by tokens, one more than the blocks; 0: not asked yet */
  guint32 n;          /* of them; 0: none */
} AdmissionBlocks;

enum { ADMISSION_BLOCKS_TOKENS = 1 << 18 }; /* up to so many */

typedef struct {
  AdmissionSequence candidate;
  const AdmissionSequence *running; /* for a policy that sees_running */
  guint32 n_running;                /* of them, at least 1; else 0 */
  guint32 now_blocks;   /* that the engine would give the candidate now, beyond those it has */
  guint32 whole_blocks; /* that its prompt, and what it had generated, need beyond those it has */
  guint32 free_blocks;
  guint32 total_blocks;
  guint32 block_size;
  const KvGroups *groups;   /* that share the pool; NULL: one, of blocks of block_size tokens */
  AdmissionBlocks blocks;   /* of them */
  guint32 in_flight_tokens; /* that a sequence may have in steps that are under way at once */
  gpointer state;
  const PolicyValues *options;
} AdmissionQuery;

typedef struct AdmissionPolicy AdmissionPolicy;

struct AdmissionPolicy {
  Policy base;
  gboolean sees_running; /* it looks at what runs, one by one */
  /* NULL: whatever the engine would admit. */
  gboolean (*admits)(const AdmissionPolicy *self, const AdmissionQuery *query);
  /* What it remembers of a run, at first all zero; `finished` is told of each request that ended
   * well. May be NULL. */
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

/* The most blocks that a sequence ever holds on its way to `tokens`. */
guint64 admission_most_blocks(const AdmissionQuery *query, guint64 tokens);
/* Where groups share the pool: blocks by which a sequence of `length` tokens grows with more. */
guint64 admission_group_growth(const AdmissionQuery *query, guint32 length, guint64 tokens);
/* TRUE if the pool holds what all would hold together at the worst moment to come, if `outputs[i]`
 * output tokens were what the i-th gets in the end (the candidate is the last, i = n_running): each
 * grows by a token a step until it ends. At most a block too many is counted for each. */
gboolean admission_all_fit(const AdmissionQuery *query, const guint32 *outputs);
