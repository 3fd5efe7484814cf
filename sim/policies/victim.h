/* Victim policies: who is preempted when the pool cannot supply a block.
 *
 * A policy ranks what runs; the engine preempts the first of the ranking, and again, until what is
 * left of the running sequences finds its blocks. One that ranks nobody takes the running queue's
 * last, as vLLM does. A new policy is a file with one VictimPolicy, and its line in the table
 * below.
 */
#pragma once

#include "overflow.h"

typedef struct {
  const Sequence *sequence; /* whose counts of tokens and blocks may be older than these */
  guint32 computed_tokens;
  guint32 generated_tokens;
  guint32 blocks;
} VictimCandidate;

typedef struct {
  const OverflowPolicy *overflow; /* what would happen to the victim, */
  const OverflowQuery *eviction;  /* asked of it with this, but for the victim; NULL: moves_alike */
  const PolicyValues *options;
} VictimQuery;

/* The rank of a sequence that is not to go. */
#define VICTIM_NEVER G_MININT64

typedef struct VictimPolicy VictimPolicy;

struct VictimPolicy {
  Policy base;
  gboolean needs_decodes; /* it asks for query->eviction->decodes */
  gboolean of_engine; /* an engine with an order of its own goes by that where nobody is ranked */
  /* The rank is the sequence's own, whatever the eviction, never VICTIM_NEVER, and changes by
   * rank_per_token with each token that it decodes, as everybody's does. Then those that decode are
   * kept in order (sim/victim_order.h) and nobody looks through them. Two ranks differ by less than
   * 2^63. Tokens are all that may move it: not the blocks. */
  gboolean moves_alike;
  gint64 rank_per_token;
  /* Where what returns cost rises with the tokens that are computed, whoever ranks lower by this
   * one, which moves alike, ranks no higher. Then few of those that decode are asked. May be NULL.
   */
  const VictimPolicy *bounded_by;
  /* The highest goes, of equals the newest. NULL, or VICTIM_NEVER for all: the last of the running
   * queue goes. Asked of each running sequence at an eviction, and at no other time; where ranks
   * move alike, of a sequence that decodes when it begins to, and not again. */
  gint64 (*rank)(const VictimPolicy *self, const VictimQuery *query,
                 const VictimCandidate *candidate);
};

/* The order of an engine that has one of its own (SCHEDULER_OWN_VICTIMS), where none of the table
 * is asked for. It ranks nobody. */
extern const VictimPolicy victim_engine;

/* The table, in the order of the lists; the first is the default. */
#define VICTIM_POLICIES(ENTRY)                                                                     \
  ENTRY(victim_newest)                                                                             \
  ENTRY(victim_oldest)                                                                             \
  ENTRY(victim_fewest_outputs)                                                                     \
  ENTRY(victim_longest)                                                                            \
  ENTRY(victim_shortest)                                                                           \
  ENTRY(victim_least_computed)                                                                     \
  ENTRY(victim_cheapest)                                                                           \
  ENTRY(victim_least_left)                                                                         \
  ENTRY(victim_most_left)

#define VICTIM_DECLARE(name) extern const VictimPolicy name;
VICTIM_POLICIES(VICTIM_DECLARE)

/* The same, NULL-terminated. */
extern const VictimPolicy *const victim_policies[];
